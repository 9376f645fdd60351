//! The one place that chooses between 2D and 3D kernels: image tensors always have five dimensions.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv_transpose3d, conv2d, conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::Weights;

/// A convolution that keeps the size (divided by the stride): zero padding of half a kernel.
///
/// Input `[batch, in, depth, height, width]`, output `[batch, out, ⌈depth/stride⌉, …]`. Weights are `[out, in, z, y, x]`
/// for 2D networks too (z = 1), so that a 2D network is a 3D network of depth 1, weight for weight.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
    stride: [usize; 3],
}

impl Conv {
    /// A convolution with PyTorch's default initial weights.
    pub fn new(channels: [usize; 2], kernel: [usize; 3], stride: [usize; 3], weights: &mut Weights) -> Self {
        let [input, output] = channels;
        let fan_in = input * kernel.iter().product::<usize>();
        let weight = weights.uniform([output, input, kernel[0], kernel[1], kernel[2]], fan_in);
        let bias = Some(weights.uniform([output], fan_in));
        Self { weight, bias, stride }
    }

    /// Applies the convolution.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let weight = self.weight.val();
        let bias = self.bias.as_ref().map(Param::val);
        let [_, _, z, y, x] = weight.dims();
        let padding = [z / 2, y / 2, x / 2];
        if images.dims()[2] == 1 && z == 1 {
            let options = ConvOptions::new([self.stride[1], self.stride[2]], [padding[1], padding[2]], [1, 1], 1);
            return conv2d(images.squeeze_dim::<4>(2), weight.squeeze_dim::<4>(2), bias, options).unsqueeze_dim(2);
        }
        conv3d(images, weight, bias, ConvOptions::new(self.stride, padding, [1, 1, 1], 1))
    }
}

/// A transposed convolution whose kernel equals its stride: enlarges by that factor.
#[derive(Module, Debug)]
pub struct Upsample {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
}

impl Upsample {
    /// Enlarges by `stride` along each axis; weights `[in, out, z, y, x]`, PyTorch's default initial values.
    pub fn new(channels: [usize; 2], stride: [usize; 3], weights: &mut Weights) -> Self {
        let [input, output] = channels;
        // PyTorch takes the fan-in from the second dimension, which of a transposed convolution is the output.
        let fan_in = output * stride.iter().product::<usize>();
        let weight = weights.uniform([input, output, stride[0], stride[1], stride[2]], fan_in);
        Self { weight, bias: weights.uniform([output], fan_in) }
    }

    /// Applies the transposed convolution.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let (weight, bias) = (self.weight.val(), Some(self.bias.val()));
        let [_, _, z, y, x] = weight.dims();
        if images.dims()[2] == 1 && z == 1 {
            let options = ConvTransposeOptions::new([y, x], [0, 0], [0, 0], [1, 1], 1);
            let (images, weight) = (images.squeeze_dim::<4>(2), weight.squeeze_dim::<4>(2));
            return conv_transpose2d(images, weight, bias, options).unsqueeze_dim(2);
        }
        conv_transpose3d(images, weight, bias, ConvTransposeOptions::new([z, y, x], [0; 3], [0; 3], [1; 3], 1))
    }
}
