//! The V-Net's module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::VnetPlan;
use crate::backend::Precision;
use crate::backend::add::add;
use crate::backend::join::join;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{
    Activate, Conv, ConvNormAct, DropoutRng, NormLayer, Style, Upsample, Weights, drop_features,
};

/// Number of stages with dropout of feature maps, counted from the coarsest.
const DROPPED_STAGES: usize = 2;

/// V-Net: see [`super::Vnet`].
#[derive(Module, Debug)]
pub struct VNet {
    input: Input,
    down: Vec<Down>,
    up: Vec<Up>,
    output: ConvNormAct,
    head: Conv,
    #[module(skip)]
    precision: Precision,
}

impl VNet {
    /// The network with initial weights; the decoder runs from coarse to fine.
    pub fn new(plan: &VnetPlan, interface: Interface, weights: &mut Weights) -> Self {
        let style = |stage: usize| Style { kernel: plan.kernels[stage], norm: plan.norm, activation: plan.activation };
        let stages = plan.features.len();
        let dropout = |stage: usize| if stage + DROPPED_STAGES >= stages { plan.dropout } else { 0.0 };
        let input = Input::new([interface.channels, plan.features[0]], plan.blocks[0], style(0), weights);
        let down = (1..stages).map(|stage| {
            let channels = [plan.features[stage - 1], plan.features[stage]];
            let shape = Shape { stride: plan.strides[stage], blocks: plan.blocks[stage], style: style(stage) };
            Down::new(channels, shape, dropout(stage), weights)
        });
        let down = down.collect();
        let up = (0..stages - 1).rev().map(|stage| {
            let coarse = if stage + 2 == stages { plan.features[stage + 1] } else { 2 * plan.features[stage + 1] };
            let (stride, blocks) = (plan.strides[stage + 1], plan.decoder_blocks[stage]);
            let shape = Shape { stride, blocks, style: style(stage) };
            Up::new([coarse, plan.features[stage]], shape, [dropout(stage + 1), plan.dropout], weights)
        });
        let up = up.collect();
        let output = layer([2 * plan.features[0], interface.outputs], style(0), weights);
        let head = Conv::new([interface.outputs, interface.outputs], [1; 3], [1; 3], weights);
        Self { input, down, up, output, head, precision: weights.precision() }
    }
}

impl Forward for VNet {
    fn logits(&self, images: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let mut features = self.input.forward(images);
        let mut skips = Vec::with_capacity(self.down.len());
        for stage in &self.down {
            skips.push(features.clone());
            features = stage.forward(features, draws);
        }
        for (stage, skip) in self.up.iter().zip(skips.into_iter().rev()) {
            features = stage.forward(features, skip, draws);
        }
        self.head.forward(self.output.forward(features))
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        let mut features = graph.within("input", |graph| self.input.trace(graph, images));
        let mut skips = Vec::with_capacity(self.down.len());
        for (index, stage) in self.down.iter().enumerate() {
            skips.push(features.clone());
            features = graph.within(format!("down.{index}"), |graph| stage.trace(graph, &features));
        }
        for (index, (stage, skip)) in self.up.iter().zip(skips.into_iter().rev()).enumerate() {
            features = graph.within(format!("up.{index}"), |graph| stage.trace(graph, &features, &skip));
        }
        let features = graph.within("output", |graph| self.output.trace(graph, &features));
        graph.within("head", |graph| self.head.trace(graph, &features)).logits()
    }
}

/// Stride, blocks and style of a stage.
#[derive(Clone, Copy)]
struct Shape {
    stride: [usize; 3],
    blocks: usize,
    style: Style,
}

/// Convolution, norm and activation; no bias, because the norm would cancel it.
fn layer(channels: [usize; 2], style: Style, weights: &mut Weights) -> ConvNormAct {
    let conv = Conv::without_bias(channels, style.kernel, [1; 3], weights);
    ConvNormAct::with(conv, channels[1], style, weights)
}

/// Several layers with the same number of features.
fn layers(features: usize, shape: Shape, weights: &mut Weights) -> Vec<ConvNormAct> {
    (0..shape.blocks).map(|_| layer([features; 2], shape.style, weights)).collect()
}

/// Traces layers in order.
fn trace_layers(layers: &[ConvNormAct], graph: &mut Graph, images: &Images) -> Images {
    layers.iter().enumerate().fold(images.clone(), |images, (index, layer)| {
        graph.within(format!("layers.{index}"), |graph| layer.trace(graph, &images))
    })
}

/// The first stage: adds the image, repeated over all feature maps, to the output of its layers.
#[derive(Module, Debug)]
struct Input {
    conv: Conv,
    norm: NormLayer,
    layers: Vec<ConvNormAct>,
    activation: Activate,
    repeats: usize,
}

