//! The gather that is a convolution, its data gradient or a transposed convolution, over whole images.

use rayon::prelude::*;

use super::axis::Axis;
use super::blocked::Blocked;
use super::kernel::{self, Isa, LANES};
use super::weights::{self, Layout};

/// Outputs that a task keeps at a time, per channel: a group of them fits the second-level cache with its inputs.
const TASK_VOXELS: usize = 512;

/// Floats of weights that pass over all outputs of a task before the next ones do: they stay in the first-level cache.
const WEIGHTS_AT_A_TIME: usize = 6144;

/// A gather from blocked images.
pub struct Gather<'a> {
    /// Instruction set.
    pub isa: Isa,
    /// Input.
    pub input: &'a Blocked,
    /// Axes; their outputs are the size of the result.
    pub axes: &'a [Axis; 3],
    /// Weights in their tensor's order.
    pub weights: &'a [f32],
    /// How to read them.
    pub layout: Layout,
    /// One value per output channel.
    pub bias: Option<&'a [f32]>,
}

/// Some rows of a group of output channels of one image.
struct Task<'a> {
    image: usize,
    group: usize,
    first_row: usize,
    channels: Vec<&'a mut [f32]>,
}

impl Gather<'_> {
    /// Writes the images `[batch, outputs, z, y, x]`.
    pub fn run(&self, output: &mut [f32]) {
        if output.is_empty() {
            return;
        }
        let phases = self.phases();
        let tasks = self.tasks(output);
        tasks.into_par_iter().for_each_init(Vec::new, |buffer, task| self.compute(&phases, task, buffer));
    }

    /// Number of phases per axis.
    fn phase_counts(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.axes[axis].phases.len())
    }

    fn phases(&self) -> Vec<([usize; 3], weights::Phase)> {
        let [nz, ny, nx] = self.phase_counts();
        let all = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x])));
        let group = self.isa.group();
        all.map(|phase| (phase, weights::pack(self.weights, &self.layout, self.axes, phase, self.input, group)))
            .collect()
    }

    fn tasks<'o>(&self, output: &'o mut [f32]) -> Vec<Task<'o>> {
        let [depth, height, length] = [self.axes[0].outputs, self.axes[1].outputs, self.axes[2].outputs];
        let rows = (TASK_VOXELS / length).clamp(1, depth * height);
        let parts = (depth * height).div_ceil(rows);
        let wide = self.isa.group() * LANES;
        let groups = self.layout.outputs.div_ceil(wide);
        let images = output.len() / (self.layout.outputs * depth * height * length);
        let mut tasks: Vec<Task> = (0..images * groups * parts)
            .map(|index| Task {
                image: index / (groups * parts),
                group: index / parts % groups,
                first_row: index % parts * rows,
                channels: Vec::with_capacity(wide),
            })
            .collect();
        for (index, channel) in output.chunks_exact_mut(depth * height * length).enumerate() {
            let (image, channel_index) = (index / self.layout.outputs, index % self.layout.outputs);
            let first = (image * groups + channel_index / wide) * parts;
            for (part, values) in channel.chunks_mut(rows * length).enumerate() {
                tasks[first + part].channels.push(values);
            }
        }
        tasks
    }

    fn compute(&self, phases: &[([usize; 3], weights::Phase)], task: Task, buffer: &mut Vec<f32>) {
        let length = self.axes[2].outputs;
        let voxels = task.channels.first().map_or(0, |values| values.len());
        let lanes = task.channels.len().div_ceil(LANES) * LANES;
        self.start(buffer, task.group * self.isa.group() * LANES, lanes, voxels);
        for (phase, weights) in phases {
            let start = task.group * weights.group;
            let step = weights.run * lanes;
            let at_a_time = (WEIGHTS_AT_A_TIME / step.max(1)).max(1);
            for (index, offsets) in weights.offsets.chunks(at_a_time).enumerate() {
                let values = &weights.values[start + index * at_a_time * step..][..offsets.len() * step];
                let part = Part { offsets, run: weights.run, values, lanes, phase: *phase };
                self.add(&part, task.image, task.first_row, voxels / length, buffer);
            }
        }
        finish(buffer, lanes, task.channels);
    }

    /// Sets every output to its channel's bias.
    fn start(&self, buffer: &mut Vec<f32>, first: usize, lanes: usize, voxels: usize) {
        buffer.clear();
        buffer.resize(voxels * lanes, 0.0);
        if let Some(bias) = self.bias {
            let bias = &bias[first..(first + lanes).min(bias.len())];
            for voxel in buffer.chunks_exact_mut(lanes) {
                voxel[..bias.len()].copy_from_slice(bias);
            }
        }
    }

    /// Adds some runs of taps to the outputs of one phase among `rows` rows.
    fn add(&self, part: &Part, image: usize, first_row: usize, rows: usize, buffer: &mut [f32]) {
        let [_, height, length] = [self.axes[0].outputs, self.axes[1].outputs, self.axes[2].outputs];
        let [pz, py, px] = part.phase;
        let columns = count_in_phase(0, length, px, self.axes[2].output_step);
        let end = first_row + rows;
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
            let input = image * self.input.image()
                + self.position(0, z) * self.input.plane()
                + self.position(1, y) * self.input.row()
                + self.position(2, px) * self.input.width;
            let output = ((z * height + y - first_row) * length + px) * part.lanes;
            let operands = kernel::Gather {
                input: &self.input.values()[input..],
                offsets: part.offsets,
                run: part.run,
                weights: part.values,
                blocks: part.lanes / LANES,
                input_column: self.axes[2].input_step * self.input.width,
                input_row: self.axes[1].input_step * self.input.row(),
                output_column: self.axes[2].output_step * part.lanes,
                output_row: step * length * part.lanes,
            };
            kernel::gather(self.isa, &operands, count, columns, &mut buffer[output..]);
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
    lanes: usize,
    phase: [usize; 3],
}

/// How many of `from..to` belong to a phase.
fn count_in_phase(from: usize, to: usize, phase: usize, step: usize) -> usize {
    let below = |end: usize| (end + step - 1 - phase) / step;
    below(to) - below(from)
}

/// Spreads voxels of `lanes` channels over the channels' own rows.
fn finish(buffer: &[f32], lanes: usize, mut channels: Vec<&mut [f32]>) {
    for (step, voxels) in buffer.chunks(LANES * lanes).enumerate() {
        let start = step * LANES;
        for (lane, channel) in channels.iter_mut().enumerate() {
            let end = (start + LANES).min(channel.len());
            for (value, voxel) in channel[start..end].iter_mut().zip(voxels.chunks_exact(lanes)) {
                *value = voxel[lane];
            }
        }
    }
}
