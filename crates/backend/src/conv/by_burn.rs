//! Burn's own convolutions. Images and weights of depth 1 use the 2D ones.

use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv_transpose3d, conv2d, conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::Steps;

/// See [`super::convolve`].
pub fn convolve(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    let Steps { stride, padding, .. } = steps;
    if images.dims()[2] == 1 && weights.dims()[2] == 1 && padding[0] == 0 {
        let options = ConvOptions::new([stride[1], stride[2]], [padding[1], padding[2]], [1, 1], 1);
        return conv2d(images.squeeze_dim::<4>(2), weights.squeeze_dim::<4>(2), bias, options).unsqueeze_dim(2);
    }
    conv3d(images, weights, bias, ConvOptions::new(stride, padding, [1, 1, 1], 1))
}

/// See [`super::convolve_transposed`].
pub fn convolve_transposed(images: Tensor<5>, weights: Tensor<5>, bias: Option<Tensor<1>>, steps: Steps) -> Tensor<5> {
    let Steps { stride, padding, extra } = steps;
    if images.dims()[2] == 1 && weights.dims()[2] == 1 && [padding[0], extra[0]] == [0, 0] {
        let (padding, extra) = ([padding[1], padding[2]], [extra[1], extra[2]]);
        let options = ConvTransposeOptions::new([stride[1], stride[2]], padding, extra, [1, 1], 1);
        let (images, weights) = (images.squeeze_dim::<4>(2), weights.squeeze_dim::<4>(2));
        return conv_transpose2d(images, weights, bias, options).unsqueeze_dim(2);
    }
    conv_transpose3d(images, weights, bias, ConvTransposeOptions::new(stride, padding, extra, [1; 3], 1))
}
