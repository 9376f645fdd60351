//! The gradient of a convolution's weights: for every pair of channels and every tap, the sum over all positions of output
//! gradient times input.

use rayon::prelude::*;

use super::super::isa::Isa;
use super::super::memory::Buffer;
use super::axis::Axis;
use super::kernel::{self, LANES, Outer};
use super::padded::Padded;
use super::weights::Layout;

/// Desired number of tasks: enough for many cores, few enough that their partial sums stay small. A constant, because the order of
/// summation must not depend on the machine.
const TASKS: usize = 64;

/// Positions that are processed at a time: their gradients stay in the L1 cache while the loop runs over the taps.
const POSITIONS: usize = 128;

/// A weight gradient's operands.
pub struct WeightGradient<'a> {
    /// Instruction set.
    pub isa: Isa,
    /// The convolution's input.
    pub input: &'a Padded<'a>,
    /// Gradient of its output, with channels padded to whole blocks of [`LANES`].
    pub gradient: &'a Padded<'a>,
    /// The convolution's axes.
    pub axes: &'a [Axis; 3],
    /// Layout of the weights; `outputs` are the convolution's outputs.
    pub layout: Layout,
    /// Images.
    pub batch: usize,
}

/// How the work is divided.
struct Cut {
    groups: usize,
    slabs: usize,
    /// Floats in the sums of a full group.
    sums: usize,
}

impl WeightGradient<'_> {
    /// Writes the gradient in the order of the weights' tensor.
    pub fn run(&self, output: &mut [f32]) {
        let wide = self.isa.group() * LANES;
        let groups = self.gradient.channels.div_ceil(wide);
        let planes = self.batch * self.axes[0].outputs;
        let slabs = TASKS.div_ceil(groups).min(planes).max(1);
        let sums = self.layout.taps() * self.input.channels * wide;
        let cut = Cut { groups, slabs, sums };
        let mut partial = Buffer::new(groups * slabs * sums);
        partial.par_chunks_mut(sums).enumerate().for_each(|(index, sums)| {
            sums.fill(0.0);
            self.compute(&cut, index, sums);
        });
        partial.par_chunks_mut(slabs * sums).for_each(|slabs| add_up(slabs, sums));
        self.spread(&cut, &partial, output);
    }

    /// Sums of one group of output channels over one slab of planes.
    fn compute(&self, cut: &Cut, index: usize, sums: &mut [f32]) {
        let (slab, group) = (index % cut.slabs, index / cut.slabs);
        let depth = self.axes[0].outputs;
        let planes = self.batch * depth;
        let first = group * self.isa.group() * LANES;
        let blocks = self.isa.group().min((self.gradient.channels - first) / LANES);
        for plane in slab * planes / cut.slabs..(slab + 1) * planes / cut.slabs {
            let input = plane / depth * self.input.image();
            let gradient = plane / depth * self.gradient.image() + first;
            self.add_plane(plane % depth, input, gradient, blocks, sums);
        }
    }

    fn add_plane(&self, z: usize, input: usize, gradient: usize, blocks: usize, sums: &mut [f32]) {
        let [height, length] = [self.axes[1].outputs, self.axes[2].outputs];
        let [depth_taps, height_taps, length_taps] = self.layout.kernel;
        let run = length_taps * self.input.channels;
        let rows = (POSITIONS / length.max(1)).clamp(1, height.max(1));
        let before = self.gradient.before;
        for y in (0..height).step_by(rows) {
            let rows = rows.min(height - y);
            let place = gradient
                + (before[0] + z) * self.gradient.plane()
                + (before[1] + y) * self.gradient.row()
                + before[2] * self.gradient.channels;
            for (tap, sums) in sums.chunks_exact_mut(run * blocks * LANES).take(depth_taps * height_taps).enumerate() {
                let [tap_z, tap_y] = [tap / height_taps, tap % height_taps];
                let input = input
                    + (z * self.axes[0].input_step + tap_z) * self.input.plane()
                    + (y * self.axes[1].input_step + tap_y) * self.input.row();
                let operands = Outer {
                    input: &self.input.values()[input..],
                    gradient: &self.gradient.values()[place..],
                    run,
                    blocks,
                    input_column: self.axes[2].input_step * self.input.channels,
                    input_row: self.axes[1].input_step * self.input.row(),
                    gradient_block: LANES,
                    gradient_row: self.gradient.row(),
                    gradient_column: self.gradient.channels,
                };
                kernel::outer(self.isa, &operands, rows, length, sums);
            }
        }
    }

    /// Brings the sums into the order of the weights' tensor.
    fn spread(&self, cut: &Cut, partial: &[f32], output: &mut [f32]) {
        let taps = self.layout.taps();
        let wide = self.isa.group() * LANES;
        let row = self.layout.inputs * taps;
        output.par_chunks_mut(row.max(1)).enumerate().for_each(|(channel, output)| {
            let (group, lane) = (channel / wide, channel % wide);
            let lanes = wide.min(self.gradient.channels - group * wide);
            let sums = &partial[group * cut.slabs * cut.sums..];
            for (input, output) in output.chunks_exact_mut(taps).enumerate() {
                for (tap, value) in output.iter_mut().enumerate() {
                    *value = sums[(tap * self.input.channels + input) * lanes + lane];
                }
            }
        });
        debug_assert!(cut.groups * wide >= self.layout.outputs);
    }
}

/// Floats per task of [`add_up`].
const ADDED: usize = 1 << 14;

/// Adds the later slabs to the first, in order.
pub fn add_up(slabs: &mut [f32], sums: usize) {
    let (total, rest) = slabs.split_at_mut(sums);
    total.par_chunks_mut(ADDED).enumerate().for_each(|(index, total)| {
        for slab in rest.chunks_exact(sums) {
            for (total, value) in total.iter_mut().zip(&slab[index * ADDED..]) {
                *total += value;
            }
        }
    });
}
