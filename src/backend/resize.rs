//! Linear resizing of feature maps as products with fixed matrices: Burn 0.22 has no trilinear interpolation, and its bilinear one has
//! no gradient on GPUs.

use burn::tensor::{Tensor, TensorData};

/// Images `[batch, channel, z, y, x]` at another size, linearly interpolated along each axis. Borders, not centres, are aligned, and
/// voxels beyond the border repeat it (PyTorch's `interpolate` with `align_corners=False`).
pub fn resize(images: Tensor<5>, size: [usize; 3]) -> Tensor<5> {
    (0..3).rev().fold(images, |images, axis| along(images, axis, size[axis]))
}

fn along(images: Tensor<5>, axis: usize, size: usize) -> Tensor<5> {
    let before = images.dims()[axis + 2];
    if before == size {
        return images;
    }
    let (device, dtype) = (images.device(), images.dtype());
    let matrix = Tensor::<2>::from_data(TensorData::new(matrix(before, size), [size, before]), &device).cast(dtype);
    // The axis becomes the last of a matrix product.
    let turned = images.swap_dims(axis + 2, 4);
    let [batch, channels, a, b, _] = turned.dims();
    let rows = turned.reshape([batch * channels * a * b, before]).matmul(matrix.transpose());
    rows.reshape([batch, channels, a, b, size]).swap_dims(axis + 2, 4)
}

/// Weights `[after, before]` of every voxel before for every voxel after.
fn matrix(before: usize, after: usize) -> Vec<f32> {
    let mut weights = vec![0.0; before * after];
    let scale = before as f64 / after as f64;
    for (row, weights) in weights.chunks_mut(before).enumerate() {
        let place = ((row as f64 + 0.5) * scale - 0.5).max(0.0);
        let lower = (place as usize).min(before - 1);
        let upper = (lower + 1).min(before - 1);
        let part = (place - lower as f64) as f32;
        weights[lower] += 1.0 - part;
        weights[upper] += part;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_by_hand() {
        // Places of four voxels in two: -0.25 → 0, 0.25, 0.75, 1.25 → the border.
        assert_eq!(matrix(2, 4), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
        assert_eq!(matrix(4, 2), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
        assert_eq!(matrix(1, 3), [1.0, 1.0, 1.0]);
        assert_eq!(matrix(3, 3), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
