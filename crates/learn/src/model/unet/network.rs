//! The U-Net's module.

use burn::module::Module;
use burn::tensor::Tensor;

use super::UnetPlan;
use crate::backend::Precision;
use crate::backend::join::join;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{Conv, ConvNormAct, DropoutRng, Stage, Style, Supervised, Upsample, Weights};

/// U-Net: see [`super::Unet`].
#[derive(Module, Debug)]
pub struct UNet {
    stem: Option<ConvNormAct>,
    encoder: Vec<Stage>,
    upsamples: Vec<Upsample>,
    decoder: Vec<Stage>,
    heads: Vec<Conv>,
    #[module(skip)]
    precision: Precision,
}

impl UNet {
    /// The network with initial weights. Decoder lists run from coarse to fine; the last head is at full size.
    pub fn new(plan: &UnetPlan, interface: Interface, weights: &mut Weights) -> Self {
        weights.draw_as(plan.initial_weights);
        let style = |stage: usize| Style { kernel: plan.kernels[stage], norm: plan.norm, activation: plan.activation };
        let stem =
            plan.residual.then(|| ConvNormAct::new([interface.channels, plan.features[0]], [1; 3], style(0), weights));
        let mut input = if plan.residual { plan.features[0] } else { interface.channels };
        let mut encoder = Vec::new();
        for (stage, &features) in plan.features.iter().enumerate() {
            let (blocks, stride) = (plan.blocks[stage], plan.strides[stage]);
            encoder.push(Stage::new(plan.residual, blocks, [input, features], stride, style(stage), weights));
            input = features;
        }
        let (mut upsamples, mut decoder, mut heads) = (Vec::new(), Vec::new(), Vec::new());
        for stage in (0..plan.features.len() - 1).rev() {
            let [coarse, fine] = [plan.features[stage + 1], plan.features[stage]];
            upsamples.push(Upsample::new([coarse, fine], plan.strides[stage + 1], weights));
            let blocks = plan.decoder_blocks;
            decoder.push(Stage::new(false, blocks, [2 * fine, fine], [1; 3], style(stage), weights));
            if stage == 0 || plan.has_head(stage) {
                heads.push(Conv::new([fine, interface.outputs], [1; 3], [1; 3], weights));
            }
        }
        if decoder.is_empty() {
            heads.push(Conv::new([input, interface.outputs], [1; 3], [1; 3], weights));
        }
        Self { stem, encoder, upsamples, decoder, heads, precision: weights.precision() }
    }

    /// Traces the network up to its logits at full size.
    pub fn trace_logits(&self, graph: &mut Graph, images: &Images) -> Images {
        let mut features = match &self.stem {
            Some(stem) => graph.within("stem", |graph| stem.trace(graph, images)),
            None => images.clone(),
        };
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (index, stage) in self.encoder.iter().enumerate() {
            features = graph.within(format!("encoder.{index}"), |graph| stage.trace(graph, &features));
            skips.push(features.clone());
        }
        skips.pop();
        for (index, (upsample, stage)) in self.upsamples.iter().zip(&self.decoder).enumerate() {
            let enlarged = graph.within(format!("upsamples.{index}"), |graph| upsample.trace(graph, &features));
            let joined = match skips.pop() {
                Some(skip) => graph.join(&[&enlarged, &skip]),
                None => enlarged,
            };
            features = graph.within(format!("decoder.{index}"), |graph| stage.trace(graph, &joined));
        }
        match self.heads.last() {
            Some(head) => graph.within("head", |graph| head.trace(graph, &features)),
            None => features,
        }
    }

    /// Logits at every supervised size, full size first; without deep supervision, full size only.
    pub fn logits_supervised(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        let (_, mut coarse_to_fine) = self.decode(images, true);
        let skipped = coarse_to_fine.len() - self.heads.len();
        let supervised = coarse_to_fine.drain(skipped..);
        let mut logits: Vec<_> = supervised.zip(&self.heads).map(|(map, head)| head.forward(map)).collect();
        logits.reverse();
        logits
    }

    /// Feature maps of the finest decoder stage and, with `keep`, of every decoder stage from coarse to fine.
    fn decode(&self, images: Tensor<5>, keep: bool) -> (Tensor<5>, Vec<Tensor<5>>) {
        let mut features = match &self.stem {
            Some(stem) => stem.forward(images),
            None => images,
        };
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (index, stage) in self.encoder.iter().enumerate() {
            features = stage.forward(features);
            if index + 1 < self.encoder.len() {
                skips.push(features.clone());
            }
        }
        let mut kept = Vec::new();
        for (upsample, stage) in self.upsamples.iter().zip(&self.decoder) {
            let enlarged = upsample.forward(features);
            let joined = match skips.pop() {
                Some(skip) => join(enlarged, skip),
                None => enlarged,
            };
            features = stage.forward(joined);
            if keep {
                kept.push(features.clone());
            }
        }
        if keep && kept.is_empty() {
            kept.push(features.clone());
        }
        (features, kept)
    }
}

impl Forward for UNet {
    fn logits(&self, images: Tensor<5>, _: &DropoutRng) -> Tensor<5> {
        let (features, _) = self.decode(images, false);
        match self.heads.last() {
            Some(head) => head.forward(features),
            None => features,
        }
    }

    fn forward_supervised(&self, images: Tensor<5>, _: &DropoutRng) -> Vec<Supervised> {
        Supervised::halving(self.logits_supervised(images))
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        self.trace_logits(graph, images).logits()
    }
}
