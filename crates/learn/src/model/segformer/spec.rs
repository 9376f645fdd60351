//! SegFormer's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegFormer;
use super::names::{HUB_NAMES, TRANSFORMERS_NAMES};
use crate::auto::Auto;
use crate::graph::pytorch::{BLOCKS, Source};
use crate::model::architecture::{Plan, Spec};
use crate::model::block::Weights;
use crate::model::staged::{Cost, DecoderBlocks, Staged, Stages};
use crate::model::{Interface, ModelPlan, Names};

/// In-plane strides of the four stages.
pub(super) const STRIDES: [usize; 4] = [4, 2, 2, 2];
/// Kernel edges of the overlapping patch embeddings.
pub(super) const KERNELS: [usize; 4] = [7, 3, 3, 3];
/// Attention heads of each stage.
pub(super) const HEADS: [usize; 4] = [1, 2, 5, 8];
/// Edge of the token blocks over which keys and values are reduced.
pub(super) const REDUCTIONS: [usize; 4] = [8, 4, 2, 1];
/// Ratio of the feed-forward layers' hidden features to the stage's features.
pub(super) const EXPANSION: usize = 4;

/// SegFormer (Xie 2021), as in Hugging Face's `SegformerForSemanticSegmentation`, whose weights can be loaded; its logits at a quarter
/// of the size are upsampled bilinearly. For 2D patches divisible by 32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Segformer {
    /// Mix Transformer that `"auto"` values are taken from.
    pub size: MitSize,
    /// Features of the four stages, divisible by their numbers of heads: 1, 2, 5, 8.
    pub features: Auto<Vec<usize>>,
    /// Transformer blocks of the four stages.
    pub blocks: Auto<Vec<usize>>,
    /// Features of the decoder.
    pub decoder_features: Auto<usize>,
    /// Dropout probability of feature maps before the classifier.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
    /// Stochastic depth: probability of dropping a residual branch of a sample in the last block; grows linearly from 0 over the blocks.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop_path: f64,
}

impl Default for Segformer {
    fn default() -> Self {
        Self {
            size: MitSize::B0,
            features: Auto::Auto,
            blocks: Auto::Auto,
            decoder_features: Auto::Auto,
            dropout: 0.1,
            drop_path: 0.1,
        }
    }
}

/// A Mix Transformer (Xie 2021, table 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MitSize {
    /// 3.7 million parameters.
    B0,
    /// 14 million.
    B1,
    /// 27 million.
    B2,
    /// 47 million.
    B3,
    /// 64 million.
    B4,
    /// 85 million.
    B5,
}

/// SegFormer with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SegformerPlan {
    /// Features of the stages.
    pub features: Vec<usize>,
    /// Blocks of the stages.
    pub blocks: Vec<usize>,
    /// Features of the decoder.
    pub decoder_features: usize,
    /// Dropout probability of feature maps before the classifier.
    pub dropout: f64,
    /// Stochastic-depth probability of the last block.
    pub drop_path: f64,
}

impl MitSize {
    /// Features and blocks of the stages, and features of the decoder.
    fn numbers(self) -> ([usize; 4], [usize; 4], usize) {
        let wide = [64, 128, 320, 512];
        match self {
            Self::B0 => ([32, 64, 160, 256], [2, 2, 2, 2], 256),
            Self::B1 => (wide, [2, 2, 2, 2], 256),
            Self::B2 => (wide, [3, 4, 6, 3], 768),
            Self::B3 => (wide, [3, 4, 18, 3], 768),
            Self::B4 => (wide, [3, 8, 27, 3], 768),
            Self::B5 => (wide, [3, 6, 40, 3], 768),
        }
    }
}

impl Segformer {
    /// Fills in the values of the chosen size.
    fn numbers(&self) -> SegformerPlan {
        let (features, blocks, decoder_features) = self.size.numbers();
        SegformerPlan {
            features: four(&self.features).unwrap_or_else(|| features.to_vec()),
            blocks: four(&self.blocks).unwrap_or_else(|| blocks.to_vec()),
            decoder_features: self.decoder_features.fixed().copied().unwrap_or(decoder_features),
            dropout: self.dropout,
            drop_path: self.drop_path,
        }
    }
}

