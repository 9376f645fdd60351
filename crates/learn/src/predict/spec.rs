//! What an experiment says about prediction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auto::Auto;

/// From a trained network to label maps on the original grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Predict {
    /// Which checkpoint predicts. `"auto"`: `best` where there are validation cases, else `last`.
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
    /// Probability above which a voxel belongs to a structure, where each structure has a probability by itself (sigmoid outputs).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// Structures of which only the largest connected component is kept (26 neighbours).
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

/// Which checkpoint predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// The best by `train.best` on the validation cases.
    Best,
    /// The end of training.
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

/// The resolved slice of the plan that this stage takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PredictPlan {
    /// Which checkpoint predicts.
    pub weights: Weights,
    /// Window `[z, y, x]` in voxels of the prepared grid: the training patch.
    pub patch_size: [usize; 3],
    /// Overlap fraction.
    pub overlap: f64,
    /// Averaging.
    pub blend: Blend,
    /// Axes (0 depth, 1 height, 2 width) whose flips are averaged.
    pub mirror_axes: Vec<usize>,
    /// Pairs of the network's outputs that change places where the width is flipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrored_outputs: Vec<[usize; 2]>,
    /// Windows per forward pass.
    pub batch_size: usize,
    /// Sigmoid threshold.
    pub threshold: f64,
    /// Structure indices of which only the largest component is kept.
    pub largest_component: Vec<usize>,
}
