//! The slice classifier's keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SliceClassifier;
use crate::auto::Auto;
use crate::graph::pytorch::{BLOCKS, Source};
use crate::model::architecture::{Plan, Spec};
use crate::model::block::{Norm, Weights};
use crate::model::staged::{Cost, DecoderBlocks, Staged, Stages};
use crate::model::{Interface, ModelPlan, Names, Task};

/// Kernel edge of the first convolution.
pub(super) const STEM_KERNEL: usize = 7;
/// Combined stride of the first convolution and pooling, then strides of the second to fourth stage.
const STRIDES: [usize; 4] = [4, 2, 2, 2];

/// Slice classifier: ResNet (He 2016) with basic blocks, as torchvision's `resnet18` and `resnet34`, whose weights can be loaded.
///
/// Predicts for each slice whether it shows a structure; scored per slice: area under the ROC curve, sensitivity, specificity.
/// For 2D patches divisible by 32; a larger slice takes the highest probability of its windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Classifier {
    /// What is predicted for a slice.
    pub target: SliceTarget,
    /// ResNet that `"auto"` values are taken from.
    pub size: ResnetSize,
    /// Features of the four stages. `"auto"`: 64, 128, 256, 512.
    pub features: Auto<Vec<usize>>,
    /// Blocks of the four stages. `"auto"`: those of `size`.
    pub blocks: Auto<Vec<usize>>,
    /// Normalisation after each convolution.
    pub norm: Norm,
    /// Dropout probability of features before the last layer.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for Classifier {
    fn default() -> Self {
        Self {
            target: SliceTarget::Any,
            size: ResnetSize::Resnet18,
            features: Auto::Auto,
            blocks: Auto::Auto,
            norm: Norm::Batch,
            dropout: 0.0,
        }
    }
}

/// What a classifier predicts for a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SliceTarget {
    /// Whether it shows any of the structures.
    Any,
    /// For each structure, whether it shows it.
    PerStructure,
}

/// A ResNet with basic blocks (He 2016, table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResnetSize {
    /// 11 million parameters.
    #[serde(rename = "resnet-18")]
    Resnet18,
    /// 21 million.
    #[serde(rename = "resnet-34")]
    Resnet34,
}

/// The classifier with all values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClassifierPlan {
    /// What is predicted for a slice.
    pub target: SliceTarget,
    /// Features of the stages.
    pub features: Vec<usize>,
    /// Blocks of the stages.
    pub blocks: Vec<usize>,
    /// Normalisation.
    pub norm: Norm,
    /// Dropout probability before the last layer.
    pub dropout: f64,
}

impl ResnetSize {
    fn blocks(self) -> [usize; 4] {
        match self {
            Self::Resnet18 => [2, 2, 2, 2],
            Self::Resnet34 => [3, 4, 6, 3],
        }
    }
}

impl Classifier {
    /// Fills in the values of the chosen size.
    fn numbers(&self) -> ClassifierPlan {
        ClassifierPlan {
            target: self.target,
            features: four(&self.features).unwrap_or_else(|| vec![64, 128, 256, 512]),
            blocks: four(&self.blocks).unwrap_or_else(|| self.size.blocks().to_vec()),
            norm: self.norm,
            dropout: self.dropout,
        }
    }
}

/// The stated list, if it has one entry per stage.
fn four(list: &Auto<Vec<usize>>) -> Option<Vec<usize>> {
    list.fixed().filter(|list| list.len() == STRIDES.len()).cloned()
}

impl Spec for Classifier {
    type Plan = ClassifierPlan;

    fn norm(&self) -> Option<Norm> {
        Some(self.norm)
    }

