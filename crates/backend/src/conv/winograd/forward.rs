//! From transformed tiles to images.

use rayon::prelude::*;

use super::super::super::isa::Isa;
use super::super::super::memory::Buffer;
use super::super::kernel::{self, LANES, OUTPUT, OUTPUTS};
use super::super::padded::Images;
use super::super::weights::Layout;
use super::tiles::{Part, Tiling, blocks};
use super::weights::Transformed;

/// With at least this many transformed weights (floats), a task computes one product of all tiles instead of all products of some
/// tiles, because the weights would not stay in a cache.
const MANY_WEIGHTS: usize = 1 << 18;

/// Floats of transformed tiles that are held at a time in that case.
const WAVE: usize = 1 << 24;

/// A part, and the rows of the output that it writes, plane by plane.
struct Task<'a> {
    part: Part,
    planes: Vec<&'a mut [f32]>,
}

/// Writes the images `[batch, z, y, x, outputs]` of a convolution, or of its data gradient where the layout is swapped.
pub fn convolve(
    tiling: &Tiling,
    input: &[f32],
    weights: &[f32],
    layout: &Layout,
    bias: Option<&[f32]>,
    output: &mut [f32],
) {
    if output.is_empty() {
        return;
    }
    let images = tiling.images(input);
    let weights = Transformed::new(tiling, weights, layout);
    let mut biases = vec![0.0; weights.lanes];
    if let Some(bias) = bias {
        biases[..bias.len()].copy_from_slice(bias);
    }
    let mut tasks = tasks(tiling, output);
    let products = Products { tiling, weights: &weights, biases: &biases };
    if weights.values.len() < MANY_WEIGHTS {
        tasks.par_iter_mut().for_each(|task| products.all(&images, task));
        return;
    }
    let floats = tasks.first().map_or(1, |task| products.transformed(&task.part).iter().sum::<usize>());
    for wave in tasks.chunks_mut((WAVE / floats.max(1)).max(1)) {
        products.one_by_one(&images, wave);
    }
}

fn tasks<'a>(tiling: &Tiling, output: &'a mut [f32]) -> Vec<Task<'a>> {
    let [depth, height, length] = tiling.output;
    let row = length * tiling.channels[1];
    let extent = tiling.extent();
    let rows = extent.rows * OUTPUT;
    let mut tasks: Vec<_> = tiling.parts().into_iter().map(|part| Task { part, planes: Vec::new() }).collect();
    let (per_plane, per_image) = (height.div_ceil(rows), tiling.tiles()[0].div_ceil(extent.planes));
    for (index, plane) in output.chunks_exact_mut(height * row).enumerate() {
        let planes = index / depth * per_image + index % depth / extent.planes;
        for (part, rows) in plane.chunks_mut(rows * row).enumerate() {
            tasks[planes * per_plane + part].planes.push(rows);
        }
    }
    tasks
}

/// Products of transformed tiles and transformed weights.
struct Products<'a> {
    tiling: &'a Tiling,
    weights: &'a Transformed,
    biases: &'a [f32],
}

