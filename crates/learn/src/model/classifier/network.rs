//! The slice classifier's module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::ClassifierPlan;
use super::spec::STEM_KERNEL;
use crate::backend::Precision;
use crate::backend::pool::max_pool;
use crate::backend::precision::in_f32;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{
    Activate, Activation, Conv, ConvNormAct, DropoutRng, Linear, NormLayer, Style, Weights, drop_features,
};

/// See [`super::Classifier`].
#[derive(Module, Debug)]
pub struct SliceClassifier {
    stem: ConvNormAct,
    stages: Vec<Vec<BasicBlock>>,
    head: Linear,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    precision: Precision,
}

impl SliceClassifier {
    /// The network with initial weights.
    pub fn new(plan: &ClassifierPlan, interface: Interface, weights: &mut Weights) -> Self {
        let first = plan.features[0];
        let style = Style { kernel: [1, 3, 3], norm: plan.norm, activation: Activation::Relu };
        let edge = [1, STEM_KERNEL, STEM_KERNEL];
        let stem = Conv::without_bias([interface.channels, first], edge, [1, 2, 2], weights);
        let stem = ConvNormAct::with(stem, first, style, weights);
        let mut input = first;
        let mut stages = Vec::new();
        for (stage, (&features, &blocks)) in plan.features.iter().zip(&plan.blocks).enumerate() {
            let mut stride = if stage == 0 { [1; 3] } else { [1, 2, 2] };
            let mut of_stage = Vec::new();
            for _ in 0..blocks {
                of_stage.push(BasicBlock::new([input, features], stride, style, weights));
                (input, stride) = (features, [1; 3]);
            }
            stages.push(of_stage);
        }
        let head = Linear::new([input, interface.outputs], weights);
        Self { stem, stages, head, dropout: plan.dropout, precision: weights.precision() }
    }
}

impl Forward for SliceClassifier {
    fn logits(&self, images: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let stem = max_pool(self.stem.forward(images));
        let seen = self.stages.iter().flatten().fold(stem, |images, block| block.forward(images));
        let [batch, features, ..] = seen.dims();
        let means = in_f32(seen, |seen| seen.mean_dim(4).mean_dim(3));
        let means = drop_features(means, self.dropout, draws).reshape([batch, 1, features]);
        let logits = self.head.forward(means);
        let outputs = logits.dims()[2];
        logits.reshape([batch, outputs, 1, 1, 1])
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        let stem = graph.within("stem", |graph| self.stem.trace(graph, images));
        let mut seen = graph.max_pool(&stem);
        for (index, stage) in self.stages.iter().enumerate() {
            for (place, block) in stage.iter().enumerate() {
                seen = graph.within(format!("stages.{index}.{place}"), |graph| block.trace(graph, &seen));
            }
        }
        graph.within("head", |graph| graph.classify(&seen, self.head.arrays()))
    }
}

/// Two convolutions and a skip connection: a strided 1×1 convolution if size or features change (He 2016, option B).
#[derive(Module, Debug)]
struct BasicBlock {
    first: ConvNormAct,
    second: Conv,
    second_norm: NormLayer,
    projection: Option<Conv>,
    projection_norm: Option<NormLayer>,
    activation: Activate,
}

impl BasicBlock {
    fn new(channels: [usize; 2], stride: [usize; 3], style: Style, weights: &mut Weights) -> Self {
        let [input, output] = channels;
        let first = Conv::without_bias(channels, style.kernel, stride, weights);
        let first = ConvNormAct::with(first, output, style, weights);
        let second = Conv::without_bias([output, output], style.kernel, [1; 3], weights);
        let changes = input != output || stride != [1; 3];
        let projection = changes.then(|| Conv::without_bias(channels, [1; 3], stride, weights));
        let norm = || NormLayer::new(style.norm, output, weights.device());
        let (second_norm, projection_norm) = (norm(), changes.then(norm));
        let activation = Activate::new(style.activation, output, weights.device());
        Self { first, second, second_norm, projection, projection_norm, activation }
    }

    fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let change = self.second_norm.forward(self.second.forward(self.first.forward(images.clone())), None);
        let skip = match (&self.projection, &self.projection_norm) {
            (Some(projection), Some(norm)) => norm.forward(projection.forward(images), None),
            _ => images,
        };
        self.activation.forward(change + skip)
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> Images {
        let change = graph.within("first", |graph| self.first.trace(graph, images));
        let change = graph.within("second", |graph| self.second.trace(graph, &change));
        let change = graph.within("second_norm", |graph| self.second_norm.trace(graph, &change));
        let mut skip = images.clone();
        if let (Some(projection), Some(norm)) = (&self.projection, &self.projection_norm) {
            skip = graph.within("projection", |graph| projection.trace(graph, &skip));
            skip = graph.within("projection_norm", |graph| norm.trace(graph, &skip));
        }
        let sum = graph.add(&change, &skip);
        graph.within("activation", |graph| self.activation.trace(graph, &sum))
    }
}