    fn staged(&self, key: &'static str) -> Staged {
        let plan = self.numbers();
        Staged {
            key,
            features: Auto::Fixed(plan.features.clone()),
            base_features: 64,
            strides: Auto::Fixed(STRIDES.map(|stride| [1, stride, stride]).to_vec()),
            max_stages: STRIDES.len(),
            kernels: Auto::Fixed(vec![[1, 3, 3]; STRIDES.len()]),
            kernel: 3,
            blocks: Auto::Fixed(plan.blocks.clone()),
            default_blocks: |_| 2,
            decoder_blocks: DecoderBlocks::Same(1),
            flat: true,
            cost: Cost::Own(Box::new(ModelPlan::Classifier(plan))),
        }
    }

    fn resolve(&self, _: Stages) -> ClassifierPlan {
        self.numbers()
    }

    fn mistakes(&self) -> Vec<[String; 3]> {
        let lists = [("features", &self.features), ("blocks", &self.blocks)];
        let odd = lists.into_iter().filter_map(|(key, list)| {
            let entries = list.fixed().map(Vec::len).filter(|&entries| entries != STRIDES.len())?;
            Some([key.into(), format!("{entries} entries for the four stages"), "give four, or \"auto\"".into()])
        });
        odd.collect()
    }

    fn slices(&self) -> Option<SliceTarget> {
        Some(self.target)
    }
}

impl Plan for ClassifierPlan {
    type Network = SliceClassifier;

    fn build(&self, interface: Interface, weights: &mut Weights) -> SliceClassifier {
        SliceClassifier::new(self, interface, weights)
    }

    fn total_stride(&self) -> [usize; 3] {
        let total = STRIDES.iter().product();
        [1, total, total]
    }

    fn feature_map_elements(&self, patch: [usize; 3], _: Interface) -> usize {
        let pixels = patch[1] * patch[2];
        let stem = self.features.first().map_or(0, |features| pixels / 4 * features);
        let mut edge = 1;
        let stages = self.features.iter().zip(&self.blocks).zip(STRIDES).map(|((features, blocks), stride)| {
            edge *= stride;
            (2 * blocks + 1) * features * (pixels / (edge * edge))
        });
        stem + stages.sum::<usize>()
    }

    fn pytorch(&self, interface: Interface) -> Source {
        let arguments = vec![
            ("channels", interface.channels.into()),
            ("outputs", interface.outputs.into()),
            ("features", self.features.clone().into()),
            ("blocks", self.blocks.clone().into()),
            ("norm", self.norm.name().into()),
        ];
        Source { definitions: vec![BLOCKS, include_str!("torch.py")], class: "SliceClassifier", arguments }
    }

    fn names(&self) -> Names {
        // torchvision counts stages from 1.
        let stage = |stage: usize| {
            BLOCK_NAMES.map(|(ours, theirs)| {
                [format!(r"stages\.{stage}\.(\d+)\.{ours}"), format!("layer{}.$1.{theirs}", stage + 1)]
            })
        };
        let fixed = FIXED_NAMES.map(|(ours, theirs)| [ours.to_owned(), theirs.to_owned()]);
        let rules: Vec<[String; 2]> = fixed.into_iter().chain((0..self.features.len()).flat_map(stage)).collect();
        Names::default().with(&rules.iter().map(|[ours, theirs]| (ours.as_str(), theirs.as_str())).collect::<Vec<_>>())
    }

    fn task(&self) -> Task {
        Task::ClassifySlices
    }
}

/// torchvision's names outside the stages.
const FIXED_NAMES: [(&str, &str); 3] =
    [(r"stem\.conv\.(\w+)", "conv1.$1"), (r"stem\.norm\.(\w+)", "bn1.$1"), (r"head\.(\w+)", "fc.$1")];

/// torchvision's names within a block.
const BLOCK_NAMES: [(&str, &str); 6] = [
    (r"first\.conv\.(\w+)", "conv1.$2"),
    (r"first\.norm\.(\w+)", "bn1.$2"),
    (r"second\.(\w+)", "conv2.$2"),
    (r"second_norm\.(\w+)", "bn2.$2"),
    (r"projection\.(\w+)", "downsample.0.$2"),
    (r"projection_norm\.(\w+)", "downsample.1.$2"),
];
