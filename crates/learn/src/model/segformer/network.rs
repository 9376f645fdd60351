//! SegFormer's module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::SegformerPlan;
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::spec::STRIDES;
use crate::backend::Precision;
use crate::backend::resize::resize;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{DropoutRng, Weights};

/// SegFormer: see [`super::Segformer`].
#[derive(Module, Debug)]
pub struct SegFormer {
    encoder: Encoder,
    decoder: Decoder,
    #[module(skip)]
    precision: Precision,
}

impl SegFormer {
    /// The network with initial weights.
    pub fn new(plan: &SegformerPlan, interface: Interface, weights: &mut Weights) -> Self {
        let encoder = Encoder::new(plan, interface.channels, weights);
        let decoder = Decoder::new(plan, interface.outputs, weights);
        Self { encoder, decoder, precision: weights.precision() }
    }
}

impl Forward for SegFormer {
    fn logits(&self, images: Tensor<5>, draws: &DropoutRng) -> Tensor<5> {
        let [_, _, depth, height, width] = images.dims();
        let maps = self.encoder.forward(images, draws);
        resize(self.decoder.forward(maps, draws), [depth, height, width])
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        let maps = self.encoder.trace(graph, images);
        let logits = self.decoder.trace(graph, &maps);
        graph.enlarge(&logits, [1, STRIDES[0], STRIDES[0]]).logits()
    }
}
