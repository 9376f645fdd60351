//! Linear resizing of feature maps. On the CPU axis by axis; elsewhere as products with interpolation matrices: Burn 0.22 has no
//! trilinear interpolation, and its bilinear one has no gradient on GPUs.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::channels_last::{ChannelsLast, as_it_lies, tensor};
use super::differentiable::{Gradient, differentiable};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;

/// Elements per task.
const TASK: usize = 1 << 14;

/// Images `[batch, channel, z, y, x]` at another size, linearly interpolated along each axis. The images' borders are aligned, not the
/// centres of their corner voxels, and the border is replicated (PyTorch's `interpolate` with `align_corners=False`).
pub fn resize(images: Tensor<5>, size: [usize; 3]) -> Tensor<5> {
    match super::has_own_kernels(&images) {
        true => Tensor::from_dispatch(Dispatch::resize_images(images.into_dispatch(), size)),
        false => by_products(images, size),
    }
}

fn by_products(images: Tensor<5>, size: [usize; 3]) -> Tensor<5> {
    (0..3).rev().fold(images, |images, axis| product(images, axis, size[axis]))
}

fn product(images: Tensor<5>, axis: usize, size: usize) -> Tensor<5> {
    let before = images.dims()[axis + 2];
    if before == size {
        return images;
    }
    let (device, dtype) = (images.device(), images.dtype());
    let matrix = Tensor::<2>::from_data(TensorData::new(matrix(before, size), [size, before]), &device).cast(dtype);
    // The axis becomes the last one, for a matrix product.
    let turned = images.swap_dims(axis + 2, 4);
    let [batch, channels, a, b, _] = turned.dims();
    let rows = turned.reshape([batch * channels * a * b, before]).matmul(matrix.transpose());
    rows.reshape([batch, channels, a, b, size]).swap_dims(axis + 2, 4)
}

/// Interpolation matrix `[after, before]`: the weight of each input voxel for each output voxel.
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

/// The resizing of f32 images.
#[backend_extension(Flex, Autodiff)]
pub trait ResizeBackend: Backend {
    /// Images `[batch, channel, z, y, x]` and their new size.
    fn resize_images(images: FloatTensor<Self>, size: [usize; 3]) -> FloatTensor<Self>;
}

impl ResizeBackend for Flex {
    fn resize_images(images: FlexTensor, size: [usize; 3]) -> FlexTensor {
        let images = ChannelsLast::new(images);
        let [batch, channels, before @ ..] = images.dimensions();
        let [z, y, x] = size;
        match resized(images.values(), [batch, channels], before, size, [2, 1, 0], Reads::forward) {
            Some(values) => tensor(values, [batch, channels, z, y, x]),
            None => images.into_tensor(),
        }
    }
}

impl<C: CheckpointStrategy> ResizeBackend for Autodiff<Flex, C> {
    fn resize_images(images: FloatTensor<Self>, size: [usize; 3]) -> FloatTensor<Self> {
        let [_, _, before @ ..]: [usize; 5] = images.primitive().layout().shape().dims();
        differentiable::<C, _, _>(ResizeGradient { before }, [images], [], |[images]| Flex::resize_images(images, size))
    }
}

#[derive(Debug)]
struct ResizeGradient {
    /// Size of the input.
    before: [usize; 3],
}

impl Gradient<1, 0> for ResizeGradient {
    fn gradients(self, gradient: FlexTensor, _: [FlexTensor; 0], _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let gradient = ChannelsLast::new(gradient);
        let [batch, channels, after @ ..] = gradient.dimensions();
        let [z, y, x] = self.before;
        let adjoint = |from: usize, to: usize| Reads::adjoint(to, from);
        let found = resized(gradient.values(), [batch, channels], after, self.before, [0, 1, 2], adjoint);
        [Some(match found {
            Some(values) => as_it_lies(values, [batch, channels, z, y, x]),
            None => gradient.into_tensor(),
        })]
    }
}

/// Which input voxels along an axis each output voxel reads, and with which weights.
struct Reads {
    /// Index of each voxel's first read; one entry more than voxels.
    starts: Vec<usize>,
    places: Vec<(usize, f32)>,
}

