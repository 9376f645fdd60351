//! The V-Net's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VNet;
use crate::auto::Auto;
use crate::graph::pytorch::{self, Argument, Source};
use crate::model::architecture::{Plan, Spec};
use crate::model::block::{Activation, Norm, Weights};
use crate::model::staged::{self, Cost, DecoderBlocks, Staged, Stages, stage_voxels, total_stride};
use crate::model::{Interface, Names};

/// V-Net (Milletari 2016): residual stages of 5×5×5 convolutions, downsampling by strided convolutions, upsampling by transposed
/// ones, skip connections by concatenation.
///
/// Follows MONAI's `VNet`, whose weights can be loaded: batch norm after every convolution (paper: none), 1, 1, 2, 3, 2 convolutions
/// per encoder stage and 1, 1, 2, 2 per decoder stage (paper: 1, 2, 3, 3, 3 and 1, 2, 3, 3), a final 5×5×5 convolution to the classes
/// before the 1×1×1 one, and optional dropout of feature maps. PReLU as in the paper (MONAI's default: ELU).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Vnet {
    /// Feature maps per stage, finest first; at least two stages, the first divisible by the number of image channels. `"auto"`: 16·2ⁱ.
    pub features: Auto<Vec<usize>>,
    /// Stride `[z, y, x]` of each stage's first convolution; the first is 1. `"auto"`: from spacing and patch size, at most 5 stages.
    pub strides: Auto<Vec<[usize; 3]>>,
    /// Kernel `[z, y, x]` per stage, odd numbers. `"auto"`: 5, but 1 along coarse axes until the spacings match.
    pub kernels: Auto<Vec<[usize; 3]>>,
    /// Convolutions per encoder stage. `"auto"`: MONAI's 1, 1, 2, 3, 2.
    pub blocks: Auto<Vec<usize>>,
    /// Convolutions per decoder stage, finest first: one entry fewer than stages. `"auto"`: MONAI's 1, 1, 2, 2.
    pub decoder_blocks: Auto<Vec<usize>>,
    /// Normalisation after each convolution.
    pub norm: Norm,
    /// Activation after each normalisation.
    pub activation: Activation,
    /// Dropout probability of feature maps: in the two coarsest stages, on the way up from them and in skip connections (MONAI: 0.5).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for Vnet {
    fn default() -> Self {
        Self {
            features: Auto::Auto,
            strides: Auto::Auto,
            kernels: Auto::Auto,
            blocks: Auto::Auto,
            decoder_blocks: Auto::Auto,
            norm: Norm::Batch,
            activation: Activation::Prelu,
            dropout: 0.0,
        }
    }
}

/// The V-Net with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VnetPlan {
    /// Feature maps of each stage, finest first.
    pub features: Vec<usize>,
    /// Stride of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Convolutions of each encoder stage.
    pub blocks: Vec<usize>,
    /// Convolutions of each decoder stage, finest first.
    pub decoder_blocks: Vec<usize>,
    /// Normalisation.
    pub norm: Norm,
    /// Activation.
    pub activation: Activation,
    /// Dropout probability of feature maps.
    pub dropout: f64,
}

/// Number of stages in the paper and in MONAI.
const STAGES: usize = 5;
/// MONAI's convolutions per stage, down and up.
const BLOCKS: [usize; STAGES] = [1, 1, 2, 3, 2];
const DECODER_BLOCKS: [usize; STAGES - 1] = [1, 1, 2, 2];

impl Spec for Vnet {
    type Plan = VnetPlan;

    fn norm(&self) -> Option<Norm> {
        Some(self.norm)
    }

    fn staged(&self, key: &'static str) -> Staged {
        Staged {
            key,
            features: self.features.clone(),
            base_features: 16,
            strides: self.strides.clone(),
            max_stages: STAGES,
            kernels: self.kernels.clone(),
            kernel: 5,
            blocks: self.blocks.clone(),
            default_blocks: |stage| BLOCKS[stage.min(STAGES - 1)],
            decoder_blocks: match &self.decoder_blocks {
                Auto::Fixed(blocks) => DecoderBlocks::Each(blocks.clone()),
                Auto::Auto => DecoderBlocks::Usual(|stage| DECODER_BLOCKS[stage.min(STAGES - 2)]),
            },
            flat: false,
            cost: Cost::Convolutions { residual: false, decoder_width: 2, passes: 1 },
        }
    }

