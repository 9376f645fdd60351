//! Layers over tokens `[batch, token, feature]`.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{DType, Tensor};

use super::Weights;
use crate::backend::Precision;

/// A linear layer with weights `[out, in]`, as PyTorch stores them.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    precision: Precision,
}

impl Linear {
    /// Maps `features[0]` to `features[1]`; normal initial weights with a deviation of 0.02, biases 0 (vision transformers).
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
        let [batch, count, input] = tokens.dims();
        let (weight, bias) = (self.precision.cast(self.weight.val()), self.precision.cast(self.bias.val()));
        let output = weight.dims()[0];
        let rows = tokens.reshape([batch * count, input]).matmul(weight.transpose());
        (rows + bias.unsqueeze()).reshape([batch, count, output])
    }
}

/// Normalisation over the features of each token, computed in 32 bits (Ba 2016, epsilon 1e-5).
#[derive(Module, Debug)]
pub struct TokenNorm {
    norm: LayerNorm,
}

impl TokenNorm {
    /// For so many features.
    pub fn new(features: usize, weights: &Weights) -> Self {
        Self { norm: LayerNormConfig::new(features).init(weights.device()) }
    }

    /// `[batch, token, feature]`; the number type stays.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        match tokens.dtype() {
            DType::F32 => self.norm.forward(tokens),
            dtype => self.norm.forward(Precision::F32.cast(tokens)).cast(dtype),
        }
    }
}

/// Tokens `[batch, y · x, feature]` of images `[batch, feature, 1, y, x]`, row by row.
pub fn tokens(images: Tensor<5>) -> Tensor<3> {
    let [batch, features, _, height, width] = images.dims();
    images.reshape([batch, features, height * width]).swap_dims(1, 2)
}

/// Images `[batch, feature, 1, y, x]` of tokens.
pub fn images(tokens: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<5> {
    let [batch, _, features] = tokens.dims();
    tokens.swap_dims(1, 2).reshape([batch, features, 1, height, width])
}
