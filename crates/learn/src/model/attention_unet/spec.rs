//! The attention U-Net's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AttentionUNet;
use crate::auto::Auto;
use crate::graph::pytorch::{Argument, BLOCKS, STAGE, Source};
use crate::model::architecture::{Plan, Spec};
use crate::model::block::{Activation, Norm, Weights};
use crate::model::staged::{self, Cost, DecoderBlocks, Staged, Stages, stage_voxels, total_stride};
use crate::model::{Interface, Names};

/// Attention U-Net (Oktay 2018): a U-Net whose skip connections pass through additive attention gates.
///
/// Follows MONAI's `AttentionUnet`, whose weights can be loaded: the gate combines the skip connection with the upsampled coarser map
/// (paper: with the coarser map itself, upsampling the attention), maps are upsampled by transposed convolutions with the stage's
/// kernel (paper: by interpolation), and a decoder stage is one convolution with instance norm and PReLU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AttentionUnet {
    /// Feature maps per stage, finest first; at least two stages. `"auto"`: 32·2ⁱ, capped.
    pub features: Auto<Vec<usize>>,
    /// Stride `[z, y, x]` of each stage's first convolution. `"auto"`: from spacing and patch size.
    pub strides: Auto<Vec<[usize; 3]>>,
    /// Kernel `[z, y, x]` per stage, odd numbers. `"auto"`: 3, but 1 along coarse axes until the spacings match.
    pub kernels: Auto<Vec<[usize; 3]>>,
    /// Convolutions per encoder stage. `"auto"`: 2.
    pub blocks: Auto<Vec<usize>>,
    /// Normalisation after encoder and transposed convolutions, and in the gates.
    pub norm: Norm,
    /// Activation after these normalisations.
    pub activation: Activation,
    /// Losses at every decoder resolution but the coarsest, with weights 1, 1/2, 1/4, … (normalised).
    pub deep_supervision: bool,
}

impl Default for AttentionUnet {
    fn default() -> Self {
        Self {
            features: Auto::Auto,
            strides: Auto::Auto,
            kernels: Auto::Auto,
            blocks: Auto::Auto,
            norm: Norm::Batch,
            activation: Activation::Relu,
            deep_supervision: false,
        }
    }
}

/// The attention U-Net with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AttentionUnetPlan {
    /// Feature maps of each stage, finest first.
    pub features: Vec<usize>,
    /// Stride of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Convolutions of each encoder stage.
    pub blocks: Vec<usize>,
    /// Normalisation.
    pub norm: Norm,
    /// Activation.
    pub activation: Activation,
    /// Deep supervision.
    pub deep_supervision: bool,
}

impl AttentionUnetPlan {
    /// Whether the decoder stage at this resolution has its own head: with deep supervision, all but the coarsest have one.
    pub fn has_head(&self, stage: usize) -> bool {
        self.deep_supervision && stage + 2 < self.features.len()
    }
}

impl Spec for AttentionUnet {
    type Plan = AttentionUnetPlan;

    fn norm(&self) -> Option<Norm> {
        Some(self.norm)
    }

    fn staged(&self, key: &'static str) -> Staged {
        Staged {
            key,
            features: self.features.clone(),
            base_features: 32,
            strides: self.strides.clone(),
            max_stages: usize::MAX,
            kernels: self.kernels.clone(),
            kernel: 3,
            blocks: self.blocks.clone(),
            default_blocks: |_| 2,
            decoder_blocks: DecoderBlocks::Same(1),
            flat: false,
            cost: Cost::Convolutions { residual: false, decoder_width: 1, passes: 1 },
        }
    }

    fn resolve(&self, stages: Stages) -> AttentionUnetPlan {
        let Stages { features, strides, kernels, blocks, .. } = stages;
        let Self { norm, activation, deep_supervision, .. } = *self;
        AttentionUnetPlan { features, strides, kernels, blocks, norm, activation, deep_supervision }
    }

    fn has_deep_supervision(&self) -> bool {
        self.deep_supervision
    }
}

