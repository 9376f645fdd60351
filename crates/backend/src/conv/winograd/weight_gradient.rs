//! The gradient of the weights from transformed tiles of images and of output gradients.

use rayon::prelude::*;

use super::super::super::memory::Buffer;
use super::super::kernel::{self, LANES, Outer};
use super::super::weight_gradient::add_up;
use super::super::weights::Layout;
use super::tiles::{Part, Tiling, blocks};
use super::weights::gather;

/// Desired number of tasks. A constant, because the order of summation must not depend on the machine.
const TASKS: usize = 32;

/// With at least this many sums (floats), a task computes one product of all tiles instead of all products of some tiles, because the
/// sums would not stay in a cache.
const MANY_SUMS: usize = 1 << 18;

/// Floats of transformed tiles that are held at a time in that case.
const WAVE: usize = 1 << 24;

/// Writes the gradient of weights `[outputs, inputs, z, y, x]`.
pub fn weight_gradient(tiling: &Tiling, input: &[f32], gradient: &[f32], layout: &Layout, output: &mut [f32]) {
    let (count, width) = blocks(tiling.channels[0]);
    let lanes = tiling.channels[1].div_ceil(LANES) * LANES;
    let outer = Products { tiling, images: [input, gradient], sums: tiling.taps * count * width * lanes };
    let parts = tiling.parts();
    let sums = match tiling.products() * outer.sums < MANY_SUMS {
        true => outer.in_slabs(&parts),
        false => outer.one_by_one(&parts),
    };
    gather(tiling, &sums, layout, output);
}

/// Products of transformed images and transformed gradients, summed over the tiles.
struct Products<'a> {
    tiling: &'a Tiling,
    images: [&'a [f32]; 2],
    /// Floats of the sums of one product: `[group, input channel, lane]`.
    sums: usize,
}

impl Products<'_> {
    /// All products of some parts per task; the slabs of parts are added at the end.
    fn in_slabs(&self, parts: &[Part]) -> Buffer {
        let slabs = TASKS.min(parts.len()).max(1);
        let products = self.tiling.products();
        let sums = products * self.sums;
        let mut partial = Buffer::new(slabs * sums);
        partial.par_chunks_mut(sums).enumerate().for_each(|(slab, sums)| {
            sums.fill(0.0);
            for part in &parts[slab * parts.len() / slabs..(slab + 1) * parts.len() / slabs] {
                let [inputs, gradients] = self.transform(part);
                let inputs = inputs.chunks_exact(inputs.len() / products);
                let gradients = gradients.chunks_exact(gradients.len() / products);
                for ((input, gradient), sums) in inputs.zip(gradients).zip(sums.chunks_exact_mut(self.sums)) {
                    self.add(part, input, gradient, sums);
                }
            }
        });
        add_up(&mut partial, sums);
        partial
    }

    /// One product of all parts per task.
    fn one_by_one(&self, parts: &[Part]) -> Buffer {
        let products = self.tiling.products();
        let mut sums = Buffer::new(products * self.sums);
        sums.par_chunks_exact_mut(self.sums).for_each(|sums| sums.fill(0.0));
        let floats = parts.first().map_or(1, |part| {
            self.tiling.transformed_input(part) + products * self.tiling.count(part) * self.tiling.channels[1]
        });
        for wave in parts.chunks((WAVE / floats.max(1)).max(1)) {
            let transformed: Vec<_> = wave.par_iter().map(|part| self.transform(part)).collect();
            sums.par_chunks_exact_mut(self.sums).enumerate().for_each(|(product, sums)| {
                for (part, [input, gradient]) in wave.iter().zip(&transformed) {
                    let [of_input, of_gradient] = [input.len() / products, gradient.len() / products];
                    let input = &input[product * of_input..][..of_input];
                    let gradient = &gradient[product * of_gradient..][..of_gradient];
                    self.add(part, input, gradient, sums);
                }
            });
        }
        sums
    }

    /// The transformed input and gradient of a part.
    fn transform(&self, part: &Part) -> [Buffer; 2] {
        let tiles = self.tiling.count(part);
        let [input, gradient] = self.images;
        let mut inputs = Buffer::new(self.tiling.transformed_input(part));
        self.tiling.transform_input(&self.tiling.images(input), part, &mut inputs);
        let mut gradients =
            Buffer::new(self.tiling.products() * self.tiling.channels[1].div_ceil(LANES) * tiles * LANES);
        self.tiling.transform_gradient(gradient, part, &mut gradients);
        [inputs, gradients]
    }

    /// Adds the outer products of one product's tiles: `[group, input channel, lane]`.
    fn add(&self, part: &Part, inputs: &[f32], gradients: &[f32], sums: &mut [f32]) {
        let ([rows, tiles], (count, width)) = (self.tiling.planes(part), blocks(self.tiling.channels[0]));
        let (isa, block) = (self.tiling.isa, tiles * LANES);
        let inputs_summed = self.tiling.taps * count;
        let groups = gradients
            .chunks(isa.group() * rows * block)
            .zip(sums.chunks_mut(isa.group() * LANES * inputs_summed * width));
        for (gradient, sums) in groups {
            let blocks = gradient.len() / (rows * block);
            for (index, sums) in sums.chunks_exact_mut(width * blocks * LANES).enumerate() {
                let operands = Outer {
                    input: &inputs[index * block..],
                    gradient,
                    run: width,
                    blocks,
                    input_column: LANES,
                    input_row: count * block,
                    gradient_block: rows * block,
                    gradient_row: block,
                    gradient_column: LANES,
                };
                kernel::outer(isa, &operands, rows, tiles, sums);
            }
        }
    }
}
