//! The transform of weights, and its adjoint for their gradients.

use rayon::prelude::*;

use super::super::super::memory::Buffer;
use super::super::kernel::{LANES, TAPS};
use super::super::weights::Layout;
use super::tiles::{Tiling, blocks};

/// Blocks of input channels whose weights lie together.
const BLOCKS: usize = 4;

/// `G g` for every pair of channels: `[part of the input channels, group, product, input channel, lane]`. Taps along z, over which the
/// products sum, count as further input channels: all channels of one tap, then those of the next.
pub struct Transformed {
    /// The values.
    pub values: Buffer,
    /// Lanes of all groups, and of one.
    pub lanes: usize,
    group: usize,
    products: usize,
    /// Blocks of input channels, and channels of each.
    blocks: usize,
    width: usize,
}

/// Weights of one product, for a group of output channels and some blocks of input channels.
pub struct Piece<'a> {
    /// `[input channel, lane]`.
    pub values: &'a [f32],
    /// The blocks.
    pub blocks: std::ops::Range<usize>,
}

impl Transformed {
    /// Transforms weights for groups of `group` lanes.
    pub fn new(tiling: &Tiling, weights: &[f32], layout: &Layout) -> Self {
        let (transforms, group) = (tiling.transforms(), tiling.isa.group() * LANES);
        let (of_tap, width) = blocks(layout.inputs);
        let blocks = tiling.taps * of_tap;
        let lanes = layout.outputs.div_ceil(LANES) * LANES;
        let values = Buffer::new(tiling.products() * blocks * width * lanes);
        let mut result = Self { values, lanes, group, blocks, width, products: tiling.products() };
        let mut pieces = Vec::new();
        let mut rest: &mut [f32] = &mut result.values;
        for block in (0..blocks).step_by(BLOCKS) {
            let inputs = block * width..(block + BLOCKS).min(blocks) * width;
            for first in (0..lanes).step_by(group) {
                let wide = group.min(lanes - first);
                let (piece, others) = rest.split_at_mut(tiling.products() * inputs.len() * wide);
                pieces.push((piece, inputs.clone(), first, wide));
                rest = others;
            }
        }
        pieces.into_par_iter().for_each(|(piece, inputs, first, wide)| {
            let step = inputs.len() * wide;
            for (row, input) in inputs.enumerate() {
                for block in (0..wide).step_by(LANES) {
                    let (z, input) = (input / (of_tap * width), input % (of_tap * width));
                    let taps = taps(weights, layout, first + block, input, (z, tiling.edge * tiling.edge));
                    transforms.taps(&taps, &mut piece[row * wide + block..], step);
                }
            }
        });
        result
    }

    /// The weights of one product for the group that begins at a lane, part by part of the input channels.
    pub fn pieces(&self, product: usize, first: usize) -> impl Iterator<Item = Piece<'_>> {
        let wide = self.group.min(self.lanes - first);
        (0..self.blocks).step_by(BLOCKS).map(move |block| {
            let blocks = block..(block + BLOCKS).min(self.blocks);
            let inputs = blocks.len() * self.width;
            let start = self.products * (block * self.width * self.lanes + first * inputs) + product * inputs * wide;
            Piece { values: &self.values[start..start + inputs * wide], blocks }
        })
    }
}

/// The taps in plane `z` of a block of output channels and one input channel, `[tap, lane]`; reversed for a swapped layout.
fn taps(
    weights: &[f32],
    layout: &Layout,
    first: usize,
    input: usize,
    (z, of_plane): (usize, usize),
) -> [f32; TAPS * LANES] {
    let mut result = [0.0; TAPS * LANES];
    let count = layout.taps();
    let known = if input < layout.inputs { LANES.min(layout.outputs - first) } else { 0 };
    for lane in 0..known {
        let kernel = &weights[layout.place(first + lane, input)..][..count];
        for tap in 0..of_plane {
            let index = z * of_plane + tap;
            result[tap * LANES + lane] = kernel[if layout.swapped { count - 1 - index } else { index }];
        }
    }
    result
}

/// Turns the gradient of transformed weights, `[product, group, input channel, lane]`, into that of weights
/// `[outputs, inputs, z, y, x]`.
pub fn gather(tiling: &Tiling, products: &[f32], layout: &Layout, output: &mut [f32]) {
    let (transforms, group) = (tiling.transforms(), tiling.isa.group() * LANES);
    let (count, width) = blocks(layout.inputs);
    let (of_tap, taps, of_plane) = (count * width, layout.taps(), tiling.edge * tiling.edge);
    let inputs = tiling.taps * of_tap;
    let lanes = layout.outputs.div_ceil(LANES) * LANES;
    output.par_chunks_mut((LANES * layout.inputs * taps).max(1)).enumerate().for_each(|(block, output)| {
        let first = block * LANES / group * group;
        let wide = group.min(lanes - first);
        let mut gradient = [0.0; TAPS * LANES];
        for (input, z) in (0..layout.inputs).flat_map(|input| (0..tiling.taps).map(move |z| (input, z))) {
            let start = first * inputs + (z * of_tap + input) * wide + block * LANES - first;
            transforms.tap_gradient(&products[start..], lanes * inputs, &mut gradient);
            for (lane, output) in output.chunks_exact_mut(layout.inputs * taps).enumerate() {
                for (tap, value) in output[input * taps + z * of_plane..][..of_plane].iter_mut().enumerate() {
                    *value = gradient[tap * LANES + lane];
                }
            }
        }
    });
}
