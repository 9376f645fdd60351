//! Convolutions as modules. Image tensors always have five dimensions; a 2D network is one of depth 1.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Weights;
use crate::backend::Precision;
use crate::backend::conv::{Steps, convolve, convolve_transposed};

/// A convolution that keeps the size (divided by the stride): zero padding of half a kernel.
///
/// Input `[batch, in, depth, height, width]`, output `[batch, out, ⌈depth/stride⌉, …]`. Weights are `[out, in, z, y, x]`
/// for 2D networks too (z = 1), so that a 2D network is a 3D network of depth 1, weight for weight.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
    stride: [usize; 3],
    #[module(skip)]
    precision: Precision,
}

impl Conv {
    /// A convolution with PyTorch's default initial weights.
    pub fn new(channels: [usize; 2], kernel: [usize; 3], stride: [usize; 3], weights: &mut Weights) -> Self {
        let [input, output] = channels;
        let fan_in = input * kernel.iter().product::<usize>();
        let weight = weights.uniform([output, input, kernel[0], kernel[1], kernel[2]], fan_in);
        let bias = Some(weights.uniform([output], fan_in));
        Self { weight, bias, stride, precision: weights.precision() }
    }

    /// Applies the convolution.
    ///
    /// # Panics
    /// The images are not in the network's precision.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.precision.expect(&images, "a convolution");
        let weight = self.precision.cast(self.weight.val());
        let bias = self.bias.as_ref().map(|bias| self.precision.cast(bias.val()));
        let [_, _, z, y, x] = weight.dims();
        let padding = [z / 2, y / 2, x / 2];
        convolve(images, weight, bias, Steps { stride: self.stride, padding })
    }
}

/// A transposed convolution whose kernel equals its stride: enlarges by that factor.
#[derive(Module, Debug)]
pub struct Upsample {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    precision: Precision,
}

impl Upsample {
    /// Enlarges by `stride` along each axis; weights `[in, out, z, y, x]`, PyTorch's default initial values.
    pub fn new(channels: [usize; 2], stride: [usize; 3], weights: &mut Weights) -> Self {
        let [input, output] = channels;
        // PyTorch takes the fan-in from the second dimension, which of a transposed convolution is the output.
        let fan_in = output * stride.iter().product::<usize>();
        let weight = weights.uniform([input, output, stride[0], stride[1], stride[2]], fan_in);
        Self { weight, bias: weights.uniform([output], fan_in), precision: weights.precision() }
    }

    /// Applies the transposed convolution.
    ///
    /// # Panics
    /// The images are not in the network's precision.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.precision.expect(&images, "a transposed convolution");
        let (weight, bias) = (self.precision.cast(self.weight.val()), Some(self.precision.cast(self.bias.val())));
        let [_, _, z, y, x] = weight.dims();
        let steps = Steps { stride: [z, y, x], padding: [0; 3] };
        convolve_transposed(images, weight, bias, steps)
    }
}
