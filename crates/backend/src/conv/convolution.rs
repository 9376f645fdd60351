//! Convolution, transposed convolution and their gradients on plain slices.

use rayon::prelude::*;
use segspec_base::cancel::interruption_point;

use super::super::isa::Isa;
use super::axis::{Axis, output_size};
use super::gather::Gather;
use super::kernel::LANES;
use super::padded::{Images, Padded};
use super::weight_gradient::WeightGradient;
use super::weights::Layout;
use super::winograd::{self, Tiling};

/// Least number of channels with which Winograd's filtering is faster than direct summation.
const FEWEST_CHANNELS: usize = 8;

/// A convolution's shape. A transposed convolution is described by the convolution that it is the adjoint of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Images.
    pub batch: usize,
    /// Channels of the input and of the output.
    pub channels: [usize; 2],
    /// Size of the input, `[z, y, x]`.
    pub input: [usize; 3],
    /// Kernel.
    pub kernel: [usize; 3],
    /// Stride.
    pub stride: [usize; 3],
    /// Zero padding on either side.
    pub padding: [usize; 3],
}

impl Convolution {
    /// Size of the output; 0 where the kernel does not fit.
    pub fn output(&self) -> [usize; 3] {
        std::array::from_fn(|axis| {
            output_size(self.input[axis], self.kernel[axis], self.stride[axis], self.padding[axis])
        })
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.channels.iter().chain(&self.kernel).product()
    }

    fn forward_axes(&self) -> [Axis; 3] {
        std::array::from_fn(|axis| {
            Axis::forward(self.input[axis], self.kernel[axis], self.stride[axis], self.padding[axis])
        })
    }

    fn adjoint_axes(&self) -> [Axis; 3] {
        let output = self.output();
        std::array::from_fn(|axis| {
            let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            Axis::adjoint(self.input[axis], output[axis], kernel, stride, padding)
        })
    }

    fn layout(&self) -> Layout {
        Layout { outputs: self.channels[1], inputs: self.channels[0], kernel: self.kernel, swapped: false }
    }

    fn adjoint_layout(&self) -> Layout {
        Layout { outputs: self.channels[0], inputs: self.channels[1], kernel: self.kernel, swapped: true }
    }

    /// The convolution for Winograd's filtering, where that is faster.
    fn tiling(&self, isa: Isa) -> Option<Tiling> {
        let enough = self.channels.iter().all(|&channels| channels >= FEWEST_CHANNELS);
        let padded = (0..3).all(|axis| self.padding[axis] < self.kernel[axis]);
        let fits = matches!(self.kernel, [_, 3, 3] | [_, 5, 5]) && self.stride == [1; 3] && padded && enough;
        let (batch, input, output, padding) = (self.batch, self.input, self.output(), self.padding);
        fits.then_some(Tiling {
            isa,
            batch,
            input,
            output,
            padding,
            taps: self.kernel[0],
            edge: self.kernel[1],
            channels: self.channels,
        })
    }

    /// Output `[batch, z, y, x, out]` of an input `[batch, z, y, x, in]`, weights `[out, in, z, y, x]` and a bias `[out]`.
    pub fn apply(&self, isa: Isa, input: &[f32], weights: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        interruption_point();
        match self.tiling(isa) {
            Some(tiling) => winograd::convolve(&tiling, input, weights, &self.layout(), bias, output),
            None => {
                let axes = self.forward_axes();
                let input = self.padded_input(input, &axes);
                Gather { isa, input: &input, axes: &axes, weights, layout: self.layout(), bias }.run(output);
            }
        }
    }

    /// The adjoint: `[batch, z, y, x, in]` from `[batch, z, y, x, out]`. The gradient of the input, or a transposed
    /// convolution.
    pub fn apply_adjoint(&self, isa: Isa, output: &[f32], weights: &[f32], bias: Option<&[f32]>, input: &mut [f32]) {
        interruption_point();
        match self.tiling(isa) {
            Some(tiling) => {
                let padding = std::array::from_fn(|axis| self.kernel[axis] - 1 - self.padding[axis]);
                let channels = [self.channels[1], self.channels[0]];
                let tiling = Tiling { input: tiling.output, output: tiling.input, padding, channels, ..tiling };
                winograd::convolve(&tiling, output, weights, &self.adjoint_layout(), bias, input);
            }
            None => {
                let axes = self.adjoint_axes();
                let output = self.padded_output(output, &axes, self.channels[1]);
                Gather { isa, input: &output, axes: &axes, weights, layout: self.adjoint_layout(), bias }.run(input);
            }
        }
    }

    /// Gradient of the weights `[out, in, z, y, x]`, from an input and the gradient of its output.
    pub fn weight_gradient(&self, isa: Isa, input: &[f32], gradient: &[f32], weights: &mut [f32]) {
        interruption_point();
        match self.tiling(isa) {
            Some(tiling) => winograd::weight_gradient(&tiling, input, gradient, &self.layout(), weights),
            None => {
                let axes = self.forward_axes();
                let input = self.padded_input(input, &axes);
                let gradient =
                    self.padded_output(gradient, &unpadded(self.output()), self.channels[1].next_multiple_of(LANES));
                let (batch, layout) = (self.batch, self.layout());
                let operands = WeightGradient { isa, input: &input, gradient: &gradient, axes: &axes, layout, batch };
                operands.run(weights);
            }
        }
    }

    fn padded_input<'a>(&self, values: &'a [f32], axes: &[Axis; 3]) -> Padded<'a> {
        let images = Images { values, batch: self.batch, channels: self.channels[0], size: self.input };
        Padded::new(images, axes, self.channels[0])
    }

    fn padded_output<'a>(&self, values: &'a [f32], axes: &[Axis; 3], channels: usize) -> Padded<'a> {
        let images = Images { values, batch: self.batch, channels: self.channels[1], size: self.output() };
        Padded::new(images, axes, channels)
    }
}

/// Axes without zero padding.
fn unpadded(size: [usize; 3]) -> [Axis; 3] {
    size.map(|size| Axis::forward(size, 1, 1, 0))
}

/// Voxels per task of [`channel_sums`]. A constant, because the order of summation must not depend on the machine.
const SUM_VOXELS: usize = 4096;

/// Sum per channel of `[voxel, channel]`: the gradient of a bias.
pub fn channel_sums(values: &[f32], channels: usize) -> Vec<f32> {
    let part = |values: &[f32]| {
        let mut sums = vec![0.0; channels];
        for voxel in values.chunks_exact(channels) {
            for (sum, value) in sums.iter_mut().zip(voxel) {
                *sum += value;
            }
        }
        sums
    };
    let parts: Vec<_> = values.par_chunks((SUM_VOXELS * channels).max(1)).map(part).collect();
    let mut total = vec![0.0; channels];
    for part in parts {
        for (total, value) in total.iter_mut().zip(part) {
            *total += value;
        }
    }
    total
}
