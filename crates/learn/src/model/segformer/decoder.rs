//! The decoder: projects every stage to the same number of features, resizes it to the finest size, and fuses all in one layer.
//!
//! Resizing acts on each feature alone, and projecting and fusing on each voxel alone; all three are linear, so they may change places.
//! Each stage is projected and fused in one product at its own size, then resized, and the results are summed. Fusing after resizing,
//! as the paper writes it, multiplies a matrix of four times the features with all voxels of the finest map: half of B0's operations.

use burn::module::Module;
use burn::tensor::Tensor;

use super::spec::{STRIDES, SegformerPlan};
use crate::backend::Precision;
use crate::backend::add::add;
use crate::backend::resize::resize;
use crate::graph::{Graph, Images};
use crate::model::block::{
    Activation, Conv, ConvNormAct, DropoutRng, Linear, Norm, Style, Weights, drop_features, images, linear, tokens,
};

#[derive(Module, Debug)]
pub(super) struct Decoder {
    projections: Vec<Linear>,
    fuse: ConvNormAct,
    classifier: Conv,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    precision: Precision,
}

impl Decoder {
    pub(super) fn new(plan: &SegformerPlan, outputs: usize, weights: &mut Weights) -> Self {
        let features = plan.decoder_features;
        let projections = plan.features.iter().map(|&stage| Linear::new([stage, features], weights)).collect();
        let style = Style { kernel: [1; 3], norm: Norm::Batch, activation: Activation::Relu };
        let fuse = Conv::without_bias([plan.features.len() * features, features], [1; 3], [1; 3], weights);
        Self {
            projections,
            fuse: ConvNormAct::with(fuse, features, style, weights),
            classifier: Conv::new([features, outputs], [1; 3], [1; 3], weights),
            dropout: plan.dropout,
            precision: weights.precision(),
        }
    }

    /// Logits at the size of the finest map.
    pub(super) fn forward(&self, maps: Vec<Tensor<5>>, draws: &DropoutRng) -> Tensor<5> {
        let Some([.., height, width]) = maps.first().map(Tensor::dims) else {
            unreachable!("an encoder has four stages")
        };
        let (weights, bias) = self.fused();
        let mut bias = Some(self.precision.cast(bias));
        let parts = maps.into_iter().zip(weights).map(|(map, weight)| {
            let [.., own_height, own_width] = map.dims();
            // The bias is the same in every voxel: the finest map, which is not resized, brings it.
            let part = linear(tokens(map), self.precision.cast(weight), bias.take());
            resize(images(part, [own_height, own_width]), [1, height, width])
        });
        let Some(sum) = parts.reduce(add) else { unreachable!("an encoder has four stages") };
        self.classifier.forward(drop_features(self.fuse.finish(sum), self.dropout, draws))
    }

    /// Weights `[decoder feature, stage feature]` of each stage's projection followed by its part of the fusing layer, and the bias of
    /// all together. The fusing layer sees the coarsest stage first.
    fn fused(&self) -> (Vec<Tensor<2>>, Tensor<1>) {
        let fuse = self.fuse.weight();
        let (features, stages) = (fuse.dims()[0], self.projections.len());
        let fuse = fuse.reshape([features, stages * features]);
        let mut bias = Tensor::zeros([features], &fuse.device());
        let mut weights = Vec::with_capacity(stages);
        for (stage, projection) in self.projections.iter().enumerate() {
            let first = (stages - 1 - stage) * features;
            let (weight, shift) = projection.followed_by(fuse.clone().slice([0..features, first..first + features]));
            weights.push(weight);
            bias = bias + shift;
        }
        (weights, bias)
    }

    /// Traces the decoder up to the logits at the size of the finest map.
    pub(super) fn trace(&self, graph: &mut Graph, maps: &[Images]) -> Images {
        let mut projected = Vec::with_capacity(maps.len());
        for (index, (map, projection)) in maps.iter().zip(&self.projections).enumerate() {
            let tokens = graph.tokens(map);
            let tokens = graph.within(format!("projections.{index}"), |graph| projection.trace(graph, &tokens));
            let images = graph.images(&tokens);
            let factor: usize = STRIDES[1..=index].iter().product();
            projected.push(graph.enlarge(&images, [1, factor, factor]));
        }
        let coarse_to_fine: Vec<&Images> = projected.iter().rev().collect();
        let joined = graph.join(&coarse_to_fine);
        let fused = graph.within("fuse", |graph| self.fuse.trace(graph, &joined));
        graph.within("classifier", |graph| self.classifier.trace(graph, &fused))
    }
}