/// The stated list, if it has one entry per stage.
fn four(list: &Auto<Vec<usize>>) -> Option<Vec<usize>> {
    list.fixed().filter(|list| list.len() == STRIDES.len()).cloned()
}

impl Spec for Segformer {
    type Plan = SegformerPlan;

    fn staged(&self, key: &'static str) -> Staged {
        let plan = self.numbers();
        Staged {
            key,
            features: Auto::Fixed(plan.features.clone()),
            base_features: 32,
            strides: Auto::Fixed(STRIDES.map(|stride| [1, stride, stride]).to_vec()),
            max_stages: STRIDES.len(),
            kernels: Auto::Fixed(KERNELS.map(|kernel| [1, kernel, kernel]).to_vec()),
            kernel: 3,
            blocks: Auto::Fixed(plan.blocks.clone()),
            default_blocks: |_| 2,
            decoder_blocks: DecoderBlocks::Same(1),
            flat: true,
            cost: Cost::Own(Box::new(ModelPlan::Segformer(plan))),
        }
    }

    fn resolve(&self, _: Stages) -> SegformerPlan {
        self.numbers()
    }

    fn mistakes(&self) -> Vec<[String; 3]> {
        let plan = self.numbers();
        let mut mistakes = Vec::new();
        for (key, list) in [("features", &self.features), ("blocks", &self.blocks)] {
            if let Some(entries) = list.fixed().map(Vec::len).filter(|&entries| entries != STRIDES.len()) {
                let message = format!("{entries} entries for the four stages");
                mistakes.push([key.into(), message, "give four, or \"auto\"".into()]);
            }
        }
        let odd = |(features, heads): &(&usize, usize)| **features == 0 || !features.is_multiple_of(*heads);
        if let Some((features, heads)) = plan.features.iter().zip(HEADS).find(odd) {
            let message = format!("{features} features are not divisible by {heads} attention heads");
            mistakes.push(["features".into(), message, "use multiples of 1, 2, 5 and 8".into()]);
        }
        if plan.decoder_features == 0 {
            mistakes.push(["decoder-features".into(), "the decoder has no features".into(), "use at least 1".into()]);
        }
        mistakes
    }
}

impl Plan for SegformerPlan {
    type Network = SegFormer;

    fn build(&self, interface: Interface, weights: &mut Weights) -> SegFormer {
        SegFormer::new(self, interface, weights)
    }

    /// 1: stages are fused before they are resized.
    fn numerics(&self) -> u32 {
        1
    }

    fn total_stride(&self) -> [usize; 3] {
        let total = STRIDES.iter().product();
        [1, total, total]
    }

    /// Counts tokens, hidden features of the feed-forward layers, attention scores and the decoder.
    fn feature_map_elements(&self, patch: [usize; 3], interface: Interface) -> usize {
        let ([_, mut height, mut width], outputs) = (patch, interface.outputs);
        let quarter = height / STRIDES[0] * (width / STRIDES[0]);
        let mut total = quarter * (5 * self.decoder_features + outputs) + height * width * outputs;
        for (stage, (&features, &blocks)) in self.features.iter().zip(&self.blocks).enumerate() {
            (height, width) = (height / STRIDES[stage], width / STRIDES[stage]);
            let tokens = height * width;
            let keys = tokens / (REDUCTIONS[stage] * REDUCTIONS[stage]);
            let per_block = tokens * features * (5 + 2 * EXPANSION) + HEADS[stage] * tokens * keys;
            total += tokens * features + blocks * per_block;
        }
        total
    }

    fn pytorch(&self, interface: Interface) -> Source {
        let arguments = vec![
            ("channels", interface.channels.into()),
            ("outputs", interface.outputs.into()),
            ("features", self.features.clone().into()),
            ("blocks", self.blocks.clone().into()),
            ("decoder_features", self.decoder_features.into()),
        ];
        Source { definitions: vec![BLOCKS, include_str!("torch.py")], class: "SegFormer", arguments }
    }

    fn names(&self) -> Names {
        Names::default().with(&HUB_NAMES).with(&TRANSFORMERS_NAMES)
    }
}