impl Reads {
    /// Of resizing.
    fn forward(before: usize, after: usize) -> Self {
        let matrix = matrix(before, after);
        Self::new(after, before, |row, column| matrix[row * before + column])
    }

    /// Of its adjoint, for gradients.
    fn adjoint(before: usize, after: usize) -> Self {
        let matrix = matrix(before, after);
        Self::new(before, after, |row, column| matrix[column * before + row])
    }

    fn new(rows: usize, columns: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let (mut starts, mut places) = (vec![0], Vec::new());
        for row in 0..rows {
            places
                .extend((0..columns).map(|column| (column, weight(row, column))).filter(|(_, weight)| *weight != 0.0));
            starts.push(places.len());
        }
        Self { starts, places }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn of(&self, voxel: usize) -> &[(usize, f32)] {
        &self.places[self.starts[voxel]..self.starts[voxel + 1]]
    }
}

/// Values `[batch, z, y, x, channel]` at another size, one axis after the other; `None` if no size changes.
fn resized(
    values: &[f32],
    [batch, channels]: [usize; 2],
    mut size: [usize; 3],
    target: [usize; 3],
    order: [usize; 3],
    reads: impl Fn(usize, usize) -> Reads,
) -> Option<Buffer> {
    let mut found: Option<Buffer> = None;
    for axis in order.into_iter().filter(|&axis| size[axis] != target[axis]).collect::<Vec<_>>() {
        let reads = reads(size[axis], target[axis]);
        let inner = size[axis + 1..].iter().product::<usize>() * channels;
        let outer = size[..axis].iter().product::<usize>() * batch;
        let mut output = Buffer::new(outer * reads.count() * inner);
        let source = found.as_deref().unwrap_or(values);
        let rows = (TASK / inner.max(1)).max(1);
        output.par_chunks_mut(rows * inner.max(1)).enumerate().for_each(|(task, output)| {
            combine(Isa::detect(), source, [size[axis], inner], &reads, task * rows, output);
        });
        size[axis] = target[axis];
        found = Some(output);
    }
    found
}

vectorised! {
    /// Rows of `inner` elements from a first one on, each a weighted sum of rows of its own image.
    fn combine(source: &[f32], shape: [usize; 2], reads: &Reads, first: usize, output: &mut [f32]) {
        let [before, inner] = shape;
        for (row, output) in output.chunks_exact_mut(inner).enumerate() {
            let (image, voxel) = ((first + row) / reads.count(), (first + row) % reads.count());
            output.fill(0.0);
            for (place, weight) in reads.of(voxel) {
                let source = &source[(image * before + place) * inner..][..inner];
                for (output, value) in output.iter_mut().zip(source) {
                    *output += value * weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn weights_by_hand() {
        // Positions of four voxels in two: -0.25 → 0, 0.25, 0.75, 1.25 → the border.
        assert_eq!(matrix(2, 4), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
        assert_eq!(matrix(4, 2), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
        assert_eq!(matrix(1, 3), [1.0, 1.0, 1.0]);
        assert_eq!(matrix(3, 3), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn neighbours_and_products_agree_both_ways() {
        for ([batch, channels], before, after) in [
            ([2, 3], [2, 3, 4], [4, 6, 8]),
            ([1, 32], [1, 5, 7], [1, 20, 28]),
            ([2, 9], [5, 6, 7], [3, 6, 2]),
            ([1, 8], [1, 1, 1], [2, 3, 4]),
            ([1, 8], [2, 3, 4], [2, 3, 4]),
            ([1, 200], [1, 40, 30], [1, 33, 64]),
        ] {
            let [z, y, x] = before;
            let images = drawn_leaf("images", [batch, channels, z, y, x]);
            let by = |operation: fn(Tensor<5>, [usize; 3]) -> Tensor<5>| {
                differentiated(operation(images.clone(), after), &[&images])
            };
            assert_alike(&by(resize), &by(by_products), 1e-5);
        }
    }
}
