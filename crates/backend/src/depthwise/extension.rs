//! The kernel as an operation of Burn's CPU backend, with its gradient.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::{Flex, FlexTensor};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::super::conv::channel_sums;
use super::super::differentiable::{Gradient, contiguous, differentiable, like, plain, values};
use super::super::memory::Buffer;
use super::kernel::{Size, TAPS, by_tap, convolve, weight_gradient};

/// Depthwise convolution in f32.
#[backend_extension(Flex, Autodiff)]
pub trait DepthwiseBackend: Backend {
    /// Tokens `[batch, y, x, feature]`, weights `[feature, 1, 3, 3]`, bias `[feature]`.
    fn depthwise(tokens: FloatTensor<Self>, weights: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl DepthwiseBackend for Flex {
    fn depthwise(tokens: FlexTensor, weights: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let [tokens, weights, bias] = [tokens, weights, bias].map(contiguous);
        let size = size(&tokens, &weights);
        let weights = by_tap(values(&weights), size.features, false);
        let mut output = Buffer::new(values(&tokens).len());
        convolve(values(&tokens), &weights, Some(values(&bias)), size, &mut output);
        like(&tokens, output)
    }
}

fn size(tokens: &FlexTensor, weights: &FlexTensor) -> Size {
    let [_, height, width, features] = tokens.layout().shape().dims();
    let [expected, ..] = weights.layout().shape().dims::<4>();
    assert_eq!(
        features, expected,
        "a depthwise convolution's weights are for {expected} features, its tokens have {features}"
    );
    Size { height, width, features }
}

/// The backward pass; it reads tokens and weights.
#[derive(Debug)]
struct DepthwiseGradient;

impl Gradient<3, 2> for DepthwiseGradient {
    fn gradients(
        self,
        gradient: FlexTensor,
        read: [FlexTensor; 2],
        [of_tokens, of_weights, of_bias]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let (gradient, [tokens, weights]) = (contiguous(gradient), read.map(contiguous));
        let size = size(&tokens, &weights);
        let for_weights = || {
            let result = weight_gradient(values(&tokens), values(&gradient), size);
            debug_assert_eq!(result.len(), TAPS * size.features);
            plain(result, &weights.layout().shape().dims::<4>())
        };
        let for_tokens = || {
            let flipped = by_tap(values(&weights), size.features, true);
            let mut result = Buffer::new(values(&gradient).len());
            convolve(values(&gradient), &flipped, None, size, &mut result);
            like(&tokens, result)
        };
        let for_bias = || plain(channel_sums(values(&gradient), size.features), &[size.features]);
        [of_tokens.then(for_tokens), of_weights.then(for_weights), of_bias.then(for_bias)]
    }
}

impl<C: CheckpointStrategy> DepthwiseBackend for Autodiff<Flex, C> {
    fn depthwise(tokens: FloatTensor<Self>, weights: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        differentiable::<C, _, _>(DepthwiseGradient, [tokens, weights, bias], [0, 1], |[tokens, weights, bias]| {
            Flex::depthwise(tokens, weights, bias)
        })
    }
}