/// Names within a decoder stage, MONAI's `AttentionLayer`.
const DECODER_NAMES: [(&str, &str); 11] = [
    (r"upsample\.(\w+)", "upconv.up.conv.$1"),
    (r"norm\.(\w+)", "upconv.up.adn.N.$1"),
    (r"activation\.slopes", "upconv.up.adn.A.weight"),
    (r"gate\.gating\.(\w+)", "attention.W_g.0.conv.$1"),
    (r"gate\.gating_norm\.(\w+)", "attention.W_g.1.$1"),
    (r"gate\.skip\.(\w+)", "attention.W_x.0.conv.$1"),
    (r"gate\.skip_norm\.(\w+)", "attention.W_x.1.$1"),
    (r"gate\.psi\.(\w+)", "attention.psi.0.conv.$1"),
    (r"gate\.psi_norm\.(\w+)", "attention.psi.1.$1"),
    (r"merge\.(\w+)", "merge.conv.$1"),
    (r"merge_activation\.slopes", "merge.adn.A.weight"),
];

impl Plan for AttentionUnetPlan {
    type Network = AttentionUNet;

    fn build(&self, interface: Interface, weights: &mut Weights) -> AttentionUNet {
        AttentionUNet::new(self, interface, weights)
    }

    fn numerics(&self) -> u32 {
        staged::numerics(&self.kernels)
    }

    fn total_stride(&self) -> [usize; 3] {
        total_stride(&self.strides)
    }

    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        let of_stage = |(stage, voxels): (usize, usize)| {
            let features = self.features[stage];
            // Transposed convolution, gate (two maps of half the width and the attention map) and merging convolution.
            let decoder = if stage + 1 < self.features.len() { 3 * features + 1 } else { 0 };
            let heads = if stage == 0 || self.has_head(stage) { interface.outputs } else { 0 };
            voxels * (features * self.blocks[stage] + decoder + heads)
        };
        stage_voxels(&self.strides, patch).into_iter().enumerate().map(of_stage).sum()
    }

    fn pytorch(&self, interface: Interface) -> Source {
        let arguments = vec![
            ("channels", interface.channels.into()),
            ("outputs", interface.outputs.into()),
            ("features", self.features.clone().into()),
            ("strides", Argument::Triples(self.strides.clone())),
            ("kernels", Argument::Triples(self.kernels.clone())),
            ("blocks", self.blocks.clone().into()),
            ("norm", self.norm.name().into()),
            ("activation", self.activation.name().into()),
        ];
        Source { definitions: vec![BLOCKS, STAGE, include_str!("torch.py")], class: "AttentionUNet", arguments }
    }

    /// MONAI's `AttentionUnet`, in which each level nests those below it.
    fn names(&self) -> Names {
        let stages = self.features.len();
        let level = |depth: usize| format!("model.1{}", ".submodule.1".repeat(depth));
        let mut rules: Vec<[String; 2]> = vec![[r"encoder\.0\.(\d+)\.".into(), "model.0.conv.$1.".into()]];
        for stage in 1..stages {
            let step = if stage + 1 == stages { "submodule" } else { "submodule.0" };
            rules.push([format!(r"encoder\.{stage}\.(\d+)\."), format!("{}.{step}.conv.$1.", level(stage - 1))]);
        }
        let mut all = Vec::new();
        for [ours, theirs] in rules {
            all.push([format!(r"{ours}conv\.(\w+)"), format!("{theirs}conv.$2")]);
            all.push([format!(r"{ours}norm\.(\w+)"), format!("{theirs}adn.N.$2")]);
            all.push([format!(r"{ours}activation\.slopes"), format!("{theirs}adn.A.weight")]);
        }
        for depth in 0..stages.saturating_sub(1) {
            let (ours, theirs) = (format!(r"decoder\.{}\.", stages - 2 - depth), level(depth));
            all.extend(DECODER_NAMES.map(|(name, other)| [format!("{ours}{name}"), format!("{theirs}.{other}")]));
        }
        let heads = (0..stages.saturating_sub(1)).filter(|&stage| stage == 0 || self.has_head(stage)).count();
        all.push([format!(r"heads\.{}\.(\w+)", heads.saturating_sub(1)), "model.2.conv.$1".into()]);
        Names::default().with(&all.iter().map(|[ours, theirs]| (ours.as_str(), theirs.as_str())).collect::<Vec<_>>())
    }

    fn refuses(&self, _: Interface) -> Option<String> {
        let stages = self.features.len();
        (stages < 2).then(|| format!("an attention U-Net needs at least two stages; patch size and spec give {stages}"))
    }
}
