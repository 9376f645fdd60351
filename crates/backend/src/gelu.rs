//! The Gaussian error linear unit, exact (Hendrycks and Gimpel 2016): `x · Φ(x)`. On the CPU in one pass forward and one backward;
//! elsewhere of Burn's operations.

use std::f32::consts::FRAC_1_SQRT_2;

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use super::differentiable::{Gradient, contiguous, differentiable, like, values};
use super::isa::{Isa, vectorised};
use super::math::{erf, exp};
use super::memory::Buffer;

/// Elements per task.
const TASK: usize = 1 << 14;

/// 1 / √(2π)
const DENSITY: f32 = 0.398_942_3;

/// GELU of every element.
pub fn gelu<const D: usize>(inputs: Tensor<D>) -> Tensor<D> {
    match super::has_own_kernels(&inputs) {
        true => Tensor::from_dispatch(Dispatch::gelu(inputs.into_dispatch())),
        false if inputs.is_tracked() => by_burn(inputs),
        false => activation::gelu(inputs),
    }
}

/// Of Burn's operations, with a gradient of our own: Burn's squares by the device's `pow`, which is off by 1e-3 where a driver computes it
/// by rough logarithms (SwiftShader).
fn by_burn<const D: usize>(inputs: Tensor<D>) -> Tensor<D> {
    let x = inputs.clone().detach();
    let below = x.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    let density = (x.clone() * x.clone()).mul_scalar(-0.5).exp().mul_scalar(DENSITY);
    let slope = below.clone() + x.clone() * density;
    // The difference is 0, and has the slope as its gradient.
    x.clone() * below + slope * (inputs - x)
}

/// GELU in f32.
#[backend_extension(Flex, Autodiff)]
pub trait GeluBackend: Backend {
    /// A tensor of any shape.
    fn gelu(inputs: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl GeluBackend for Flex {
    fn gelu(inputs: FlexTensor) -> FlexTensor {
        let inputs = contiguous(inputs);
        let mut output = Buffer::new(values(&inputs).len());
        let tasks = output.par_chunks_mut(TASK).zip(values(&inputs).par_chunks(TASK));
        tasks.for_each(|(output, inputs)| forward(Isa::detect(), inputs, output));
        like(&inputs, output)
    }
}

impl<C: CheckpointStrategy> GeluBackend for Autodiff<Flex, C> {
    fn gelu(inputs: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(GeluGradient, [inputs], [0], |[inputs]| Flex::gelu(inputs))
    }
}

#[derive(Debug)]
struct GeluGradient;

impl Gradient<1, 1> for GeluGradient {
    fn gradients(self, gradient: FlexTensor, [inputs]: [FlexTensor; 1], _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (gradient, inputs) = (contiguous(gradient), contiguous(inputs));
        let mut output = Buffer::new(values(&inputs).len());
        let sources = values(&inputs).par_chunks(TASK).zip(values(&gradient).par_chunks(TASK));
        output.par_chunks_mut(TASK).zip(sources).for_each(|(output, (inputs, gradient))| {
            backward(Isa::detect(), inputs, gradient, output);
        });
        [Some(like(&inputs, output))]
    }
}

/// The cumulative distribution function of the normal distribution.
#[inline(always)]
fn below(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * FRAC_1_SQRT_2)
}

vectorised! {
    /// `x · Φ(x)`
    fn forward(inputs: &[f32], output: &mut [f32]) {
        for (output, &x) in output.iter_mut().zip(inputs) {
            *output = x * below(x);
        }
    }
}

vectorised! {
    /// `(Φ(x) + x · φ(x)) · gradient`
    fn backward(inputs: &[f32], gradient: &[f32], output: &mut [f32]) {
        for ((output, &x), gradient) in output.iter_mut().zip(inputs).zip(gradient) {
            *output = (below(x) + x * DENSITY * exp(-0.5 * x * x)) * gradient;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn values_and_gradients_are_burns() {
        for shape in [[2, 3, 5], [1, 1, 30], [3, 100, 77]] {
            let inputs = drawn_leaf("inputs", shape);
            // Views, and values far from zero.
            let seen = || (inputs.clone() * 5.0).swap_dims(1, 2);
            let by = |operation: fn(Tensor<3>) -> Tensor<3>| differentiated(operation(seen()), &[&inputs]);
            assert_alike(&by(gelu), &by(activation::gelu), 1e-6);
            assert_alike(&by(by_burn), &by(activation::gelu), 1e-6);
        }
    }
}
