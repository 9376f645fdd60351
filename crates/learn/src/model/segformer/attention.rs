//! Self-attention with spatially reduced keys and values, and the Mix-FFN.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::spec::{EXPANSION, HEADS, REDUCTIONS};
use crate::backend::Precision;
use crate::backend::depthwise::depthwise;
use crate::backend::gelu::gelu;
use crate::backend::softmax::softmax;
use crate::graph::{Array, Convolution, Graph, Tokens};
use crate::model::block::{Conv, Linear, TokenNorm, Weights, images, tokens};

/// Softmax attention; keys and values are reduced over blocks of tokens (Wang 2021, PVT).
#[derive(Module, Debug)]
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    reduction: Option<Conv>,
    reduction_norm: Option<TokenNorm>,
    heads: usize,
    #[module(skip)]
    precision: Precision,
}

impl Attention {
    pub(super) fn new(stage: usize, features: usize, weights: &mut Weights) -> Self {
        let mut linear = || Linear::new([features; 2], weights);
        let [query, key, value, output] = [linear(), linear(), linear(), linear()];
        let edge = REDUCTIONS[stage];
        let reduces = edge > 1;
        Self {
            query,
            key,
            value,
            output,
            reduction: reduces.then(|| Conv::patchify([features; 2], [1, edge, edge], true, weights)),
            reduction_norm: reduces.then(|| TokenNorm::new(features, weights)),
            heads: HEADS[stage],
            precision: weights.precision(),
        }
    }

    pub(super) fn forward(&self, input: Tensor<3>, size: [usize; 2]) -> Tensor<3> {
        let [batch, count, features] = input.dims();
        let reduced = match (&self.reduction, &self.reduction_norm) {
            (Some(conv), Some(norm)) => norm.forward(tokens(conv.forward(images(input.clone(), size)))),
            _ => input.clone(),
        };
        let (query, key, value) = (
            self.by_head(self.query.forward(input)),
            self.by_head(self.key.forward(reduced.clone())),
            self.by_head(self.value.forward(reduced)),
        );
        let scale = ((features / self.heads) as f64).sqrt().recip();
        let scores = Precision::F32.cast(query.mul_scalar(scale).matmul(key.swap_dims(2, 3)));
        let attended = self.precision.cast(softmax(scores)).matmul(value);
        self.output.forward(attended.swap_dims(1, 2).reshape([batch, count, features]))
    }

    pub(super) fn trace(&self, graph: &mut Graph, input: &Tokens) -> Tokens {
        let reduced = match (&self.reduction, &self.reduction_norm) {
            (Some(conv), Some(norm)) => {
                let images = graph.images(input);
                let images = graph.within("reduction", |graph| conv.trace(graph, &images));
                let tokens = graph.tokens(&images);
                graph.within("reduction_norm", |graph| norm.trace(graph, &tokens))
            }
            _ => input.clone(),
        };
        let query = graph.within("query", |graph| self.query.trace(graph, input));
        let key = graph.within("key", |graph| self.key.trace(graph, &reduced));
        let value = graph.within("value", |graph| self.value.trace(graph, &reduced));
        let attended = graph.attention([&query, &key, &value], self.heads);
        graph.within("output", |graph| self.output.trace(graph, &attended))
    }

    /// `[batch, head, token, feature]`
    fn by_head(&self, tokens: Tensor<3>) -> Tensor<4> {
        let [batch, count, features] = tokens.dims();
        tokens.reshape([batch, count, self.heads, features / self.heads]).swap_dims(1, 2)
    }
}

/// Linear, 3×3 depthwise convolution (which encodes positions), GELU, linear: the paper's Mix-FFN.
#[derive(Module, Debug)]
pub(super) struct FeedForward {
    first: Linear,
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    second: Linear,
    #[module(skip)]
    precision: Precision,
}

impl FeedForward {
    pub(super) fn new(features: usize, weights: &mut Weights) -> Self {
        let hidden = EXPANSION * features;
        Self {
            first: Linear::new([features, hidden], weights),
            weight: weights.normal([hidden, 1, 3, 3], 0.02),
            bias: weights.zeros([hidden]),
            second: Linear::new([hidden, features], weights),
            precision: weights.precision(),
        }
    }

    pub(super) fn forward(&self, input: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<3> {
        let hidden = self.first.forward(input);
        let [batch, count, features] = hidden.dims();
        let (weight, bias) = (self.precision.cast(self.weight.val()), self.precision.cast(self.bias.val()));
        let mixed = depthwise(hidden.reshape([batch, height, width, features]), weight, bias);
        self.second.forward(gelu(mixed.reshape([batch, count, features])))
    }

    pub(super) fn trace(&self, graph: &mut Graph, input: &Tokens) -> Tokens {
        let hidden = graph.within("first", |graph| self.first.trace(graph, input));
        let images = graph.images(&hidden);
        let Array { shape, values } = Array::of(self.weight.val());
        let features = hidden.features;
        let convolution = Convolution {
            weight: Array { shape: [&shape[..2], &[1], &shape[2..]].concat(), values },
            bias: Some(Array::of(self.bias.val())),
            stride: [1; 3],
            padding: [0, 1, 1],
            extra: [0; 3],
            groups: features,
        };
        let mixed = graph.within("depthwise", |graph| graph.conv(&images, convolution));
        let mixed = graph.tokens(&mixed);
        let mixed = graph.gelu_tokens(&mixed);
        graph.within("second", |graph| self.second.trace(graph, &mixed))
    }
}
