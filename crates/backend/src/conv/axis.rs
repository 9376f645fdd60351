//! Index arithmetic, axis by axis: which inputs an output of a convolution reads.
//!
//! A convolution, its data gradient and a transposed convolution are all gathers: an output reads a run of neighbouring inputs.
//! They differ in how far the run moves between neighbouring outputs. Forward, it moves by the stride. Backward with
//! stride *s*, outputs fall into *s* phases; within one phase the run moves by one, and each phase has its own taps.

/// One axis of a gather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Number of outputs.
    pub outputs: usize,
    /// How many inputs the run moves between two outputs of one phase.
    pub input_step: usize,
    /// Distance between two outputs of one phase, which is also the number of phases.
    pub output_step: usize,
    /// The phases; output `i` belongs to phase `i % output_step`.
    pub phases: Vec<Phase>,
    /// Zeros in front of the input.
    pub before: usize,
    /// Number of inputs with zero padding: all that any output reads, and at least the input itself.
    pub padded: usize,
}

/// Outputs that use the same taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Padded position of the first input that the phase's first output reads.
    pub base: usize,
    /// Taps in the order of their inputs; empty where no input reaches these outputs.
    pub taps: Vec<usize>,
}

/// Size of a convolution's output along one axis; 0 where the kernel does not fit.
pub fn output_size(input: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (input + 2 * padding).checked_sub(kernel).map_or(0, |room| room / stride + 1)
}

impl Axis {
    /// A convolution's axis.
    pub fn forward(input: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        let outputs = output_size(input, kernel, stride, padding);
        let read = outputs.saturating_sub(1) * stride + kernel;
        let phase = Phase { base: 0, taps: (0..kernel).collect() };
        let padded = read.max(padding + input);
        Self { outputs, input_step: stride, output_step: 1, phases: vec![phase], before: padding, padded }
    }

    /// The adjoint: outputs are the `outputs` positions of a convolution's input, inputs are its `input` output positions.
    /// A data gradient, or a transposed convolution.
    pub fn adjoint(outputs: usize, input: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        let runs: Vec<_> = (0..stride).map(|phase| adjoint_run(phase, kernel, stride, padding)).collect();
        let before = runs.iter().filter(|run| !run.1.is_empty()).map(|run| -run.0).max().unwrap_or(0).max(0);
        let mut padded = before as usize + input;
        let mut phases = Vec::with_capacity(stride);
        for (index, (first, taps)) in runs.into_iter().enumerate() {
            let base = if taps.is_empty() { 0 } else { (first + before) as usize };
            let count = outputs.saturating_sub(index).div_ceil(stride);
            padded = padded.max(base + taps.len() + count.saturating_sub(1));
            phases.push(Phase { base, taps });
        }
        Self { outputs, input_step: 1, output_step: stride, phases, before: before as usize, padded }
    }
}

/// First input (before padding, so possibly negative) and taps of an adjoint phase. Output `i` receives
/// `w[k] · input[(i + padding - k) / stride]` from every `k` that divides evenly.
fn adjoint_run(phase: usize, kernel: usize, stride: usize, padding: usize) -> (isize, Vec<usize>) {
    let first_tap = (phase + padding) % stride;
    let taps: Vec<_> = (first_tap..kernel).step_by(stride).rev().collect();
    let highest = ((phase + padding - first_tap) / stride) as isize;
    (highest - (taps.len() as isize - 1), taps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Triples (output, tap, input) that an axis gathers, with inputs counted without padding.
    fn pairs(axis: &Axis, input: usize) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for output in 0..axis.outputs {
            let phase = &axis.phases[output % axis.output_step];
            for (step, &tap) in phase.taps.iter().enumerate() {
                let position = output / axis.output_step * axis.input_step + phase.base + step;
                assert!(position < axis.padded, "{axis:?} reads {position}");
                if (axis.before..axis.before + input).contains(&position) {
                    found.push((output, tap, position - axis.before));
                }
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn the_adjoint_gathers_what_the_convolution_scatters() {
        for (input, kernel, stride, padding) in
            itertools([1, 2, 5, 8], [1, 2, 3, 5], [1, 2, 3], [0, 1, 2]).filter(|&(n, k, _, p)| n + 2 * p >= k)
        {
            let forward = Axis::forward(input, kernel, stride, padding);
            let adjoint = Axis::adjoint(input, forward.outputs, kernel, stride, padding);
            let mut expected: Vec<_> = pairs(&forward, input).into_iter().map(|(o, k, i)| (i, k, o)).collect();
            expected.sort_unstable();
            assert_eq!(pairs(&adjoint, forward.outputs), expected, "{input} {kernel} {stride} {padding}");
        }
    }

    fn itertools(
        inputs: [usize; 4],
        kernels: [usize; 4],
        strides: [usize; 3],
        paddings: [usize; 3],
    ) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        inputs.into_iter().flat_map(move |n| {
            kernels.into_iter().flat_map(move |k| {
                strides.into_iter().flat_map(move |s| paddings.into_iter().map(move |p| (n, k, s, p)))
            })
        })
    }
}