impl Products<'_> {
    /// Floats of a part's transformed input and output.
    fn transformed(&self, part: &Part) -> [usize; 2] {
        [self.tiling.transformed_input(part), self.tiling.products() * self.tiling.count(part) * self.weights.lanes]
    }

    /// Computes one part, from the transform to the voxels.
    fn all(&self, images: &Images, task: &mut Task) {
        let [input, output] = self.transformed(&task.part);
        let (mut inputs, mut outputs) = (Buffer::new(input), Buffer::new(output));
        self.tiling.transform_input(images, &task.part, &mut inputs);
        let count = self.tiling.products();
        let parts = inputs.chunks_exact(input / count).zip(outputs.chunks_exact_mut(output / count));
        for (product, (input, output)) in parts.enumerate() {
            self.multiply(product, input, &task.part, output);
        }
        self.finish(&outputs, task);
    }

    /// Computes some parts together: all transforms, then product by product, then all voxels.
    fn one_by_one(&self, images: &Images, tasks: &mut [Task]) {
        let sizes: Vec<_> = tasks.iter().map(|task| self.transformed(&task.part)).collect();
        let [mut inputs, mut outputs]: [Vec<Buffer>; 2] =
            std::array::from_fn(|which| sizes.iter().map(|size| Buffer::new(size[which])).collect());
        inputs.par_iter_mut().zip(tasks.par_iter()).for_each(|(input, task)| {
            self.tiling.transform_input(images, &task.part, input);
        });
        let count = self.tiling.products();
        let mut by_product: Vec<Vec<&mut [f32]>> = (0..count).map(|_| Vec::with_capacity(tasks.len())).collect();
        for output in &mut outputs {
            let size = output.len() / count;
            for (list, part) in by_product.iter_mut().zip(output.chunks_exact_mut(size)) {
                list.push(part);
            }
        }
        by_product.into_par_iter().enumerate().for_each(|(product, outputs)| {
            for ((output, input), task) in outputs.into_iter().zip(&inputs).zip(tasks.iter()) {
                let size = input.len() / count;
                self.multiply(product, &input[product * size..][..size], &task.part, output);
            }
        });
        tasks.par_iter_mut().zip(outputs.par_iter()).for_each(|(task, output)| self.finish(output, task));
    }

    /// One product: `[group, plane, tile, lane]` from `[plane, block, tile, lane]`.
    fn multiply(&self, product: usize, input: &[f32], part: &Part, output: &mut [f32]) {
        let ([rows, tiles], (blocks, width)) = (self.tiling.planes(part), blocks(self.tiling.channels[0]));
        let offsets: Vec<_> = (0..self.tiling.taps * blocks).map(|block| block * tiles * LANES).collect();
        let isa: Isa = self.tiling.isa;
        let wide = isa.group() * LANES;
        for (group, output) in output.chunks_mut(rows * tiles * wide).enumerate() {
            let lanes = output.len() / (rows * tiles);
            for piece in self.weights.pieces(product, group * wide) {
                let operands = kernel::Gather {
                    input,
                    offsets: &offsets[piece.blocks.clone()],
                    run: width,
                    weights: piece.values,
                    blocks: lanes / LANES,
                    input_column: LANES,
                    input_row: blocks * tiles * LANES,
                    output_column: lanes,
                    output_row: tiles * lanes,
                    add: piece.blocks.start > 0,
                };
                kernel::gather(isa, &operands, rows, tiles, output);
            }
        }
    }

    /// Transforms the products back and writes the voxels that lie within the output.
    fn finish(&self, products: &[f32], task: &mut Task) {
        let wide = self.tiling.isa.group() * LANES;
        let tiles = self.tiling.count(&task.part);
        let step = tiles * self.weights.lanes;
        let transforms = self.tiling.transforms();
        let mut voxels = [0.0; OUTPUTS * LANES];
        for tile in 0..tiles {
            let place = self.tiling.place(&task.part, tile);
            for (block, bias) in self.biases.as_chunks::<LANES>().0.iter().enumerate() {
                let first = block * LANES / wide * wide;
                let lanes = wide.min(self.weights.lanes - first);
                let start = first * tiles + tile * lanes + block * LANES - first;
                transforms.output(&products[start..], step, bias, &mut voxels);
                self.write(&voxels, place, block * LANES, task.planes[place[0]]);
            }
        }
    }

    /// Writes a tile's voxels into its plane's rows.
    fn write(&self, voxels: &[f32], [_, y, x]: [usize; 3], first: usize, plane: &mut [f32]) {
        let channels = self.tiling.channels[1];
        let (length, side) = (self.tiling.output[2], OUTPUT);
        let count = LANES.min(channels - first);
        let columns = side.min(length - x * side);
        let start = (y * side * length + x * side) * channels + first;
        let rows = plane.get_mut(start..).unwrap_or_default().chunks_mut(length * channels);
        for (row, voxels) in rows.zip(voxels.chunks_exact(side * LANES)).take(side) {
            for (voxel, values) in row.chunks_mut(channels).zip(voxels.chunks_exact(LANES)).take(columns) {
                match count {
                    LANES => voxel[..LANES].copy_from_slice(&values[..LANES]),
                    _ => voxel[..count].copy_from_slice(&values[..count]),
                }
            }
        }
    }
}
