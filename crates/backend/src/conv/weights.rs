//! Weights in the kernels' layout.

use rayon::prelude::*;

use super::axis::Axis;
use super::kernel::LANES;
use super::padded::Padded;

/// Most input floats of a run over several taps, and most channels of a run over one: long enough to amortise its start, short enough
/// that its weights stay in the L1 cache.
const RUN: usize = 96;

/// Layout of a weight tensor `[.., .., z, y, x]`: a convolution's, or with input and output channels swapped.
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

    /// Start of the kernel of a pair of channels.
    pub fn place(&self, output: usize, input: usize) -> usize {
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
    /// Start of each run of taps in the padded input, relative to the output's position.
    pub offsets: Vec<usize>,
    /// Steps per run: taps along x × channels.
    pub run: usize,
}

/// A run of taps: neighbouring floats of the input.
struct Run<'a> {
    /// First input channel.
    channel: usize,
    /// Number of input channels.
    channels: usize,
    /// Start of the taps' row in a kernel.
    line: usize,
    /// Taps along x.
    taps: &'a [usize],
    /// Start of the run in the padded input.
    offset: usize,
}

/// Packs the taps of one phase per axis for groups of `group` blocks.
pub fn pack(
    weights: &[f32],
    layout: &Layout,
    axes: &[Axis; 3],
    phase: [usize; 3],
    input: &Padded,
    group: usize,
) -> Phase {
    let taps: [&[usize]; 3] = std::array::from_fn(|axis| axes[axis].phases[phase[axis]].taps.as_slice());
    let runs = runs(layout, taps, input);
    let run = runs.first().map_or(0, |run| run.taps.len() * run.channels);
    let lanes = group * LANES;
    let size = runs.len() * run * lanes;
    let blocks = layout.outputs.div_ceil(LANES);
    let mut values = vec![0.0; runs.len() * run * blocks * LANES];
    if size > 0 {
        values.par_chunks_mut(size).enumerate().for_each(|(index, values)| {
            let lanes = values.len() / (runs.len() * run);
            for (taps, values) in runs.iter().zip(values.chunks_exact_mut(run * lanes)) {
                pack_run(weights, layout, values, (index * group * LANES, lanes), taps);
            }
        });
    }
    Phase { values, group: size, offsets: runs.iter().map(|run| run.offset).collect(), run }
}

/// The runs of one phase: all channels of neighbouring taps if there are few, else some channels of one tap.
fn runs<'a>(layout: &Layout, taps: [&'a [usize]; 3], input: &Padded) -> Vec<Run<'a>> {
    let joined = taps[2].len() * layout.inputs <= RUN;
    let parts = (1..=layout.inputs).find(|&n| layout.inputs.is_multiple_of(n) && layout.inputs / n <= RUN).unwrap_or(1);
    let channels = if joined { layout.inputs } else { layout.inputs / parts };
    let steps: Vec<_> = match joined {
        true if taps[2].is_empty() => Vec::new(),
        true => vec![(0, taps[2])],
        false => taps[2].chunks(1).enumerate().collect(),
    };
    let mut runs = Vec::new();
    for channel in (0..layout.inputs).step_by(channels.max(1)) {
        for (z, tap_z) in taps[0].iter().enumerate() {
            for (y, tap_y) in taps[1].iter().enumerate() {
                for &(x, taps) in &steps {
                    let line = (tap_z * layout.kernel[1] + tap_y) * layout.kernel[2];
                    let offset = z * input.plane() + y * input.row() + x * input.channels + channel;
                    runs.push(Run { channel, channels, line, taps, offset });
                }
            }
        }
    }
    runs
}

fn pack_run(weights: &[f32], layout: &Layout, values: &mut [f32], (first, lanes): (usize, usize), run: &Run) {
    for channel in 0..run.channels {
        for lane in 0..lanes.min(layout.outputs - first) {
            let place = layout.place(first + lane, run.channel + channel) + run.line;
            for (step, tap) in run.taps.iter().enumerate() {
                values[(step * run.channels + channel) * lanes + lane] = weights[place + tap];
            }
        }
    }
}
