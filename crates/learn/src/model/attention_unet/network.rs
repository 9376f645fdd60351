//! The attention U-Net's module.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use super::AttentionUnetPlan;
use crate::backend::Precision;
use crate::backend::add::add;
use crate::backend::gate::gate;
use crate::backend::join::join;
use crate::backend::precision::in_f32;
use crate::backend::prelu::leaky_relu;
use crate::graph::{Graph, Images, Logits};
use crate::model::Interface;
use crate::model::architecture::Forward;
use crate::model::block::{
    Activate, Activation, Conv, DropoutRng, Norm, NormLayer, Stage, Style, Supervised, Upsample, Weights,
};

/// Attention U-Net: see [`super::AttentionUnet`].
#[derive(Module, Debug)]
pub struct AttentionUNet {
    encoder: Vec<Stage>,
    decoder: Vec<Decoder>,
    heads: Vec<Conv>,
    #[module(skip)]
    precision: Precision,
}

impl AttentionUNet {
    /// The network with initial weights. The decoder runs from coarse to fine; the last head is at full size.
    pub fn new(plan: &AttentionUnetPlan, interface: Interface, weights: &mut Weights) -> Self {
        let style = |stage: usize| Style { kernel: plan.kernels[stage], norm: plan.norm, activation: plan.activation };
        let mut input = interface.channels;
        let mut encoder = Vec::new();
        for (stage, &features) in plan.features.iter().enumerate() {
            let (blocks, stride) = (plan.blocks[stage], plan.strides[stage]);
            encoder.push(Stage::new(false, blocks, [input, features], stride, style(stage), weights));
            input = features;
        }
        let (mut decoder, mut heads) = (Vec::new(), Vec::new());
        for stage in (0..plan.features.len() - 1).rev() {
            let [coarse, fine] = [plan.features[stage + 1], plan.features[stage]];
            decoder.push(Decoder::new([coarse, fine], plan.strides[stage + 1], style(stage), weights));
            if stage == 0 || plan.has_head(stage) {
                heads.push(Conv::new([fine, interface.outputs], [1; 3], [1; 3], weights));
            }
        }
        Self { encoder, decoder, heads, precision: weights.precision() }
    }

    /// Feature maps of every decoder stage, from coarse to fine.
    fn decode(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        let mut skips: Vec<Tensor<5>> = Vec::with_capacity(self.encoder.len());
        for stage in &self.encoder {
            let input = skips.last().unwrap_or(&images).clone();
            skips.push(stage.forward(input));
        }
        let mut features = skips.pop();
        let mut maps = Vec::with_capacity(self.decoder.len());
        for stage in &self.decoder {
            let (Some(coarse), Some(skip)) = (features.take(), skips.pop()) else { break };
            let fine = stage.forward(coarse, skip);
            features = Some(fine.clone());
            maps.push(fine);
        }
        maps
    }
}

impl Forward for AttentionUNet {
    fn logits(&self, images: Tensor<5>, _: &DropoutRng) -> Tensor<5> {
        let features = self.decode(images).pop();
        match (self.heads.last(), features) {
            (Some(head), Some(features)) => head.forward(features),
            _ => unreachable!("an attention U-Net has two stages or more"),
        }
    }

    fn forward_supervised(&self, images: Tensor<5>, _: &DropoutRng) -> Vec<Supervised> {
        let mut coarse_to_fine = self.decode(images);
        let skipped = coarse_to_fine.len() - self.heads.len();
        let supervised = coarse_to_fine.drain(skipped..);
        let mut logits: Vec<_> = supervised.zip(&self.heads).map(|(map, head)| head.forward(map)).collect();
        logits.reverse();
        Supervised::halving(logits)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn trace(&self, graph: &mut Graph, images: &Images) -> (String, Logits) {
        let mut features = images.clone();
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (index, stage) in self.encoder.iter().enumerate() {
            features = graph.within(format!("encoder.{index}"), |graph| stage.trace(graph, &features));
            skips.push(features.clone());
        }
        skips.pop();
        for (index, stage) in self.decoder.iter().enumerate() {
            let Some(skip) = skips.pop() else { break };
            features = graph.within(format!("decoder.{index}"), |graph| stage.trace(graph, &features, &skip));
        }
        if let Some(head) = self.heads.last() {
            features = graph.within("head", |graph| head.trace(graph, &features));
        }
        features.logits()
    }
}

/// A decoder stage: upsamples the coarser map, weights the skip connection by attention, and merges the two.
#[derive(Module, Debug)]
struct Decoder {
    upsample: Upsample,
    norm: NormLayer,
    activation: Activate,
    gate: Gate,
    merge: Conv,
    merge_norm: NormLayer,
    merge_activation: Activate,
}

impl Decoder {
    fn new([coarse, fine]: [usize; 2], stride: [usize; 3], style: Style, weights: &mut Weights) -> Self {
        let device = weights.device();
        Self {
            upsample: Upsample::overlapping([coarse, fine], style.kernel, stride, weights),
            norm: NormLayer::new(style.norm, fine, device),
            activation: Activate::new(style.activation, fine, device),
            gate: Gate::new(fine, style.norm, weights),
            merge: Conv::new([2 * fine, fine], style.kernel, [1; 3], weights),
            merge_norm: NormLayer::fixed_instance(fine, device),
            merge_activation: Activate::new(Activation::Prelu, 1, device),
        }
    }

