//! Weights in the kernels' layout.

use rayon::prelude::*;

use super::axis::Axis;
use super::blocked::Blocked;
use super::kernel::LANES;

/// How a weight tensor `[.., .., z, y, x]` is read: as a convolution's, or with input and output channels swapped.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Output channels of the gather.
    pub outputs: usize,
    /// Input channels of the gather.
    pub inputs: usize,
    /// Kernel `[z, y, x]`.
    pub kernel: [usize; 3],
    /// Whether the tensor is `[inputs, outputs, z, y, x]` instead of `[outputs, inputs, z, y, x]`.
    pub swapped: bool,
}

impl Layout {
    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Where the kernel of a pair of channels begins.
    fn place(&self, output: usize, input: usize) -> usize {
        match self.swapped {
            false => (output * self.inputs + input) * self.taps(),
            true => (input * self.outputs + output) * self.taps(),
        }
    }
}

/// Weights of one phase: `[group, run of taps, step, block, LANES]`.
pub struct Phase {
    /// The values, group after group.
    pub values: Vec<f32>,
    /// Floats of a full group.
    pub group: usize,
    /// Where each run of taps begins in the blocked input, relative to the output's own place.
    pub offsets: Vec<usize>,
    /// Steps of a run: taps along x × channels of a block.
    pub run: usize,
}

/// Packs the taps of one phase per axis for groups of `group` blocks.
pub fn pack(
    weights: &[f32],
    layout: &Layout,
    axes: &[Axis; 3],
    phase: [usize; 3],
    input: &Blocked,
    group: usize,
) -> Phase {
    let taps: [&[usize]; 3] = std::array::from_fn(|axis| axes[axis].phases[phase[axis]].taps.as_slice());
    let runs: Vec<_> = (0..input.blocks)
        .flat_map(|block| (0..taps[0].len()).flat_map(move |z| (0..taps[1].len()).map(move |y| (block, z, y))))
        .filter(|_| !taps[2].is_empty())
        .collect();
    let offsets =
        runs.iter().map(|&(block, z, y)| block * input.block() + z * input.plane() + y * input.row()).collect();
    let run = taps[2].len() * input.width;
    let lanes = group * LANES;
    let size = runs.len() * run * lanes;
    let blocks = layout.outputs.div_ceil(LANES);
    let mut values = vec![0.0; runs.len() * run * blocks * LANES];
    if size > 0 {
        values.par_chunks_mut(size).enumerate().for_each(|(index, values)| {
            let lanes = values.len() / (runs.len() * run);
            let first = index * size / (runs.len() * run);
            for (&(block, z, y), values) in runs.iter().zip(values.chunks_exact_mut(run * lanes)) {
                let line = (taps[0][z] * layout.kernel[1] + taps[1][y]) * layout.kernel[2];
                pack_run(weights, layout, values, (first, lanes), (block * input.width, input.width), line, taps[2]);
            }
        });
    }
    Phase { values, group: size, offsets, run }
}

fn pack_run(
    weights: &[f32],
    layout: &Layout,
    values: &mut [f32],
    (first, lanes): (usize, usize),
    (start, width): (usize, usize),
    line: usize,
    taps: &[usize],
) {
    for channel in 0..width.min(layout.inputs.saturating_sub(start)) {
        for lane in 0..lanes.min(layout.outputs - first) {
            let place = layout.place(first + lane, start + channel) + line;
            for (step, tap) in taps.iter().enumerate() {
                values[(step * width + channel) * lanes + lane] = weights[place + tap];
            }
        }
    }
}
