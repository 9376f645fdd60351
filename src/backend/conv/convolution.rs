//! Convolution, transposed convolution and their gradients on plain slices.

use rayon::prelude::*;

use super::axis::{Axis, output_size};
use super::blocked::{Blocked, Images, even_blocks};
use super::gather::Gather;
use super::kernel::{Isa, LANES};
use super::weight_gradient::WeightGradient;
use super::weights::Layout;

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
    /// Zeros on either side.
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

    fn input_images<'a>(&self, values: &'a [f32]) -> Images<'a> {
        Images { values, batch: self.batch, channels: self.channels[0], size: self.input }
    }

    fn output_images<'a>(&self, values: &'a [f32]) -> Images<'a> {
        Images { values, batch: self.batch, channels: self.channels[1], size: self.output() }
    }

    /// Output `[batch, out, …]` of an input `[batch, in, …]`, weights `[out, in, z, y, x]` and a bias `[out]`.
    pub fn apply(&self, isa: Isa, input: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let axes = self.forward_axes();
        let blocked = self.even_blocks(input, &axes);
        self.gather(isa, &blocked, &axes, weights, bias)
    }

    fn gather(&self, isa: Isa, blocked: &Blocked, axes: &[Axis; 3], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let mut result = vec![0.0; self.batch * self.channels[1] * self.output().iter().product::<usize>()];
        Gather { isa, input: blocked, axes, weights, layout: self.layout(), bias }.run(&mut result);
        result
    }

    /// The adjoint: `[batch, in, …]` from `[batch, out, …]`. The gradient of the input, or a transposed convolution.
    pub fn apply_adjoint(&self, isa: Isa, output: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let axes = self.adjoint_axes();
        let images = self.output_images(output);
        let blocked = Blocked::new(&images, &axes, even_blocks(self.channels[1]));
        self.gather_adjoint(isa, &blocked, &axes, weights, bias)
    }

    fn gather_adjoint(
        &self,
        isa: Isa,
        blocked: &Blocked,
        axes: &[Axis; 3],
        weights: &[f32],
        bias: Option<&[f32]>,
    ) -> Vec<f32> {
        let mut result = vec![0.0; self.batch * self.channels[0] * self.input.iter().product::<usize>()];
        Gather { isa, input: blocked, axes, weights, layout: self.adjoint_layout(), bias }.run(&mut result);
        result
    }

    /// Gradients of a convolution: of its input where `weights` are given, of its weights where `input` is given.
    pub fn gradients(
        &self,
        isa: Isa,
        input: Option<&[f32]>,
        weights: Option<&[f32]>,
        gradient: &[f32],
    ) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let (axes, adjoint_axes) = (self.forward_axes(), self.adjoint_axes());
        let gradient = self.whole_blocks(gradient, &adjoint_axes);
        let of_input = weights.map(|weights| self.gather_adjoint(isa, &gradient, &adjoint_axes, weights, None));
        let of_weights = input.map(|input| {
            let input = self.even_blocks(input, &axes);
            self.weight_gradient(isa, &input, &gradient, &axes)
        });
        (of_input, of_weights)
    }

    /// Gradients of the adjoint: of its input where `weights` are given, of its weights where its `input` is given.
    pub fn adjoint_gradients(
        &self,
        isa: Isa,
        input: Option<&[f32]>,
        weights: Option<&[f32]>,
        gradient: &[f32],
    ) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let (axes, adjoint_axes) = (self.forward_axes(), self.adjoint_axes());
        let gradient = self.even_blocks(gradient, &axes);
        let of_input = weights.map(|weights| self.gather(isa, &gradient, &axes, weights, None));
        let of_weights = input.map(|input| {
            let input = self.whole_blocks(input, &adjoint_axes);
            self.weight_gradient(isa, &gradient, &input, &axes)
        });
        (of_input, of_weights)
    }

    /// Values of the input's shape, in a gather's blocks.
    fn even_blocks(&self, values: &[f32], axes: &[Axis; 3]) -> Blocked {
        Blocked::new(&self.input_images(values), axes, even_blocks(self.channels[0]))
    }

    /// Values of the output's shape, in blocks of whole registers.
    fn whole_blocks(&self, values: &[f32], axes: &[Axis; 3]) -> Blocked {
        Blocked::new(&self.output_images(values), axes, (self.channels[1].div_ceil(LANES), LANES))
    }

    fn weight_gradient(&self, isa: Isa, input: &Blocked, gradient: &Blocked, axes: &[Axis; 3]) -> Vec<f32> {
        let mut result = vec![0.0; self.weights()];
        let layout = self.layout();
        WeightGradient { isa, input, gradient, axes, layout, batch: self.batch }.run(&mut result);
        result
    }
}

/// Sum per channel of `[batch, channels, …]`: the gradient of a bias.
pub fn channel_sums(values: &[f32], batch: usize, channels: usize) -> Vec<f32> {
    let volume = values.len() / (batch * channels).max(1);
    let sum = |channel: usize| {
        let parts = (0..batch).map(|image| lane_sum(&values[(image * channels + channel) * volume..][..volume]));
        parts.sum::<f32>()
    };
    (0..channels).into_par_iter().map(sum).collect()
}

/// Sum in a fixed order, one partial sum per lane.
fn lane_sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for values in values.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}
