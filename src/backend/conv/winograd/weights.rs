//! Weights in transformed form, and the way back for their gradients.

use rayon::prelude::*;

use super::super::super::memory::Buffer;
use super::super::kernel::{LANES, MOST_TAPS, Transforms};
use super::super::weights::Layout;
use super::tiles::blocks;

/// Blocks of input channels whose weights lie together.
const BLOCKS: usize = 4;

/// `G g` for every pair of channels: `[part of the input channels, group, product, input channel, lane]`.
pub struct Transformed {
    /// The values.
    pub values: Buffer,
    /// Products.
    products: usize,
    /// Lanes of all groups, and of one.
    pub lanes: usize,
    group: usize,
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
    pub fn new(transforms: Transforms, weights: &[f32], layout: &Layout, group: usize) -> Self {
        let (blocks, width) = blocks(layout.inputs);
        let (products, lanes) = (transforms.products(), layout.outputs.div_ceil(LANES) * LANES);
        let values = Buffer::new(products * blocks * width * lanes);
        let mut result = Self { values, products, lanes, group, blocks, width };
        let mut pieces = Vec::new();
        let mut rest: &mut [f32] = &mut result.values;
        for block in (0..blocks).step_by(BLOCKS) {
            let inputs = block * width..(block + BLOCKS).min(blocks) * width;
            for first in (0..lanes).step_by(group) {
                let wide = group.min(lanes - first);
                let (piece, others) = rest.split_at_mut(products * inputs.len() * wide);
                pieces.push((piece, inputs.clone(), first, wide));
                rest = others;
            }
        }
        pieces.into_par_iter().for_each(|(piece, inputs, first, wide)| {
            let step = inputs.len() * wide;
            for (row, input) in inputs.enumerate() {
                for block in (0..wide).step_by(LANES) {
                    let taps = taps(weights, layout, first + block, input);
                    transforms.taps(&taps, &mut piece[row * wide + block..], step);
                }
            }
        });
        result
    }

    /// The weights of one product for the group that begins with a lane, part by part of the input channels.
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

/// The taps of a block of output channels and one input channel, `[tap, lane]`; reversed for a swapped layout.
fn taps(weights: &[f32], layout: &Layout, first: usize, input: usize) -> [f32; MOST_TAPS * LANES] {
    let mut result = [0.0; MOST_TAPS * LANES];
    let count = layout.taps();
    let known = if input < layout.inputs { LANES.min(layout.outputs - first) } else { 0 };
    for lane in 0..known {
        let place = layout.place(first + lane, input);
        for (index, value) in weights[place..place + count].iter().enumerate() {
            let tap = if layout.swapped { count - 1 - index } else { index };
            result[tap * LANES + lane] = *value;
        }
    }
    result
}

/// Turns the gradient of transformed weights, `[product, group, input channel, lane]`, into that of weights
/// `[outputs, inputs, z, y, x]`.
pub fn gather(transforms: Transforms, products: &[f32], layout: &Layout, group: usize, output: &mut [f32]) {
    let (count, width) = blocks(layout.inputs);
    let (inputs, taps) = (count * width, layout.taps());
    let lanes = layout.outputs.div_ceil(LANES) * LANES;
    output.par_chunks_mut((LANES * layout.inputs * taps).max(1)).enumerate().for_each(|(block, output)| {
        let first = block * LANES / group * group;
        let wide = group.min(lanes - first);
        let mut gradient = [0.0; MOST_TAPS * LANES];
        for input in 0..layout.inputs {
            let start = first * inputs + input * wide + block * LANES - first;
            transforms.tap_gradient(&products[start..], lanes * inputs, &mut gradient);
            for (lane, output) in output.chunks_exact_mut(layout.inputs * taps).enumerate() {
                for (tap, value) in output[input * taps..][..taps].iter_mut().enumerate() {
                    *value = gradient[tap * LANES + lane];
                }
            }
        }
    });
}
