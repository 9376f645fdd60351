//! Feature maps weighted voxel by voxel, for attention gates. On the CPU with channels last; elsewhere Burn's product.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::channels_last::{ChannelsLast, tensor};
use super::differentiable::{Gradient, differentiable};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;

/// Voxels per task.
const TASK: usize = 1024;

/// Images `[batch, channel, z, y, x]` times weights `[batch, 1, z, y, x]`.
///
/// # Panics
/// Images and weights differ in more than their channels.
pub fn gate(images: Tensor<5>, weights: Tensor<5>) -> Tensor<5> {
    if !super::has_own_kernels(&images) || !super::has_own_kernels(&weights) {
        return images * weights;
    }
    Tensor::from_dispatch(Dispatch::gate(images.into_dispatch(), weights.into_dispatch()))
}

/// The weighting of f32 images.
#[backend_extension(Flex, Autodiff)]
pub trait GateBackend: Backend {
    /// Images `[batch, channel, z, y, x]`, weights `[batch, 1, z, y, x]`.
    fn gate(images: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl GateBackend for Flex {
    fn gate(images: FlexTensor, weights: FlexTensor) -> FlexTensor {
        let [images, weights] = both(images, weights);
        weighted(&images, &weights)
    }
}

impl<C: CheckpointStrategy> GateBackend for Autodiff<Flex, C> {
    fn gate(images: FloatTensor<Self>, weights: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(GateGradient, [images, weights], [0, 1], |[images, weights]| {
            Flex::gate(images, weights)
        })
    }
}

fn both(images: FlexTensor, weights: FlexTensor) -> [ChannelsLast; 2] {
    let [images, weights] = [images, weights].map(ChannelsLast::new);
    let ([batch, _, size @ ..], [other, one, other_size @ ..]) = (images.dimensions(), weights.dimensions());
    assert_eq!((batch, 1, size), (other, one, other_size), "one weight per voxel");
    [images, weights]
}

fn weighted(images: &ChannelsLast, weights: &ChannelsLast) -> FlexTensor {
    let [_, channels, ..] = images.dimensions();
    let mut output = Buffer::new(images.values().len());
    let sources = images.values().par_chunks(TASK * channels).zip(weights.values().par_chunks(TASK));
    output.par_chunks_mut(TASK * channels).zip(sources).for_each(|(output, (images, weights))| {
        multiply(Isa::detect(), images, weights, output);
    });
    tensor(output, images.dimensions())
}

#[derive(Debug)]
struct GateGradient;

impl Gradient<2, 2> for GateGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [images, weights]: [FlexTensor; 2],
        _: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let [images, weights] = both(images, weights);
        let gradient = ChannelsLast::new(gradient);
        let [_, channels, ..] = images.dimensions();
        let mut of_weights = Buffer::new(weights.values().len());
        let sources = images.values().par_chunks(TASK * channels).zip(gradient.values().par_chunks(TASK * channels));
        of_weights.par_chunks_mut(TASK).zip(sources).for_each(|(output, (images, gradient))| {
            products(Isa::detect(), images, gradient, output);
        });
        [Some(weighted(&gradient, &weights)), Some(tensor(of_weights, weights.dimensions()))]
    }
}

vectorised! {
    /// Multiplies each voxel's channels by its weight.
    fn multiply(images: &[f32], weights: &[f32], output: &mut [f32]) {
        let channels = images.len() / weights.len();
        let voxels = images.chunks_exact(channels).zip(output.chunks_exact_mut(channels));
        for ((images, output), weight) in voxels.zip(weights) {
            for (image, output) in images.iter().zip(output) {
                *output = image * weight;
            }
        }
    }
}

vectorised! {
    /// Sums products over each voxel's channels.
    fn products(first: &[f32], second: &[f32], output: &mut [f32]) {
        let channels = first.len() / output.len();
        for ((first, second), output) in first.chunks_exact(channels).zip(second.chunks_exact(channels)).zip(output) {
            *output = super::rows::dot(first, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn weighted_images_and_their_gradients_are_burns() {
        for ([batch, channels], size) in
            [([2, 3], [2, 3, 4]), ([1, 32], [1, 5, 7]), ([2, 17], [30, 9, 11]), ([1, 1], [1, 1, 1])]
        {
            let [z, y, x] = size;
            let images = drawn_leaf("images", [batch, channels, z, y, x]);
            let weights = drawn_leaf("weights", [batch, 1, z, y, x]);
            let by = |operation: fn(Tensor<5>, Tensor<5>) -> Tensor<5>| {
                differentiated(operation(images.clone(), weights.clone()), &[&images, &weights])
            };
            assert_alike(&by(gate), &by(|images, weights| images * weights), 1e-6);
        }
    }
}
