//! Pooling of slices. Burn 0.22 pools in two dimensions only; 3D networks use strided convolutions.

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn_std::ops::MaxPoolOptions;

use super::precision::in_f32;

/// Max pooling with a 3×3 window and stride 2 (as in ResNet): images `[batch, channel, 1, y, x]` of half the size, rounded up.
/// In 32 bits, so that every device gives the same result.
pub fn max_pool(images: Tensor<5>) -> Tensor<5> {
    in_f32(images, |images| {
        let [batch, channels, depth, height, width] = images.dims();
        let flat = images.reshape([batch * depth, channels, height, width]);
        let pooled = max_pool2d(flat, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]));
        let [.., height, width] = pooled.dims();
        pooled.reshape([batch, channels, depth, height, width])
    })
}
