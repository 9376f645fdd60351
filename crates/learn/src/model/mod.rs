//! Network architectures: one folder or file each, with spec, module and tests; `block` holds the shared parts.
//!
//! A new architecture is a file with its [`architecture::Spec`], [`architecture::Plan`] and [`architecture::Forward`], and one line in
//! the list below (docs/extending.md).

pub mod architecture;
pub mod attention_unet;
pub mod block;
pub mod classifier;
mod feature_memory;
pub mod multipass;
pub mod names;
pub mod parameters;
pub mod segformer;
pub mod staged;
pub mod task;
pub mod unet;
pub mod vnet;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use architecture::{Forward, architectures};
use block::{DropoutRng, Supervised, Weights};
pub use classifier::SliceTarget;
pub use feature_memory::elements as feature_map_elements;
pub use names::Names;
pub use parameters::Parameter;
pub use staged::{Cost, Staged, Stages};
pub use task::Task;

use crate::backend::Precision;
use crate::graph::Graph;
use crate::graph::pytorch::Source;

architectures! {
    /// U-Net (Ronneberger 2015; Çiçek 2016; nnU-Net's plain and residual-encoder forms).
    Unet = "model.unet": unet::Unet, unet::UnetPlan, unet::UNet;
    /// Attention U-Net (Oktay 2018).
    AttentionUnet = "model.attention-unet": attention_unet::AttentionUnet, attention_unet::AttentionUnetPlan, attention_unet::AttentionUNet;
    /// V-Net (Milletari 2016).
    Vnet = "model.vnet": vnet::Vnet, vnet::VnetPlan, vnet::VNet;
    /// A sequence of U-Nets, each refining the previous prediction.
    MultipassUnet = "model.multipass-unet": multipass::MultipassUnet, multipass::MultipassUnetPlan, multipass::MultipassUNet;
    /// SegFormer (Xie 2021), 2D.
    Segformer = "model.segformer": segformer::Segformer, segformer::SegformerPlan, segformer::SegFormer;
    /// Slice classifier: ResNet (He 2016), 2D.
    Classifier = "model.classifier": classifier::Classifier, classifier::ClassifierPlan, classifier::SliceClassifier;
}

impl Default for Model {
    fn default() -> Self {
        Self::Unet(unet::Unet::default())
    }
}

/// Inputs and outputs of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Image channels.
    pub channels: usize,
    /// Output channels: background + structures (softmax), or structures (sigmoid).
    pub outputs: usize,
    /// Each output is an independent probability: sigmoid instead of softmax.
    pub sigmoid: bool,
}

/// Builds a network with initial weights drawn from the seed. Weights are f32 whatever the precision.
pub fn build(plan: &ModelPlan, interface: Interface, precision: Precision, seed: u64, device: &Device) -> Network {
    plan.network(interface, &mut Weights::new(seed, precision, device))
}

impl Network {
    /// Logits `[batch, outputs, depth, height, width]` of images `[batch, channels, depth, height, width]`, both f32.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        Precision::F32.cast(self.inner().forward(self.precision().cast(images)))
    }

    /// Logits of a training step, at all sizes and of all passes that have a loss, with their loss weights; f32.
    pub fn forward_supervised(&self, images: Tensor<5>, draws: &DropoutRng) -> Vec<Supervised> {
        let outputs = self.inner().forward_supervised(self.precision().cast(images), draws);
        let in_f32 = |output: Supervised| Supervised { logits: Precision::F32.cast(output.logits), ..output };
        outputs.into_iter().map(in_f32).collect()
    }

    /// Logits after each pass, the last being the result; f32.
    pub fn forward_passes(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        let passes = self.inner().forward_passes(self.precision().cast(images));
        passes.into_iter().map(|logits| Precision::F32.cast(logits)).collect()
    }

    /// Number of networks applied in sequence; 1 for most.
    pub fn passes(&self) -> usize {
        self.inner().passes()
    }

    /// The network at inference as a graph, in f32, for images with these channels and this size `[z, y, x]`; with `dynamic` also for
    /// other multiples of the total stride.
    pub fn graph(&self, channels: usize, size: [usize; 3], dynamic: bool) -> Graph {
        Graph::of(channels, size, dynamic, |graph, images| self.inner().trace(graph, &images))
    }

    /// Floating-point type of the computation.
    pub fn precision(&self) -> Precision {
        self.inner().precision()
    }
}

#[cfg(test)]
mod tests;
