//! The Mix Transformer.

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::{Attention, FeedForward};
use super::spec::{KERNELS, STRIDES, SegformerPlan};
use crate::graph::{Graph, Images, Tokens};
use crate::model::block::{Conv, DropoutRng, TokenNorm, Weights, drop_samples, images, tokens};

/// Four stages, each half the size of the previous one.
#[derive(Module, Debug)]
pub(super) struct Encoder {
    stages: Vec<Stage>,
}

impl Encoder {
    pub(super) fn new(plan: &SegformerPlan, channels: usize, weights: &mut Weights) -> Self {
        let blocks: usize = plan.blocks.iter().sum();
        let drop_path = |block: usize| plan.drop_path * block as f64 / (blocks.max(2) - 1) as f64;
        let mut input = channels;
        let mut before = 0;
        let mut stages = Vec::new();
        for (stage, (&features, &count)) in plan.features.iter().zip(&plan.blocks).enumerate() {
            let rates = (before..before + count).map(drop_path).collect();
            stages.push(Stage::new(stage, [input, features], rates, weights));
            (input, before) = (features, before + count);
        }
        Self { stages }
    }

    /// Feature maps `[batch, features, 1, height / 4, width / 4]` to `… / 32`, finest first.
    pub(super) fn forward(&self, images: Tensor<5>, draws: &DropoutRng) -> Vec<Tensor<5>> {
        let mut maps: Vec<Tensor<5>> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let input = maps.last().unwrap_or(&images).clone();
            maps.push(stage.forward(input, draws));
        }
        maps
    }

    /// Traces the stages; the finest map is first.
    pub(super) fn trace(&self, graph: &mut Graph, images: &Images) -> Vec<Images> {
        let mut maps: Vec<Images> = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            let input = maps.last().unwrap_or(images).clone();
            maps.push(graph.within(format!("stages.{index}"), |graph| stage.trace(graph, &input)));
        }
        maps
    }
}

#[derive(Module, Debug)]
struct Stage {
    embedding: Conv,
    embedding_norm: TokenNorm,
    blocks: Vec<Block>,
    norm: TokenNorm,
}

impl Stage {
    fn new(stage: usize, channels: [usize; 2], drop_paths: Vec<f64>, weights: &mut Weights) -> Self {
        let (kernel, stride, features) = (KERNELS[stage], STRIDES[stage], channels[1]);
        Self {
            embedding: Conv::new(channels, [1, kernel, kernel], [1, stride, stride], weights),
            embedding_norm: TokenNorm::new(features, weights),
            blocks: drop_paths.into_iter().map(|rate| Block::new(stage, features, rate, weights)).collect(),
            norm: TokenNorm::new(features, weights),
        }
    }

    fn forward(&self, input: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let embedded = self.embedding.forward(input);
        let [.., height, width] = embedded.dims();
        let size = [height, width];
        let start = self.embedding_norm.forward(tokens(embedded));
        let seen = self.blocks.iter().fold(start, |tokens, block| block.forward(tokens, size, draws));
        images(self.norm.forward(seen), size)
    }

    fn trace(&self, graph: &mut Graph, input: &Images) -> Images {
        let embedded = graph.within("embedding", |graph| self.embedding.trace(graph, input));
        let tokens = graph.tokens(&embedded);
        let mut tokens = graph.within("embedding_norm", |graph| self.embedding_norm.trace(graph, &tokens));
        for (index, block) in self.blocks.iter().enumerate() {
            tokens = graph.within(format!("blocks.{index}"), |graph| block.trace(graph, &tokens));
        }
        let tokens = graph.within("norm", |graph| self.norm.trace(graph, &tokens));
        graph.images(&tokens)
    }
}

#[derive(Module, Debug)]
struct Block {
    norm: TokenNorm,
    attention: Attention,
    second_norm: TokenNorm,
    feed_forward: FeedForward,
    #[module(skip)]
    drop_path: f64,
}

impl Block {
    fn new(stage: usize, features: usize, drop_path: f64, weights: &mut Weights) -> Self {
        Self {
            norm: TokenNorm::new(features, weights),
            attention: Attention::new(stage, features, weights),
            second_norm: TokenNorm::new(features, weights),
            feed_forward: FeedForward::new(features, weights),
            drop_path,
        }
    }

    fn forward(&self, tokens: Tensor<3>, size: [usize; 2], draws: &DropoutRng) -> Tensor<3> {
        let change = self.attention.forward(self.norm.forward(tokens.clone()), size);
        let tokens = drop_samples(change, self.drop_path, draws) + tokens;
        let change = self.feed_forward.forward(self.second_norm.forward(tokens.clone()), size);
        drop_samples(change, self.drop_path, draws) + tokens
    }

    fn trace(&self, graph: &mut Graph, tokens: &Tokens) -> Tokens {
        let normal = graph.within("norm", |graph| self.norm.trace(graph, tokens));
        let change = graph.within("attention", |graph| self.attention.trace(graph, &normal));
        let tokens = graph.add_tokens(tokens, &change);
        let normal = graph.within("second_norm", |graph| self.second_norm.trace(graph, &tokens));
        let change = graph.within("feed_forward", |graph| self.feed_forward.trace(graph, &normal));
        graph.add_tokens(&tokens, &change)
    }
}
