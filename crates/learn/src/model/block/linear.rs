//! Layers over tokens `[batch, token, feature]`.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::Tensor;

use super::Weights;
use crate::backend::Precision;
use crate::backend::bias::add_bias;
use crate::backend::precision::in_f32;
use crate::backend::token_norm::normalise_tokens;
use crate::graph::{Array, Graph, Tokens};

/// Added to the variance of a layer norm.
const EPSILON: f64 = 1e-5;

/// A linear layer with weights `[out, in]`, as PyTorch stores them.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    precision: Precision,
}

impl Linear {
    /// Maps `input` to `output` features; initial weights normal with standard deviation 0.02, biases 0 (as in vision transformers).
    pub fn new([input, output]: [usize; 2], weights: &mut Weights) -> Self {
        let weight = weights.normal([output, input], 0.02);
        Self { weight, bias: weights.zeros([output]), precision: weights.precision() }
    }

    /// `[batch, token, in]` to `[batch, token, out]`.
    ///
    /// # Panics
    /// The tokens are not in the network's precision.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.precision.expect(&tokens, "a linear layer");
        linear(tokens, self.precision.cast(self.weight.val()), Some(self.precision.cast(self.bias.val())))
    }

    /// Weights `[rows, in]` and bias `[rows]` of this layer followed by a matrix `[rows, out]`, in f32.
    pub fn followed_by(&self, matrix: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let bias = matrix.clone().matmul(self.bias.val().unsqueeze_dim(1)).squeeze_dim(1);
        (matrix.matmul(self.weight.val()), bias)
    }

    /// Traces the layer.
    pub fn trace(&self, graph: &mut Graph, tokens: &Tokens) -> Tokens {
        graph.linear(tokens, self.arrays())
    }

    /// Weights `[out, in]` and bias `[out]`.
    pub fn arrays(&self) -> [Array; 2] {
        [Array::of(self.weight.val()), Array::of(self.bias.val())]
    }
}

/// `[batch, token, in]` to `[batch, token, out]` by weights `[out, in]` and a bias `[out]`, all of one floating-point type.
pub fn linear(tokens: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch, count, input] = tokens.dims();
    let output = weight.dims()[0];
    let rows = tokens.reshape([batch * count, input]).matmul(weight.transpose());
    match bias {
        Some(bias) => add_bias(rows, bias),
        None => rows,
    }
    .reshape([batch, count, output])
}

/// Layer normalisation over the features of each token, computed in f32 (Ba 2016, epsilon 1e-5).
#[derive(Module, Debug)]
pub struct TokenNorm {
    norm: LayerNorm,
}

impl TokenNorm {
    /// A layer for tokens with `features` features.
    pub fn new(features: usize, weights: &Weights) -> Self {
        Self { norm: LayerNormConfig::new(features).init(weights.device()) }
    }

    /// Normalises `[batch, token, feature]`; the floating-point type is preserved.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let scale = self.norm.gamma.val();
        let shift = self.norm.beta.as_ref().map_or_else(|| scale.zeros_like(), Param::val);
        in_f32(tokens, |tokens| normalise_tokens(tokens, scale, shift))
    }

    /// Traces the layer.
    pub fn trace(&self, graph: &mut Graph, tokens: &Tokens) -> Tokens {
        let scale = self.norm.gamma.val();
        let shift = self.norm.beta.as_ref().map_or_else(|| scale.zeros_like(), Param::val);
        graph.token_norm(tokens, [Array::of(scale), Array::of(shift)], EPSILON)
    }
}

/// Tokens `[batch, y · x, feature]` of images `[batch, feature, 1, y, x]`, row by row. On the CPU, where images are stored
/// channels-last, both have the same memory layout.
pub fn tokens(images: Tensor<5>) -> Tensor<3> {
    let [batch, features, _, height, width] = images.dims();
    images.permute([0, 2, 3, 4, 1]).reshape([batch, height * width, features])
}

/// Images `[batch, feature, 1, y, x]` of tokens.
pub fn images(tokens: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<5> {
    let [batch, _, features] = tokens.dims();
    tokens.reshape([batch, 1, height, width, features]).permute([0, 4, 1, 2, 3])
}
