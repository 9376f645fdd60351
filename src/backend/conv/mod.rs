//! Convolutions. On the CPU they are our own: Burn 0.22 has no kernels for the gradients of a 3D convolution there, and
//! unfolds the input into a matrix 27 times its size for the forward pass. Elsewhere they are Burn's.
//!
//! The way of a convolution: kernels of three taps and stride 1 go through `winograd`. For the others `padded` puts zeros
//! around images, `weights` brings the weights into the kernels' layout, `axis` says which inputs an output reads, `gather`
//! runs the `kernel` over all outputs, `weight_gradient` over all positions. Images have their channels last
//! (`backend::channels_last`). Every output has one fixed order of summation, so that results do not depend on the number
//! of threads.

mod axis;
mod convolution;
mod extension;
mod gather;
mod kernel;
mod padded;
mod weight_gradient;
mod weights;
mod winograd;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::module::{conv_transpose2d, conv_transpose3d, conv2d, conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Tensor};

pub use convolution::channel_sums;
use extension::ConvolutionBackend;
pub use extension::Steps;

use super::precision::{Precision, in_f32};

/// Convolution of images `[batch, in, z, y, x]` with weights `[out, in, z, y, x]` and a bias `[out]`.
///
/// # Panics
/// The channels of images and weights differ.
pub fn convolve(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    if is_half_on_cpu(&images) {
        let (weights, bias) = (Precision::F32.cast(weights), bias.map(|bias| Precision::F32.cast(bias)));
        return in_f32(images, |images| convolve(images, weights, bias, steps));
    }
    if !has_own_kernels(&images, &weights) {
        return convolve_by_burn(images, weights, bias, steps);
    }
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weights.dims()[0]], &images.device()));
    let [images, weights] = [images, weights].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::convolve(images, weights, bias.into_dispatch(), steps))
}

/// Transposed convolution of images `[batch, in, z, y, x]` with weights `[in, out, z, y, x]` and a bias `[out]`.
///
/// # Panics
/// The channels of images and weights differ.
pub fn convolve_transposed(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    if is_half_on_cpu(&images) {
        let (weights, bias) = (Precision::F32.cast(weights), bias.map(|bias| Precision::F32.cast(bias)));
        return in_f32(images, |images| convolve_transposed(images, weights, bias, steps));
    }
    if !has_own_kernels(&images, &weights) {
        let [_, _, z, y, x] = weights.dims();
        return match steps == Steps::new([z, y, x], [0; 3]) {
            true => enlarge_by_convolution(images, weights, bias),
            false => convolve_transposed_by_burn(images, weights, bias, steps),
        };
    }
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weights.dims()[1]], &images.device()));
    let [images, weights] = [images, weights].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::convolve_transposed(images, weights, bias.into_dispatch(), steps))
}

fn has_own_kernels(images: &Tensor<5>, weights: &Tensor<5>) -> bool {
    super::has_own_kernels(images) && weights.dtype() == DType::F32
}

/// There 16 bits are only for storage, and our kernels sum in 32, as a GPU's matrix units do.
fn is_half_on_cpu(images: &Tensor<5>) -> bool {
    images.dtype() != DType::F32 && super::is_cpu(&images.device())
}

fn convolve_by_burn(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    let Steps { stride, padding, .. } = steps;
    if images.dims()[2] == 1 && weights.dims()[2] == 1 && padding[0] == 0 {
        let options = ConvOptions::new([stride[1], stride[2]], [padding[1], padding[2]], [1, 1], 1);
        return conv2d(images.squeeze_dim::<4>(2), weights.squeeze_dim::<4>(2), bias, options).unsqueeze_dim(2);
    }
    conv3d(images, weights, bias, ConvOptions::new(stride, padding, [1, 1, 1], 1))
}

/// A transposed convolution whose kernel is its stride: a 1×1×1 convolution to one channel for each voxel that a voxel becomes,
/// whose channels are then spread in space. Both are fast on GPUs, where Burn's kernel for the general case reads voxel by voxel
/// (<https://github.com/tracel-ai/burn/issues/5792>: a tenth of the speed of a convolution).
fn enlarge_by_convolution(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>) -> Tensor<5> {
    let ([batch, _, z, y, x], [input, output, by_z, by_y, by_x]) = (images.dims(), weights.dims());
    let cell = by_z * by_y * by_x;
    let weights = weights.reshape([input, output * cell, 1, 1, 1]).swap_dims(0, 1);
    let bias = bias.map(|bias| bias.reshape([output, 1]).repeat_dim(1, cell).reshape([output * cell]));
    let cells = convolve_by_burn(images, weights, bias, Steps::new([1; 3], [0; 3]));
    let apart: Tensor<8> = cells.reshape([batch, output, by_z, by_y, by_x, z, y, x]);
    apart.permute([0, 1, 5, 2, 6, 3, 7, 4]).reshape([batch, output, z * by_z, y * by_y, x * by_x])
}

fn convolve_transposed_by_burn(
    images: Tensor<5>,
    weights: Tensor<5>,
    bias: Option<Tensor<1>>,
    steps: Steps,
) -> Tensor<5> {
    let Steps { stride, padding, extra } = steps;
    if images.dims()[2] == 1 && weights.dims()[2] == 1 && [padding[0], extra[0]] == [0, 0] {
        let (padding, extra) = ([padding[1], padding[2]], [extra[1], extra[2]]);
        let options = ConvTransposeOptions::new([stride[1], stride[2]], padding, extra, [1, 1], 1);
        let (images, weights) = (images.squeeze_dim::<4>(2), weights.squeeze_dim::<4>(2));
        return conv_transpose2d(images, weights, bias, options).unsqueeze_dim(2);
    }
    conv_transpose3d(images, weights, bias, ConvTransposeOptions::new(stride, padding, extra, [1; 3], 1))
}
