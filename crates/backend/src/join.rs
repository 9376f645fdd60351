//! Concatenation along the channels, for the skip connections of a U-Net. On the CPU with channels last; elsewhere Burn's `cat`.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::channels_last::{ChannelsLast, tensor};
use super::differentiable::{Gradient, differentiable};
use super::memory::Buffer;

/// Voxels per task.
const TASK: usize = 1024;

/// The channels of the first image `[batch, channel, z, y, x]`, then those of the second.
///
/// # Panics
/// The images differ in more than their channels.
pub fn join(first: Tensor<5>, second: Tensor<5>) -> Tensor<5> {
    if !super::has_own_kernels(&first) || !super::has_own_kernels(&second) {
        return Tensor::cat(vec![first, second], 1);
    }
    Tensor::from_dispatch(Dispatch::join(first.into_dispatch(), second.into_dispatch()))
}

/// The concatenation of f32 images.
#[backend_extension(Flex, Autodiff)]
pub trait JoinBackend: Backend {
    /// Two images `[batch, channel, z, y, x]`.
    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl JoinBackend for Flex {
    fn join(first: FlexTensor, second: FlexTensor) -> FlexTensor {
        let [first, second] = [first, second].map(ChannelsLast::new);
        let ([batch, of_first, size @ ..], [other, of_second, other_size @ ..]) =
            (first.dimensions(), second.dimensions());
        assert_eq!((batch, size), (other, other_size), "joined images have one size");
        let channels = of_first + of_second;
        let mut joined = Buffer::new(first.values().len() + second.values().len());
        let sources = first.values().par_chunks(TASK * of_first).zip(second.values().par_chunks(TASK * of_second));
        joined.par_chunks_mut(TASK * channels).zip(sources).for_each(|(joined, (first, second))| {
            copy_channels(first, [of_first, 0], joined, [channels, 0], of_first);
            copy_channels(second, [of_second, 0], joined, [channels, of_first], of_second);
        });
        tensor(joined, [batch, channels, size[0], size[1], size[2]])
    }
}

/// The channels of a concatenated image that came from one of the two.
fn part(joined: &ChannelsLast, first: usize, count: usize) -> FlexTensor {
    let [batch, channels, z, y, x] = joined.dimensions();
    let mut values = Buffer::new(batch * count * z * y * x);
    values.par_chunks_mut(TASK * count).zip(joined.values().par_chunks(TASK * channels)).for_each(|(part, joined)| {
        copy_channels(joined, [channels, first], part, [count, 0], count);
    });
    tensor(values, [batch, count, z, y, x])
}

/// Copies some channels of every voxel. `from` and `to`: channels per voxel, and the first one copied.
fn copy_channels(source: &[f32], from: [usize; 2], target: &mut [f32], to: [usize; 2], count: usize) {
    // A copy of unknown length is a function call per voxel, which takes longer than the copy itself.
    match count {
        8 => copy_fixed::<8>(source, from, target, to),
        16 => copy_fixed::<16>(source, from, target, to),
        32 => copy_fixed::<32>(source, from, target, to),
        _ => {
            for (target, source) in target.chunks_exact_mut(to[0]).zip(source.chunks_exact(from[0])) {
                target[to[1]..to[1] + count].copy_from_slice(&source[from[1]..from[1] + count]);
            }
        }
    }
}

fn copy_fixed<const COUNT: usize>(source: &[f32], from: [usize; 2], target: &mut [f32], to: [usize; 2]) {
    for (target, source) in target.chunks_exact_mut(to[0]).zip(source.chunks_exact(from[0])) {
        if let (Some(target), Some(source)) = (target[to[1]..].first_chunk_mut(), source[from[1]..].first_chunk()) {
            let source: &[f32; COUNT] = source;
            *target = *source;
        }
    }
}

/// Channels of the two images.
#[derive(Debug)]
struct JoinGradient([usize; 2]);

impl Gradient<2, 0> for JoinGradient {
    fn gradients(self, gradient: FlexTensor, _: [FlexTensor; 0], wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let gradient = ChannelsLast::new(gradient);
        let [of_first, of_second] = self.0;
        let parts = [(wanted[0], 0, of_first), (wanted[1], of_first, of_second)];
        parts.map(|(wanted, start, count)| wanted.then(|| part(&gradient, start, count)))
    }
}

impl<C: CheckpointStrategy> JoinBackend for Autodiff<Flex, C> {
    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let channels = [&first, &second].map(|tensor| tensor.primitive().layout().shape()[1]);
        differentiable::<C, _, _>(JoinGradient(channels), [first, second], [], |[first, second]| {
            Flex::join(first, second)
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn joined_images_and_their_gradients_are_burns() {
        for ([first, second], size) in
            [([3, 5], [2, 3, 4]), ([16, 8], [1, 5, 7]), ([32, 64], [2, 1, 3]), ([1, 1], [1, 1, 1])]
        {
            let device = Device::flex().autodiff();
            let image = |channels, mean| {
                let shape = [2, channels, size[0], size[1], size[2]];
                segspec_testing::drawn(shape, [mean, 0.3], &device).require_grad()
            };
            let (a, b) = (image(first, 0.5), image(second, -0.5));
            let weights = Tensor::cat(vec![a.clone(), b.clone()], 1).detach();
            let results = [join(a.clone(), b.clone()), Tensor::cat(vec![a.clone(), b.clone()], 1)].map(|joined| {
                let grads = (joined.clone() * weights.clone()).sum().backward();
                [joined.into_data(), a.grad(&grads).unwrap().into_data(), b.grad(&grads).unwrap().into_data()]
            });
            assert_eq!(results[0], results[1]);
        }
    }
}