    fn forward(&self, coarse: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        let enlarged = self.norm.then(self.upsample.forward(coarse), &self.activation);
        let attended = self.gate.forward(enlarged.clone(), skip);
        self.merge_norm.then(self.merge.forward(join(attended, enlarged)), &self.merge_activation)
    }

    fn trace(&self, graph: &mut Graph, coarse: &Images, skip: &Images) -> Images {
        let enlarged = graph.within("upsample", |graph| self.upsample.trace(graph, coarse));
        let enlarged = graph.within("norm", |graph| self.norm.trace(graph, &enlarged));
        let enlarged = graph.within("activation", |graph| self.activation.trace(graph, &enlarged));
        let attended = graph.within("gate", |graph| self.gate.trace(graph, &enlarged, skip));
        let joined = graph.join(&[&attended, &enlarged]);
        let merged = graph.within("merge", |graph| self.merge.trace(graph, &joined));
        let merged = graph.within("merge_norm", |graph| self.merge_norm.trace(graph, &merged));
        graph.within("merge_activation", |graph| self.merge_activation.trace(graph, &merged))
    }
}

/// Additive attention gate: weights each voxel of the skip connection by a factor between 0 and 1, computed from the skip connection
/// and the gating map.
#[derive(Module, Debug)]
struct Gate {
    gating: Conv,
    gating_norm: NormLayer,
    skip: Conv,
    skip_norm: NormLayer,
    psi: Conv,
    psi_norm: NormLayer,
}

impl Gate {
    fn new(features: usize, norm: Norm, weights: &mut Weights) -> Self {
        let inner = (features / 2).max(1);
        let device = weights.device();
        let layer = |features| NormLayer::new(norm, features, device);
        let mut conv = |channels| Conv::new(channels, [1; 3], [1; 3], weights);
        Self {
            gating: conv([features, inner]),
            gating_norm: layer(inner),
            skip: conv([features, inner]),
            skip_norm: layer(inner),
            psi: conv([inner, 1]),
            psi_norm: layer(1),
        }
    }

    fn forward(&self, gating: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        let gating = self.gating_norm.forward(self.gating.forward(gating), None);
        let seen = self.skip_norm.forward(self.skip.forward(skip.clone()), None);
        let psi = self.psi_norm.forward(self.psi.forward(leaky_relu(add(gating, seen), 0.0)), None);
        gate(skip, in_f32(psi, activation::sigmoid))
    }

    fn trace(&self, graph: &mut Graph, gating: &Images, skip: &Images) -> Images {
        let layer = |graph: &mut Graph, name: &str, conv: &Conv, norm: &NormLayer, images: &Images| {
            let images = graph.within(name, |graph| conv.trace(graph, images));
            graph.within(format!("{name}_norm"), |graph| norm.trace(graph, &images))
        };
        let gating = layer(graph, "gating", &self.gating, &self.gating_norm, gating);
        let seen = layer(graph, "skip", &self.skip, &self.skip_norm, skip);
        let sum = graph.add(&gating, &seen);
        let sum = graph.leaky_relu(&sum, 0.0);
        let psi = layer(graph, "psi", &self.psi, &self.psi_norm, &sum);
        let share = graph.sigmoid(&psi);
        graph.multiply(skip, &share)
    }
}
