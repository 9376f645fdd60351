//! Layer normalisation over the features of each token (Ba 2016). On the CPU in one pass forward and one backward; elsewhere Burn's
//! operations.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::differentiable::{Gradient, contiguous, differentiable, like, plain, values};
use super::isa::{Isa, vectorised};
use super::memory::Buffer;
use super::rows;

/// Elements per task. A constant, because the order of summation must not depend on the machine.
const TASK: usize = 1 << 14;

/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// Normalises the features of tokens `[batch, token, feature]`, multiplies each by its scale and adds its shift, both `[feature]`.
///
/// # Panics
/// The numbers of scales, shifts and features differ.
pub fn normalise_tokens(tokens: Tensor<3>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<3> {
    if !super::has_own_kernels(&tokens) || !super::has_own_kernels(&scale) {
        return by_burn(tokens, scale, shift);
    }
    let [tokens, scale, shift] = [tokens.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()];
    Tensor::from_dispatch(Dispatch::normalise_tokens(tokens, scale, shift))
}

fn by_burn(tokens: Tensor<3>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<3> {
    let centred = tokens.clone() - tokens.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    centred / variance.add_scalar(EPSILON).sqrt() * scale.unsqueeze() + shift.unsqueeze()
}

/// Layer normalisation in f32.
#[backend_extension(Flex, Autodiff)]
pub trait TokenNormBackend: Backend {
    /// Tokens `[batch, token, feature]`, scale and shift `[feature]`.
    fn normalise_tokens(
        tokens: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl TokenNormBackend for Flex {
    fn normalise_tokens(tokens: FlexTensor, scale: FlexTensor, shift: FlexTensor) -> FlexTensor {
        let [tokens, scale, shift] = [tokens, scale, shift].map(contiguous);
        let task = task(&tokens, &scale);
        let mut output = Buffer::new(values(&tokens).len());
        output.par_chunks_mut(task).zip(values(&tokens).par_chunks(task)).for_each(|(output, tokens)| {
            forward(Isa::detect(), tokens, values(&scale), values(&shift), output);
        });
        like(&tokens, output)
    }
}

impl<C: CheckpointStrategy> TokenNormBackend for Autodiff<Flex, C> {
    fn normalise_tokens(
        tokens: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        differentiable::<C, _, _>(TokenNormGradient, [tokens, scale, shift], [0, 1], |[tokens, scale, shift]| {
            Flex::normalise_tokens(tokens, scale, shift)
        })
    }
}

/// Elements of whole tokens.
fn task(tokens: &FlexTensor, scale: &FlexTensor) -> usize {
    let ([.., width], [features]): ([usize; 3], [usize; 1]) =
        (tokens.layout().shape().dims(), scale.layout().shape().dims());
    assert_eq!(width, features, "a norm for {features} features, tokens of {width}");
    (TASK / features.max(1)).max(1) * features.max(1)
}

#[derive(Debug)]
struct TokenNormGradient;

impl Gradient<3, 2> for TokenNormGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        [tokens, scale]: [FlexTensor; 2],
        _: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let [gradient, tokens, scale] = [gradient, tokens, scale].map(contiguous);
        let task = task(&tokens, &scale);
        let features = values(&scale).len();
        let mut output = Buffer::new(values(&tokens).len());
        let sources = values(&tokens).par_chunks(task).zip(values(&gradient).par_chunks(task));
        let parts = output.par_chunks_mut(task).zip(sources).map(|(output, (tokens, gradient))| {
            let (mut of_scale, mut of_shift) = (vec![0.0; features], vec![0.0; features]);
            backward(Isa::detect(), tokens, gradient, values(&scale), output, &mut of_scale, &mut of_shift);
            [of_scale, of_shift]
        });
        let parts: Vec<_> = parts.collect();
        let total = |which: usize| -> Vec<f32> {
            let sum = |feature: usize| parts.iter().map(|part| f64::from(part[which][feature])).sum::<f64>() as f32;
            (0..features).map(sum).collect()
        };
        let [of_scale, of_shift] = [0, 1].map(|which| plain(total(which), &[features]));
        [Some(like(&tokens, output)), Some(of_scale), Some(of_shift)]
    }
}

/// Mean and reciprocal standard deviation of a token.
#[inline(always)]
fn statistics(token: &[f32]) -> [f32; 2] {
    let count = token.len() as f32;
    let mean = rows::sum(token) / count;
    let variance = rows::sum_of(token, token, |value, _| (value - mean) * (value - mean)) / count;
    [mean, 1.0 / (variance + EPSILON).sqrt()]
}

vectorised! {
    fn forward(tokens: &[f32], scale: &[f32], shift: &[f32], output: &mut [f32]) {
        for (token, output) in tokens.chunks_exact(scale.len()).zip(output.chunks_exact_mut(scale.len())) {
            let [mean, reciprocal] = statistics(token);
            for ((output, value), (scale, shift)) in output.iter_mut().zip(token).zip(scale.iter().zip(shift)) {
                *output = (value - mean) * reciprocal * scale + shift;
            }
        }
    }
}

vectorised! {
    /// Writes the gradient of the tokens and sums those of scale and shift.
    fn backward(
        tokens: &[f32],
        gradient: &[f32],
        scale: &[f32],
        output: &mut [f32],
        of_scale: &mut [f32],
        of_shift: &mut [f32],
    ) {
        let width = scale.len();
        let all = tokens.chunks_exact(width).zip(gradient.chunks_exact(width)).zip(output.chunks_exact_mut(width));
        for ((token, gradient), output) in all {
            let [mean, reciprocal] = statistics(token);
            for ((output, gradient), scale) in output.iter_mut().zip(gradient).zip(scale) {
                *output = gradient * scale;
            }
            let level = rows::sum(output) / width as f32;
            let slant = rows::sum_of(output, token, |gradient, value| gradient * (value - mean) * reciprocal) / width as f32;
            for ((output, value), (gradient, (of_scale, of_shift))) in
                output.iter_mut().zip(token).zip(gradient.iter().zip(of_scale.iter_mut().zip(of_shift.iter_mut())))
            {
                let normal = (value - mean) * reciprocal;
                *output = reciprocal * (*output - level - normal * slant);
                *of_scale += gradient * normal;
                *of_shift += gradient;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LayerNormConfig;

    use super::*;
    use segspec_testing::{assert_alike, differentiated, drawn_leaf};

    #[test]
    fn tokens_and_gradients_are_those_of_burns_layer() {
        for shape in [[2, 3, 5], [1, 1, 1], [2, 300, 33], [1, 70, 256]] {
            let (tokens, scale) = (drawn_leaf("tokens", shape), drawn_leaf("scale", [shape[2]]));
            let shift = drawn_leaf("shift", [shape[2]]);
            // Far from zero, where the variance loses precision first.
            let seen = || tokens.clone() + 20.0;
            let by = |operation: fn(Tensor<3>, Tensor<1>, Tensor<1>) -> Tensor<3>| {
                let output = || operation(seen(), scale.clone(), shift.clone());
                [differentiated(output(), &[&tokens]), differentiated(output(), &[&scale, &shift])].concat()
            };
            let ours = by(normalise_tokens);
            assert_alike(&ours, &by(super::by_burn), 2e-4);
            let layer = LayerNormConfig::new(shape[2]).init(&tokens.device());
            let plain = normalise_tokens(seen(), layer.gamma.val(), Tensor::zeros([shape[2]], &tokens.device()));
            assert_alike(&differentiated(plain, &[&tokens]), &differentiated(layer.forward(seen()), &[&tokens]), 2e-4);
        }
    }
}