    fn resolve(&self, stages: Stages) -> VnetPlan {
        let Stages { features, strides, kernels, blocks, decoder_blocks } = stages;
        let Self { norm, activation, dropout, .. } = *self;
        VnetPlan { features, strides, kernels, blocks, decoder_blocks, norm, activation, dropout }
    }
}

/// MONAI's names outside the stages.
const FIXED_NAMES: [(&str, &str); 7] = [
    (r"input\.conv\.(\w+)", "in_tr.conv_block.conv.$1"),
    (r"input\.norm\.(\w+)", "in_tr.conv_block.adn.N.$1"),
    (r"input\.activation\.slopes", "in_tr.act_function.weight"),
    (r"output\.conv\.(\w+)", "out_tr.conv_block.conv.$1"),
    (r"output\.norm\.(\w+)", "out_tr.conv_block.adn.N.$1"),
    (r"output\.activation\.slopes", "out_tr.act_function1.weight"),
    (r"head\.(\w+)", "out_tr.conv2.$1"),
];

/// MONAI's names within a stage.
const STAGE_NAMES: [(&str, &str); 6] = [
    (r"norm\.(\w+)", "bn1.$1"),
    (r"activation\.slopes", "act_function1.weight"),
    (r"last_activation\.slopes", "act_function2.weight"),
    (r"layers\.(\d+)\.conv\.(\w+)", "ops.$1.conv_block.conv.$2"),
    (r"layers\.(\d+)\.norm\.(\w+)", "ops.$1.conv_block.adn.N.$2"),
    (r"layers\.(\d+)\.activation\.slopes", "ops.$1.act_function.weight"),
];

impl Plan for VnetPlan {
    type Network = VNet;

    fn build(&self, interface: Interface, weights: &mut Weights) -> VNet {
        VNet::new(self, interface, weights)
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
            // Stages after the first begin with an extra strided convolution; decoder stages with a transposed one, then twice as wide.
            let down = features * (self.blocks[stage] + usize::from(stage > 0));
            let up = self.decoder_blocks.get(stage).map_or(0, |blocks| features * (1 + 2 * blocks));
            let head = if stage == 0 { 2 * interface.outputs } else { 0 };
            voxels * (down + up + head)
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
            ("decoder_blocks", self.decoder_blocks.clone().into()),
            ("norm", self.norm.name().into()),
            ("activation", self.activation.name().into()),
        ];
        Source { definitions: vec![pytorch::BLOCKS, include_str!("torch.py")], class: "VNet", arguments }
    }

    /// MONAI's `VNet`, whose stages are named after their feature maps.
    fn names(&self) -> Names {
        let mut rules: Vec<[String; 2]> = FIXED_NAMES.map(|(ours, theirs)| [ours.into(), theirs.into()]).to_vec();
        let stages = self.features.len() - 1;
        for stage in 0..stages {
            let name = 32 << stage;
            let (down, up) = (format!(r"down\.{stage}\."), format!(r"up\.{}\.", stages - 1 - stage));
            rules.push([format!(r"{down}conv\.(\w+)"), format!("down_tr{name}.down_conv.$1")]);
            rules.push([format!(r"{up}conv\.(\w+)"), format!("up_tr{name}.up_conv.$1")]);
            for (ours, theirs) in [(down, format!("down_tr{name}.")), (up, format!("up_tr{name}."))] {
                rules.extend(STAGE_NAMES.map(|(name, other)| [format!("{ours}{name}"), format!("{theirs}{other}")]));
            }
        }
        Names::default().with(&rules.iter().map(|[ours, theirs]| (ours.as_str(), theirs.as_str())).collect::<Vec<_>>())
    }

    fn refuses(&self, interface: Interface) -> Option<String> {
        let (channels, stages) = (interface.channels, self.features.len());
        if stages < 2 {
            return Some(format!("a V-Net needs at least two stages; patch size and spec give {stages}"));
        }
        let first = self.features[0];
        (!first.is_multiple_of(channels.max(1))).then(|| {
            format!("a V-Net adds the image to its first {first} feature maps: use a multiple of the {channels} image channels")
        })
    }
}
