//! Sums of feature maps, for residual connections and the gradients of skip connections. On the CPU with channels last; elsewhere
//! Burn's sum.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::channels_last::{ChannelsLast, as_it_lies};
use super::differentiable::{Gradient, differentiable};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;

/// Elements per task.
const TASK: usize = 1 << 14;

/// The sum of two images `[batch, channel, z, y, x]`.
///
/// # Panics
/// The shapes differ.
pub fn add(first: Tensor<5>, second: Tensor<5>) -> Tensor<5> {
    if !super::has_own_kernels(&first) || !super::has_own_kernels(&second) {
        return first + second;
    }
    Tensor::from_dispatch(Dispatch::add_images(first.into_dispatch(), second.into_dispatch()))
}

/// The sum of f32 images.
#[backend_extension(Flex, Autodiff)]
pub trait AddBackend: Backend {
    /// Two images of one shape `[batch, channel, z, y, x]`.
    fn add_images(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl AddBackend for Flex {
    fn add_images(first: FlexTensor, second: FlexTensor) -> FlexTensor {
        let [mut first, second] = [first, second].map(ChannelsLast::new);
        assert_eq!(first.dimensions(), second.dimensions(), "images that are added have one shape");
        if let Some(own) = first.own_values() {
            own.par_chunks_mut(TASK).zip(second.values().par_chunks(TASK)).for_each(|(first, second)| {
                add_to(Isa::detect(), second, first);
            });
            return first.into_tensor();
        }
        let mut sum = Buffer::new(first.values().len());
        let sources = first.values().par_chunks(TASK).zip(second.values().par_chunks(TASK));
        sum.par_chunks_mut(TASK).zip(sources).for_each(|(sum, (first, second))| {
            add_up(Isa::detect(), first, second, sum);
        });
        as_it_lies(sum, first.dimensions())
    }
}

impl<C: CheckpointStrategy> AddBackend for Autodiff<Flex, C> {
    fn add_images(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(AddGradient, [first, second], [], |[first, second]| Flex::add_images(first, second))
    }
}

#[derive(Debug)]
struct AddGradient;

impl Gradient<2, 0> for AddGradient {
    fn gradients(self, gradient: FlexTensor, _: [FlexTensor; 0], _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        [Some(gradient.clone()), Some(gradient)]
    }
}

vectorised! {
    fn add_to(from: &[f32], sum: &mut [f32]) {
        for (sum, value) in sum.iter_mut().zip(from) {
            *sum += value;
        }
    }
}

vectorised! {
    fn add_up(first: &[f32], second: &[f32], sum: &mut [f32]) {
        for ((sum, first), second) in sum.iter_mut().zip(first).zip(second) {
            *sum = first + second;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::gate;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn sums_and_gradients_are_burns() {
        for shape in [[2, 3, 2, 3, 4], [1, 32, 1, 5, 7], [2, 17, 30, 9, 11], [1, 1, 1, 1, 1]] {
            let [a, b] = ["a", "b"].map(|name| drawn_leaf(name, shape));
            let by = |operation: fn(Tensor<5>, Tensor<5>) -> Tensor<5>| {
                differentiated(operation(a.clone(), b.clone()), &[&a, &b])
            };
            assert_alike(&by(add), &by(|a, b| a + b), 0.0);
        }
    }

    /// A result that our operations and Burn's read several times, in any order.
    #[test]
    fn gradients_of_what_is_read_often_add_up() {
        let images = drawn_leaf("images", [2, 9, 3, 4, 5]);
        let weights = drawn_leaf("weights", [2, 1, 3, 4, 5]);
        type Operation = fn(Tensor<5>, Tensor<5>) -> Tensor<5>;
        let by = |add: Operation, gate: Operation| {
            let seen = gate(images.clone(), weights.clone());
            let once = add(seen.clone() * 0.5, gate(seen.clone(), weights.clone()));
            let twice = add(add(once.clone(), seen.clone()), once.clone().abs() * seen.clone());
            differentiated(add(add(twice.clone(), once), twice), &[&images, &weights])
        };
        assert_alike(&by(add, gate), &by(|a, b| a + b, |a, b| a * b), 1e-5);
    }
}
