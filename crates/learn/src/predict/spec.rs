//! Prediction settings of an experiment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auto::Auto;

/// From a trained network to label maps on the original grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Predict {
    /// Checkpoint used for prediction. `"auto"`: `best` if there are validation cases, otherwise `last`.
    pub weights: Auto<Weights>,
    /// Overlap of neighbouring windows as a fraction of the patch.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub overlap: f64,
    /// How overlapping windows are averaged.
    pub blend: Blend,
    /// Average over all flips of the axes that training mirrors.
    pub mirror: bool,
    /// Windows per forward pass.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Probability above which a voxel belongs to a structure, if each structure has its own probability (sigmoid outputs).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// Structures of which only the largest connected component is kept (26-connectivity).
    pub largest_component: Vec<String>,
}

impl Default for Predict {
    fn default() -> Self {
        Self {
            weights: Auto::Auto,
            overlap: 0.5,
            blend: Blend::Gaussian,
            mirror: false,
            batch_size: 1,
            threshold: 0.5,
            largest_component: Vec::new(),
        }
    }
}

/// Checkpoint used for prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// The best checkpoint, as selected by `train.best`.
    Best,
    /// The last checkpoint of training.
    Last,
}

/// How overlapping windows are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blend {
    /// Gaussian weights with a standard deviation of an eighth of the patch (nnU-Net).
    Gaussian,
    /// Equal weights.
    Constant,
}

/// What is averaged over windows, flips and networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Averaged {
    /// Probabilities.
    #[default]
    Probabilities,
    /// Logits, before softmax or sigmoid, in half precision: nnU-Net's way, for networks imported from there.
    Logits,
}

impl Averaged {
    /// Whether this is the usual choice, which plans leave out.
    pub fn is_usual(&self) -> bool {
        *self == Self::Probabilities
    }
}

/// Resolved prediction settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PredictPlan {
    /// Checkpoint used for prediction.
    pub weights: Weights,
    /// Window `[z, y, x]` in voxels of the prepared grid: the training patch.
    pub patch_size: [usize; 3],
    /// Overlap fraction.
    pub overlap: f64,
    /// Averaging.
    pub blend: Blend,
    /// What is averaged.
    #[serde(default, skip_serializing_if = "Averaged::is_usual")]
    pub averaged: Averaged,
    /// Axes (0 depth, 1 height, 2 width) whose flips are averaged.
    pub mirror_axes: Vec<usize>,
    /// Pairs of outputs to swap when the width is flipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrored_outputs: Vec<[usize; 2]>,
    /// Windows per forward pass.
    pub batch_size: usize,
    /// Sigmoid threshold.
    pub threshold: f64,
    /// Structure indices of which only the largest component is kept.
    pub largest_component: Vec<usize>,
    /// Sets of label values of which only the largest component of all together is kept, before that of single structures: nnU-Net's
    /// post-processing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub largest_union: Vec<Vec<u16>>,
}
