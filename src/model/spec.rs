//! What an experiment says about the network: one variant per architecture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::unet;

/// The architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Model {
    /// U-Net (Ronneberger 2015; Çiçek 2016; nnU-Net's plain and residual-encoder forms).
    Unet(unet::Unet),
}

impl Default for Model {
    fn default() -> Self {
        Self::Unet(unet::Unet::default())
    }
}

/// The resolved architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelPlan {
    /// See [`Model::Unet`].
    Unet(unet::UnetPlan),
}

/// All that a network is told about the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Image channels.
    pub channels: usize,
    /// Output channels: background + structures (softmax), or structures (sigmoid).
    pub outputs: usize,
}
