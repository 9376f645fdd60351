//! The gather that is a convolution, its data gradient or a transposed convolution, over whole images.

use rayon::prelude::*;

use super::super::isa::Isa;
use super::super::memory::Buffer;
use super::axis::Axis;
use super::kernel::{self, LANES};
use super::padded::Padded;
use super::weights::{self, Layout};

/// Output floats that a task holds at a time: together with their inputs they fit into the L2 cache.
const TASK: usize = 32768;

/// Weights that are applied to all outputs of a task before the next ones: they stay in the L1 cache.
const WEIGHTS_AT_A_TIME: usize = 6144;

/// A gather from padded images.
pub struct Gather<'a> {
    /// Instruction set.
    pub isa: Isa,
    /// Input.
    pub input: &'a Padded<'a>,
    /// Axes; their outputs are the size of the result.
    pub axes: &'a [Axis; 3],
    /// Weights in the order of their tensor.
    pub weights: &'a [f32],
    /// Their layout.
    pub layout: Layout,
    /// One value per output channel.
    pub bias: Option<&'a [f32]>,
}

/// A range of rows of an image.
struct Task<'a> {
    image: usize,
    first_row: usize,
    rows: usize,
    outputs: &'a mut [f32],
}

/// Weights of all taps that reach the outputs of one phase.
type Phase = ([usize; 3], weights::Phase);

impl Gather<'_> {
    /// Writes the images `[batch, z, y, x, outputs]`.
    pub fn run(&self, output: &mut [f32]) {
        if output.is_empty() {
            return;
        }
        let phases = self.phases();
        self.tasks(output).into_par_iter().for_each(|task| self.compute(&phases, task));
    }

    fn phases(&self) -> Vec<Phase> {
        let [nz, ny, nx]: [usize; 3] = std::array::from_fn(|axis| self.axes[axis].phases.len());
        let all = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x])));
        let group = self.isa.group();
        all.map(|phase| (phase, weights::pack(self.weights, &self.layout, self.axes, phase, self.input, group)))
            .collect()
    }

    fn tasks<'o>(&self, output: &'o mut [f32]) -> Vec<Task<'o>> {
        let [lines, length] = [self.axes[0].outputs * self.axes[1].outputs, self.axes[2].outputs];
        let row = length * self.layout.outputs;
        let rows = (TASK / row).clamp(1, lines);
        let images = output.chunks_exact_mut(lines * row).enumerate();
        let parts = images.flat_map(|(image, output)| {
            output.chunks_mut(rows * row).enumerate().map(move |(part, outputs)| {
                let count = outputs.len() / row;
                Task { image, first_row: part * rows, rows: count, outputs }
            })
        });
        parts.collect()
    }

    fn compute(&self, phases: &[Phase], task: Task) {
        let wide = self.isa.group() * LANES;
        let outputs = self.layout.outputs;
        let whole = outputs.is_multiple_of(LANES);
        let voxels = task.outputs.len() / outputs;
        let width = if whole { outputs } else { wide };
        let mut buffer = Buffer::new(if whole { 0 } else { voxels * wide });
        for first in (0..outputs).step_by(wide) {
            let lanes = (outputs - first).div_ceil(LANES).min(self.isa.group()) * LANES;
            let target: &mut [f32] = if whole { &mut task.outputs[first..] } else { &mut buffer };
            self.start(target, first, lanes.min(width), width);
            let places = Places { first_row: task.first_row, rows: task.rows, image: task.image, width, lanes };
            for (phase, weights) in phases {
                self.add_phase(*phase, weights, first / wide, &places, target);
            }
            if !whole {
                let count = lanes.min(outputs - first);
                for (voxel, values) in task.outputs.chunks_exact_mut(outputs).zip(buffer.chunks_exact(wide)) {
                    voxel[first..first + count].copy_from_slice(&values[..count]);
                }
            }
        }
    }

    fn add_phase(
        &self,
        phase: [usize; 3],
        weights: &weights::Phase,
        group: usize,
        places: &Places,
        target: &mut [f32],
    ) {
        let step = weights.run * places.lanes;
        let at_a_time = (WEIGHTS_AT_A_TIME / step.max(1)).max(1);
        for (index, offsets) in weights.offsets.chunks(at_a_time).enumerate() {
            let start = group * weights.group + index * at_a_time * step;
            let values = &weights.values[start..][..offsets.len() * step];
            self.add(&Part { offsets, run: weights.run, values, phase }, places, target);
        }
    }

    /// Sets `lanes` channels of every output to their bias.
    fn start(&self, target: &mut [f32], first: usize, lanes: usize, width: usize) {
        let bias = self.bias.map(|bias| &bias[first..(first + lanes).min(bias.len())]).unwrap_or(&[]);
        for voxel in target.chunks_mut(width) {
            let (known, rest) = voxel[..lanes].split_at_mut(bias.len());
            known.copy_from_slice(bias);
            rest.fill(0.0);
        }
    }

    /// Adds the products of some runs of taps to the outputs of one phase.
    fn add(&self, part: &Part, places: &Places, target: &mut [f32]) {
        let [height, length] = [self.axes[1].outputs, self.axes[2].outputs];
        let [pz, py, px] = part.phase;
        let columns = count_in_phase(0, length, px, self.axes[2].output_step);
        let (first_row, end) = (places.first_row, places.first_row + places.rows);
        for z in first_row / height..end.div_ceil(height) {
            if z % self.axes[0].output_step != pz {
                continue;
            }
            let from = first_row.saturating_sub(z * height);
            let to = (end - z * height).min(height);
            let step = self.axes[1].output_step;
            let y = from + (py + step - from % step) % step;
            let count = count_in_phase(from, to, py, step);
            if count == 0 || columns == 0 {
                continue;
            }
            let input = places.image * self.input.image()
                + self.position(0, z) * self.input.plane()
                + self.position(1, y) * self.input.row()
                + self.position(2, px) * self.input.channels;
            let output = ((z * height + y - first_row) * length + px) * places.width;
            let operands = kernel::Gather {
                input: &self.input.values()[input..],
                offsets: part.offsets,
                run: part.run,
                weights: part.values,
                blocks: places.lanes / LANES,
                input_column: self.axes[2].input_step * self.input.channels,
                input_row: self.axes[1].input_step * self.input.row(),
                output_column: self.axes[2].output_step * places.width,
                output_row: step * length * places.width,
                add: true,
            };
            kernel::gather(self.isa, &operands, count, columns, &mut target[output..]);
        }
    }

    /// Padded position of the first input that an output reads.
    fn position(&self, axis: usize, output: usize) -> usize {
        let axis = &self.axes[axis];
        output / axis.output_step * axis.input_step + axis.phases[output % axis.output_step].base
    }
}

/// Some runs of taps of one phase.
struct Part<'a> {
    offsets: &'a [usize],
    run: usize,
    values: &'a [f32],
    phase: [usize; 3],
}

/// The outputs of a task for one group of channels.
struct Places {
    image: usize,
    first_row: usize,
    rows: usize,
    /// Distance between neighbouring voxels.
    width: usize,
    /// Channels of the group: whole blocks.
    lanes: usize,
}

/// How many indices of `from..to` belong to a phase.
fn count_in_phase(from: usize, to: usize, phase: usize, step: usize) -> usize {
    let below = |end: usize| (end + step - 1 - phase) / step;
    below(to) - below(from)
}
