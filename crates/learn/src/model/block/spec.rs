//! Keys that architectures share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Normalisation after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Per image and feature map (Ulyanov 2016), affine, epsilon 1e-5.
    Instance,
    /// Per feature map over the batch (Ioffe 2015).
    Batch,
    /// Groups of feature maps (Wu 2018): 8, or as many as divide the features.
    Group,
    /// None.
    None,
}

/// Activation after a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Leaky ReLU with slope 0.01 (nnU-Net).
    LeakyRelu,
    /// ReLU.
    Relu,
    /// Gaussian error linear unit.
    Gelu,
    /// Sigmoid-weighted linear unit (swish).
    Silu,
    /// ReLU with a learnt slope below zero for each feature map (He 2015).
    Prelu,
}

/// How the weights of convolutions are drawn before training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeights {
    /// Uniform in ±1/√fan-in, biases too (PyTorch's default).
    #[default]
    Pytorch,
    /// Normal with the variance 2 / fan-in, for a slope of 0.01 below zero; biases 0 (He 2015), and scales of the norms that end residual
    /// blocks 0: nnU-Net's.
    He,
}

impl InitialWeights {
    /// Whether it is what plans of old meant.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
