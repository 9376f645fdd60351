//! The U-Net's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auto::Auto;
use crate::model::architecture::Spec;
use crate::model::block::{Activation, InitialWeights, Norm};
use crate::model::staged::{Cost, DecoderBlocks, Staged, Stages};

/// U-Net: an encoder of strided convolutions, a decoder of transposed convolutions, skip connections by concatenation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Unet {
    /// Feature maps per stage, finest first; as many entries as stages. `"auto"`: 32·2ⁱ, capped (nnU-Net).
    pub features: Auto<Vec<usize>>,
    /// Stride `[z, y, x]` of each stage's first convolution; the first is usually `[1, 1, 1]`. `"auto"`: from spacing and patch size.
    pub strides: Auto<Vec<[usize; 3]>>,
    /// Kernel `[z, y, x]` per stage, odd numbers. `"auto"`: 3, but 1 along coarse axes until the spacings match.
    pub kernels: Auto<Vec<[usize; 3]>>,
    /// Convolutions per encoder stage (residual blocks per stage if `residual`). `"auto"`: 2, or nnU-Net's 1, 3, 4, 6, 6, …
    pub blocks: Auto<Vec<usize>>,
    /// Convolutions per decoder stage. `"auto"`: 2, or 1 if `residual`.
    #[schemars(extend("minimum" = 1))]
    pub decoder_blocks: Auto<usize>,
    /// Residual blocks in the encoder (He 2016, nnU-Net's ResEnc).
    pub residual: bool,
    /// Normalisation after each convolution.
    pub norm: Norm,
    /// Activation after each normalisation.
    pub activation: Activation,
    /// Losses at every decoder resolution but the coarsest, with weights 1, 1/2, 1/4, … (normalised).
    pub deep_supervision: bool,
    /// Weight initialisation.
    pub initial_weights: InitialWeights,
}

impl Default for Unet {
    fn default() -> Self {
        Self {
            features: Auto::Auto,
            strides: Auto::Auto,
            kernels: Auto::Auto,
            blocks: Auto::Auto,
            decoder_blocks: Auto::Auto,
            residual: false,
            norm: Norm::Instance,
            activation: Activation::LeakyRelu,
            deep_supervision: false,
            initial_weights: InitialWeights::Pytorch,
        }
    }
}

/// The U-Net with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UnetPlan {
    /// Feature maps of each stage, finest first.
    pub features: Vec<usize>,
    /// Stride of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Blocks of each encoder stage.
    pub blocks: Vec<usize>,
    /// Convolutions of each decoder stage.
    pub decoder_blocks: usize,
    /// Residual encoder.
    pub residual: bool,
    /// Normalisation.
    pub norm: Norm,
    /// Activation.
    pub activation: Activation,
    /// Deep supervision.
    pub deep_supervision: bool,
    /// Weight initialisation.
    #[serde(default, skip_serializing_if = "InitialWeights::is_default")]
    pub initial_weights: InitialWeights,
}

/// Blocks per stage of nnU-Net's residual encoder.
const RESIDUAL_BLOCKS: [usize; 4] = [1, 3, 4, 6];

impl Spec for Unet {
    type Plan = UnetPlan;

    fn norm(&self) -> Option<Norm> {
        Some(self.norm)
    }

    fn staged(&self, key: &'static str) -> Staged {
        let usual = if self.residual { 1 } else { 2 };
        Staged {
            key,
            features: self.features.clone(),
            base_features: 32,
            strides: self.strides.clone(),
            max_stages: usize::MAX,
            kernels: self.kernels.clone(),
            kernel: 3,
            blocks: self.blocks.clone(),
            default_blocks: if self.residual { |stage| RESIDUAL_BLOCKS[stage.min(3)] } else { |_| 2 },
            decoder_blocks: DecoderBlocks::Same(self.decoder_blocks.fixed().copied().unwrap_or(usual)),
            flat: false,
            cost: Cost::Convolutions { residual: self.residual, decoder_width: 1, passes: 1 },
        }
    }

    fn resolve(&self, stages: Stages) -> UnetPlan {
        let Stages { features, strides, kernels, blocks, decoder_blocks } = stages;
        UnetPlan {
            features,
            strides,
            kernels,
            blocks,
            decoder_blocks: decoder_blocks.first().copied().unwrap_or(1),
            residual: self.residual,
            norm: self.norm,
            activation: self.activation,
            deep_supervision: self.deep_supervision,
            initial_weights: self.initial_weights,
        }
    }

    fn has_deep_supervision(&self) -> bool {
        self.deep_supervision
    }
}
