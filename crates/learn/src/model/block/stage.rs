//! A stage of an encoder or decoder: convolutions at one resolution.

use burn::module::Module;
use burn::tensor::Tensor;

use super::conv::means;
use super::{Activate, Activation, Conv, InitialWeights, Norm, NormLayer, Weights};
use crate::backend::Precision;
use crate::backend::add::add;
use crate::graph::{Graph, Images};

/// Convolution, normalisation, activation.
#[derive(Module, Debug)]
pub struct ConvNormAct {
    conv: Conv,
    norm: NormLayer,
    activation: Activate,
}

/// Options shared by all blocks of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Kernel `[z, y, x]`.
    pub kernel: [usize; 3],
    /// Normalisation.
    pub norm: Norm,
    /// Activation.
    pub activation: Activation,
}

impl ConvNormAct {
    /// A block that maps `channels[0]` to `channels[1]` feature maps and divides the size by the stride.
    pub fn new(channels: [usize; 2], stride: [usize; 3], style: Style, weights: &mut Weights) -> Self {
        Self::with(Conv::new(channels, style.kernel, stride, weights), channels[1], style, weights)
    }

    /// A block around a given convolution with `features` output feature maps.
    pub fn with(conv: Conv, features: usize, style: Style, weights: &Weights) -> Self {
        let norm = NormLayer::new(style.norm, features, weights.device());
        Self { conv, norm, activation: Activate::new(style.activation, features, weights.device()) }
    }

    /// Applies the three in order.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        self.finish(self.conv.forward(images))
    }

    /// What follows the convolution, whose result is given.
    pub fn finish(&self, convolved: Tensor<5>) -> Tensor<5> {
        self.norm.then(convolved, &self.activation)
    }

    /// Weights `[out, in, z, y, x]` of the convolution.
    pub fn weight(&self) -> Tensor<5> {
        self.conv.weight()
    }

    /// Traces the three in order.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let images = graph.within("conv", |graph| self.conv.trace(graph, images));
        let images = graph.within("norm", |graph| self.norm.trace(graph, &images));
        graph.within("activation", |graph| self.activation.trace(graph, &images))
    }
}

/// Residual block: two convolutions, and a skip connection that is average-pooled if the size changes and projected if the number
/// of features changes (He 2019, ResNet-D; nnU-Net's `BasicBlockD`).
#[derive(Module, Debug)]
pub struct Residual {
    first: ConvNormAct,
    second: Conv,
    second_norm: NormLayer,
    projection: Option<Conv>,
    projection_norm: Option<NormLayer>,
    stride: [usize; 3],
    activation: Activate,
    #[module(skip)]
    precision: Precision,
}

impl Residual {
    /// A block that maps `channels[0]` to `channels[1]` feature maps and divides the size by the stride.
    pub fn new(channels: [usize; 2], stride: [usize; 3], style: Style, weights: &mut Weights) -> Self {
        let [input, output] = channels;
        let first = ConvNormAct::new(channels, stride, style, weights);
        let second = Conv::new([output, output], style.kernel, [1; 3], weights);
        let changes = input != output;
        let projection = changes.then(|| Conv::without_bias(channels, [1; 3], [1; 3], weights));
        let norm = || NormLayer::new(style.norm, output, weights.device());
        let second_norm = match weights.initial() {
            InitialWeights::He => norm().zero_scaled(),
            InitialWeights::Pytorch => norm(),
        };
        let projection_norm = changes.then(norm);
        let activation = Activate::new(style.activation, output, weights.device());
        let precision = weights.precision();
        Self { first, second, second_norm, projection, projection_norm, stride, activation, precision }
    }

    /// Applies the block.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let change = self.second_norm.forward(self.second.forward(self.first.forward(images.clone())), None);
        let skip = match (&self.projection, &self.projection_norm) {
            (Some(projection), Some(norm)) => norm.forward(projection.forward_pooled(images, self.stride), None),
            _ if self.stride != [1; 3] => means(images, self.stride, self.precision),
            _ => images,
        };
        self.activation.forward(add(change, skip))
    }

    /// Traces the block.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let change = graph.within("first", |graph| self.first.trace(graph, images));
        let change = graph.within("second", |graph| self.second.trace(graph, &change));
        let change = graph.within("second_norm", |graph| self.second_norm.trace(graph, &change));
        let mut skip = match self.stride {
            [1, 1, 1] => images.clone(),
            stride => graph.mean_pool(images, stride),
        };
        if let (Some(projection), Some(norm)) = (&self.projection, &self.projection_norm) {
            skip = graph.within("projection", |graph| projection.trace(graph, &skip));
            skip = graph.within("projection_norm", |graph| norm.trace(graph, &skip));
        }
        let sum = graph.add(&change, &skip);
        graph.within("activation", |graph| self.activation.trace(graph, &sum))
    }
}

/// Blocks at one resolution; the first applies the stride and changes the number of features.
#[derive(Module, Debug)]
pub enum Stage {
    /// Plain convolutions.
    Plain(Vec<ConvNormAct>),
    /// Residual blocks.
    Residual(Vec<Residual>),
}

impl Stage {
    /// `blocks` blocks, residual or plain.
    pub fn new(
        residual: bool,
        blocks: usize,
        channels: [usize; 2],
        stride: [usize; 3],
        style: Style,
        weights: &mut Weights,
    ) -> Self {
        let place = |block: usize| match block {
            0 => (channels, stride),
            _ => ([channels[1], channels[1]], [1; 3]),
        };
        let places = (0..blocks).map(place);
        match residual {
            true => Self::Residual(places.map(|(c, s)| Residual::new(c, s, style, weights)).collect()),
            false => Self::Plain(places.map(|(c, s)| ConvNormAct::new(c, s, style, weights)).collect()),
        }
    }

    /// Applies the blocks in order.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        match self {
            Self::Plain(blocks) => blocks.iter().fold(images, |images, block| block.forward(images)),
            Self::Residual(blocks) => blocks.iter().fold(images, |images, block| block.forward(images)),
        }
    }

    /// Traces the blocks in order.
    pub fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let mut images = images.clone();
        for block in 0..self.len() {
            images = graph.within(block, |graph| match self {
                Self::Plain(blocks) => blocks[block].trace(graph, &images),
                Self::Residual(blocks) => blocks[block].trace(graph, &images),
            });
        }
        images
    }

    fn len(&self) -> usize {
        match self {
            Self::Plain(blocks) => blocks.len(),
            Self::Residual(blocks) => blocks.len(),
        }
    }
}
