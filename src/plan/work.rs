//! What a run does before it predicts: train a network, or average networks that other runs trained.

use serde::{Deserialize, Serialize};

use super::RunIds;
use crate::dataset::Target;
use crate::loss::Loss;
use crate::model::{Interface, ModelPlan};
use crate::preprocess::PreprocessPlan;
use crate::train::TrainPlan;
use crate::train::pretrained::PretrainedPlan;

/// Where a run's network comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a run has one")]
pub enum Work {
    /// It is trained.
    Train(Training),
    /// It is the mean of others.
    Average(Average),
}

/// A training with everything filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Training {
    /// Seed of weights, order and patches.
    pub seed: u64,
    /// The dataset's channels as read.
    pub channels: usize,
    /// From files to network input.
    pub preprocess: PreprocessPlan,
    /// The network.
    pub model: ModelPlan,
    /// Weights that it starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PretrainedPlan>,
    /// Terms of the loss.
    pub loss: Vec<Loss>,
    /// The training schedule.
    pub train: TrainPlan,
}

impl Training {
    /// What the network is told about the world.
    pub fn interface(&self, target: &Target) -> Interface {
        Interface { channels: self.channels, outputs: target.outputs(), sigmoid: target.sigmoid() }
    }
}

/// A mean of networks: of the probabilities that each finds by its own plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Average {
    /// The seed that its members share, or that of the first.
    pub seed: u64,
    /// Whether the scored cases took part in choosing a member's weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected_on_scored_cases: bool,
    /// The runs, whose folders lie beside this one's.
    #[serde(rename = "member")]
    pub members: Vec<RunIds>,
}
