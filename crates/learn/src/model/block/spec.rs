//! Keys shared by architectures.

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
    /// Per group of feature maps (Wu 2018): 8 groups, or the largest smaller number that divides the features.
    Group,
    /// No normalisation.
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

/// Initialisation of convolution weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeights {
    /// Uniform in ±1/√fan-in, biases too (PyTorch's default).
    #[default]
    Pytorch,
    /// Normal with variance 2 / fan-in, adjusted for a slope of 0.01 below zero; biases 0 (He 2015). Scales of the norms that end
    /// residual branches are 0, as in nnU-Net.
    He,
}

impl Norm {
    /// Its name in specs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Batch => "batch",
            Self::Group => "group",
            Self::None => "none",
        }
    }
}

impl Activation {
    /// Its name in specs.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeakyRelu => "leaky-relu",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Prelu => "prelu",
        }
    }
}

impl InitialWeights {
    /// Whether it is the default, which plans written before this key use.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
