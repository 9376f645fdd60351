//! Convolutions. On the CPU they are our own: Burn 0.22 has no kernels there for the gradients of a 3D convolution, and its forward pass
//! unfolds the input into a matrix of 27 times its size. Elsewhere they are Burn's (`by_burn`), `rewritten` where that is faster.
//!
//! Kernels with three or five taps and stride 1 go through `winograd`. For the others, `padded` pads images with zeros, `weights`
//! brings the weights into the kernels' layout, `axis` says which inputs an output reads, `gather` runs the `kernel` over all outputs
//! and `weight_gradient` over all positions. Images are stored with channels last (`backend::channels_last`). Every output has one
//! fixed order of summation, so that results do not depend on the number of threads.

mod axis;
mod by_burn;
mod convolution;
mod extension;
mod gather;
mod kernel;
mod padded;
mod rewritten;
mod weight_gradient;
mod weights;
mod winograd;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

pub use convolution::channel_sums;
use extension::ConvolutionBackend;
pub use extension::Steps;

use super::matrix_units::has_matrix_units;
use super::precision::{Precision, in_f32};

/// Convolution of images `[batch, in, z, y, x]` with weights `[out, in, z, y, x]` and a bias `[out]`.
///
/// # Panics
/// The channels of images and weights differ.
pub fn convolve(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    if only_stores_halves(&images) {
        let (weights, bias) = (Precision::F32.cast(weights), bias.map(|bias| Precision::F32.cast(bias)));
        return in_f32(images, |images| convolve(images, weights, bias, steps));
    }
    if !has_own_kernels(&images, &weights) {
        return rewritten::convolve(images, weights, bias, steps);
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
    if only_stores_halves(&images) {
        let (weights, bias) = (Precision::F32.cast(weights), bias.map(|bias| Precision::F32.cast(bias)));
        return in_f32(images, |images| convolve_transposed(images, weights, bias, steps));
    }
    if !has_own_kernels(&images, &weights) {
        return rewritten::convolve_transposed(images, weights, bias, steps);
    }
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weights.dims()[1]], &images.device()));
    let [images, weights] = [images, weights].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::convolve_transposed(images, weights, bias.into_dispatch(), steps))
}

fn has_own_kernels(images: &Tensor<5>, weights: &Tensor<5>) -> bool {
    super::has_own_kernels(images) && weights.dtype() == DType::F32
}

/// On the CPU, and on GPUs without matrix units, 16 bits are only a storage type: products are summed in 32, as matrix units do.
fn only_stores_halves(images: &Tensor<5>) -> bool {
    let device = || images.device();
    images.dtype() != DType::F32 && (super::is_own(&device()) || !has_matrix_units(&device()))
}
