//! Networks. One folder or file per architecture with its spec, its module and its tests; `block` holds what they share.
//!
//! A new architecture is a file here, a variant of [`Model`], of [`ModelPlan`] and of [`Network`].

pub mod block;
pub mod spec;
pub mod unet;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use spec::{Interface, Model, ModelPlan};

use block::Weights;

use crate::backend::Precision;

/// A network of any architecture.
#[derive(Module, Debug)]
pub enum Network {
    /// See [`Model::Unet`].
    Unet(unet::UNet),
}

/// Builds a network with initial weights drawn from the seed. Weights are in 32 bits whatever the precision.
pub fn build(plan: &ModelPlan, interface: Interface, precision: Precision, seed: u64, device: &Device) -> Network {
    let mut weights = Weights::new(seed, precision, device);
    match plan {
        ModelPlan::Unet(plan) => Network::Unet(unet::UNet::new(plan, interface, &mut weights)),
    }
}

impl Network {
    /// Logits `[batch, outputs, depth, height, width]` of images `[batch, channels, depth, height, width]`, both in 32 bits.
    pub fn forward(&self, images: Tensor<5>) -> Tensor<5> {
        let images = self.precision().cast(images);
        Precision::F32.cast(match self {
            Self::Unet(network) => network.forward(images),
        })
    }

    /// Logits at every supervised size, full size first.
    pub fn forward_supervised(&self, images: Tensor<5>) -> Vec<Tensor<5>> {
        let images = self.precision().cast(images);
        let logits = match self {
            Self::Unet(network) => network.forward_supervised(images),
        };
        logits.into_iter().map(|logits| Precision::F32.cast(logits)).collect()
    }

    /// Numbers that it computes in.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Unet(network) => network.precision,
        }
    }
}

impl ModelPlan {
    /// What a patch must be divisible by, per axis.
    pub fn total_stride(&self) -> [usize; 3] {
        match self {
            Self::Unet(plan) => plan.total_stride(),
        }
    }

    /// Elements of all convolution outputs for one patch: nnU-Net's proxy for memory.
    pub fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        match self {
            Self::Unet(plan) => plan.feature_map_elements(patch, interface),
        }
    }
}
