//! Softmax over the last axis, for attention. On the CPU in one pass forward and one backward; elsewhere Burn's.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use super::differentiable::{Gradient, contiguous, differentiable, like, values};
use super::isa::{Isa, vectorised};
use super::math::exp;
use super::memory::Buffer;
use super::rows;

/// Elements per task.
const TASK: usize = 1 << 14;

/// Softmax over the last axis.
pub fn softmax<const D: usize>(scores: Tensor<D>) -> Tensor<D> {
    match super::has_own_kernels(&scores) && scores.dims()[D - 1] > 0 {
        true => Tensor::from_dispatch(Dispatch::softmax_of_rows(scores.into_dispatch())),
        false => activation::softmax(scores, D - 1),
    }
}

/// Softmax in f32.
#[backend_extension(Flex, Autodiff)]
pub trait SoftmaxBackend: Backend {
    /// Over the last axis of a tensor of any shape.
    fn softmax_of_rows(scores: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl SoftmaxBackend for Flex {
    fn softmax_of_rows(scores: FlexTensor) -> FlexTensor {
        let scores = contiguous(scores);
        let width = width(&scores);
        let mut output = Buffer::new(values(&scores).len());
        let tasks = output.par_chunks_mut(task(width)).zip(values(&scores).par_chunks(task(width)));
        tasks.for_each(|(output, scores)| forward(Isa::detect(), scores, width, output));
        like(&scores, output)
    }
}

impl<C: CheckpointStrategy> SoftmaxBackend for Autodiff<Flex, C> {
    fn softmax_of_rows(scores: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(SoftmaxGradient, [scores], [0], |[scores]| Flex::softmax_of_rows(scores))
    }
}

fn width(scores: &FlexTensor) -> usize {
    scores.layout().shape().iter().last().copied().unwrap_or(1)
}

/// Whole rows.
fn task(width: usize) -> usize {
    (TASK / width).max(1) * width
}

/// Recomputes the probabilities, which is cheaper than keeping them.
#[derive(Debug)]
struct SoftmaxGradient;

impl Gradient<1, 1> for SoftmaxGradient {
    fn gradients(self, gradient: FlexTensor, [scores]: [FlexTensor; 1], _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (gradient, scores) = (contiguous(gradient), contiguous(scores));
        let width = width(&scores);
        let mut output = Buffer::new(values(&scores).len());
        let sources = values(&scores).par_chunks(task(width)).zip(values(&gradient).par_chunks(task(width)));
        output.par_chunks_mut(task(width)).zip(sources).for_each(|(output, (scores, gradient))| {
            forward(Isa::detect(), scores, width, output);
            backward(Isa::detect(), gradient, width, output);
        });
        [Some(like(&scores, output))]
    }
}

vectorised! {
    /// Probabilities of rows.
    fn forward(scores: &[f32], width: usize, output: &mut [f32]) {
        for (scores, output) in scores.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
            let most = rows::largest(scores);
            for (output, score) in output.iter_mut().zip(scores) {
                *output = exp(score - most);
            }
            let factor = 1.0 / rows::sum(output);
            for output in output {
                *output *= factor;
            }
        }
    }
}

vectorised! {
    /// `p · (gradient − Σ p · gradient)` in place of the probabilities `p`.
    fn backward(gradient: &[f32], width: usize, probabilities: &mut [f32]) {
        for (gradient, row) in gradient.chunks_exact(width).zip(probabilities.chunks_exact_mut(width)) {
            let mean = rows::dot(gradient, row);
            for (probability, gradient) in row.iter_mut().zip(gradient) {
                *probability *= gradient - mean;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn probabilities_and_gradients_are_burns() {
        for shape in [[2, 3, 4, 5], [1, 2, 9, 64], [2, 1, 33, 100], [1, 1, 1, 1]] {
            let scores = drawn_leaf("scores", shape);
            // Views, and scores whose exponentials would overflow.
            let seen = || (scores.clone() * 60.0).swap_dims(1, 2);
            let by = |operation: fn(Tensor<4>) -> Tensor<4>| differentiated(operation(seen()), &[&scores]);
            assert_alike(&by(softmax), &by(|scores| activation::softmax(scores, 3)), 5e-6);
        }
    }
}