impl Input {
    fn new(channels: [usize; 2], blocks: usize, style: Style, weights: &mut Weights) -> Self {
        let [input, features] = channels;
        let shape = Shape { stride: [1; 3], blocks: blocks.saturating_sub(1), style };
        Self {
            conv: Conv::without_bias(channels, style.kernel, [1; 3], weights),
            norm: NormLayer::new(style.norm, features, weights.device()),
            layers: layers(features, shape, weights),
            activation: Activate::new(style.activation, features, weights.device()),
            repeats: features / input.max(1),
        }
    }

    fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let change = self.norm.forward(self.conv.forward(images.clone()), None);
        let change = self.layers.iter().fold(change, |features, layer| layer.forward(features));
        self.activation.forward(add(change, images.repeat_dim(1, self.repeats)))
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let change = graph.within("conv", |graph| self.conv.trace(graph, images));
        let change = graph.within("norm", |graph| self.norm.trace(graph, &change));
        let change = trace_layers(&self.layers, graph, &change);
        let repeated = graph.repeat(images, self.repeats);
        let sum = graph.add(&change, &repeated);
        graph.within("activation", |graph| self.activation.trace(graph, &sum))
    }
}

/// An encoder stage.
#[derive(Module, Debug)]
struct Down {
    conv: Conv,
    norm: NormLayer,
    activation: Activate,
    layers: Vec<ConvNormAct>,
    last_activation: Activate,
    #[module(skip)]
    dropout: f64,
}

impl Down {
    fn new(channels: [usize; 2], shape: Shape, dropout: f64, weights: &mut Weights) -> Self {
        let (features, style, device) = (channels[1], shape.style, weights.device());
        Self {
            conv: Conv::patchify(channels, shape.stride, false, weights),
            norm: NormLayer::new(style.norm, features, device),
            activation: Activate::new(style.activation, features, device),
            layers: layers(features, shape, weights),
            last_activation: Activate::new(style.activation, features, device),
            dropout,
        }
    }

    fn forward(&self, images: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let down = self.norm.then(self.conv.forward(images), &self.activation);
        let start = drop_features(down.clone(), self.dropout, draws);
        let change = self.layers.iter().fold(start, |features, layer| layer.forward(features));
        self.last_activation.forward(add(change, down))
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let down = graph.within("conv", |graph| self.conv.trace(graph, images));
        let down = graph.within("norm", |graph| self.norm.trace(graph, &down));
        let down = graph.within("activation", |graph| self.activation.trace(graph, &down));
        let change = trace_layers(&self.layers, graph, &down);
        let sum = graph.add(&change, &down);
        graph.within("last_activation", |graph| self.last_activation.trace(graph, &sum))
    }
}

/// A decoder stage: half of its feature maps come from the coarser stage, half from the skip connection.
#[derive(Module, Debug)]
struct Up {
    conv: Upsample,
    norm: NormLayer,
    activation: Activate,
    layers: Vec<ConvNormAct>,
    last_activation: Activate,
    /// Of the coarser map and of the skip connection.
    #[module(skip)]
    dropout: [f64; 2],
}

impl Up {
    fn new([coarse, skip]: [usize; 2], shape: Shape, dropout: [f64; 2], weights: &mut Weights) -> Self {
        let (style, device) = (shape.style, weights.device());
        Self {
            conv: Upsample::new([coarse, skip], shape.stride, weights),
            norm: NormLayer::new(style.norm, skip, device),
            activation: Activate::new(style.activation, skip, device),
            layers: layers(2 * skip, shape, weights),
            last_activation: Activate::new(style.activation, 2 * skip, device),
            dropout,
        }
    }

    fn forward(&self, coarse: Tensor<5>, skip: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let coarse = drop_features(coarse, self.dropout[0], draws);
        let skip = drop_features(skip, self.dropout[1], draws);
        let enlarged = self.norm.then(self.conv.forward(coarse), &self.activation);
        let joined = join(enlarged, skip);
        let change = self.layers.iter().fold(joined.clone(), |features, layer| layer.forward(features));
        self.last_activation.forward(add(change, joined))
    }

    fn trace(&self, graph: &mut Graph, coarse: &Images, skip: &Images) -> Images {
        let enlarged = graph.within("conv", |graph| self.conv.trace(graph, coarse));
        let enlarged = graph.within("norm", |graph| self.norm.trace(graph, &enlarged));
        let enlarged = graph.within("activation", |graph| self.activation.trace(graph, &enlarged));
        let joined = graph.join(&[&enlarged, skip]);
        let change = trace_layers(&self.layers, graph, &joined);
        let sum = graph.add(&change, &joined);
        graph.within("last_activation", |graph| self.last_activation.trace(graph, &sum))
    }
}
