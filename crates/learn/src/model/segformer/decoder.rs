//! The decoder: projects every stage to the same number of features, resizes it to the finest size, and fuses all in one layer.

use burn::module::Module;
use burn::tensor::Tensor;

use super::spec::{STRIDES, SegformerPlan};
use crate::backend::join::join;
use crate::backend::resize::resize;
use crate::graph::{Graph, Images};
use crate::model::block::{
    Activation, Conv, ConvNormAct, DropoutRng, Linear, Norm, Style, Weights, drop_features, images, tokens,
};

#[derive(Module, Debug)]
pub(super) struct Decoder {
    projections: Vec<Linear>,
    fuse: ConvNormAct,
    classifier: Conv,
    #[module(skip)]
    dropout: f64,
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
        }
    }

    /// Logits at the size of the finest map.
    pub(super) fn forward(&self, maps: Vec<Tensor<5>>, draws: &DropoutRng) -> Tensor<5> {
        let Some([.., height, width]) = maps.first().map(Tensor::dims) else {
            unreachable!("an encoder has four stages")
        };
        let projected = maps.into_iter().zip(&self.projections).map(|(map, projection)| {
            let [.., own_height, own_width] = map.dims();
            resize(images(projection.forward(tokens(map)), [own_height, own_width]), [1, height, width])
        });
        let mut projected: Vec<Tensor<5>> = projected.collect();
        projected.reverse();
        let Some(joined) = projected.into_iter().reduce(join) else { unreachable!("an encoder has four stages") };
        let fused = self.fuse.forward(joined);
        self.classifier.forward(drop_features(fused, self.dropout, draws))
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
