//! The bias of a linear layer, added to every row. On the CPU in place, with its gradient summed in one pass; elsewhere Burn's sum.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::conv::channel_sums;
use super::differentiable::{Gradient, contiguous, differentiable, like, plain, values};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;

/// Elements per task.
const TASK: usize = 1 << 14;

/// Rows `[row, feature]` plus a bias `[feature]`.
///
/// # Panics
/// The bias and a row differ in length.
pub fn add_bias(rows: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    if !super::has_own_kernels(&rows) || !super::has_own_kernels(&bias) {
        return rows + bias.unsqueeze();
    }
    Tensor::from_dispatch(Dispatch::add_bias(rows.into_dispatch(), bias.into_dispatch()))
}

/// The addition of a bias in f32.
#[backend_extension(Flex, Autodiff)]
pub trait BiasBackend: Backend {
    /// Rows `[row, feature]`, bias `[feature]`.
    fn add_bias(rows: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl BiasBackend for Flex {
    fn add_bias(rows: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let [rows, bias] = [rows, bias].map(contiguous);
        let ([_, width], [features]) = (rows.layout().shape().dims(), bias.layout().shape().dims());
        assert_eq!(width, features, "a bias has one number for each feature");
        let task = (TASK / features.max(1)).max(1) * features.max(1);
        let mut output = Buffer::new(values(&rows).len());
        output.par_chunks_mut(task).zip(values(&rows).par_chunks(task)).for_each(|(output, rows)| {
            add(Isa::detect(), rows, values(&bias), output);
        });
        like(&rows, output)
    }
}

impl<C: CheckpointStrategy> BiasBackend for Autodiff<Flex, C> {
    fn add_bias(rows: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(BiasGradient, [rows, bias], [1], |[rows, bias]| Flex::add_bias(rows, bias))
    }
}

#[derive(Debug)]
struct BiasGradient;

impl Gradient<2, 1> for BiasGradient {
    fn gradients(self, gradient: FlexTensor, [bias]: [FlexTensor; 1], _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let gradient = contiguous(gradient);
        let [features] = bias.layout().shape().dims();
        let sums = channel_sums(values(&gradient), features);
        [Some(gradient), Some(plain(sums, &[features]))]
    }
}

vectorised! {
    fn add(rows: &[f32], bias: &[f32], output: &mut [f32]) {
        for (row, output) in rows.chunks_exact(bias.len()).zip(output.chunks_exact_mut(bias.len())) {
            for ((output, value), bias) in output.iter_mut().zip(row).zip(bias) {
                *output = value + bias;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn sums_and_gradients_are_burns() {
        for [rows, features] in [[3, 5], [1, 1], [700, 33]] {
            let (values, bias) = (drawn_leaf("rows", [features, rows]), drawn_leaf("bias", [features]));
            let by = |operation: fn(Tensor<2>, Tensor<1>) -> Tensor<2>| {
                differentiated(operation(values.clone().transpose(), bias.clone()), &[&values])
                    .into_iter()
                    .chain(differentiated(operation(values.clone().transpose(), bias.clone()), &[&bias]))
                    .collect::<Vec<_>>()
            };
            assert_alike(&by(add_bias), &by(|rows, bias| rows + bias.unsqueeze()), 1e-6);
        }
    }
}
