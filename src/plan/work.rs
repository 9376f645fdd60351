//! The source of a run's network: a training, or an average of networks from other runs.

use serde::{Deserialize, Serialize};

use super::RunIds;
use crate::dataset::Target;
use crate::interact::{Guidance, Interact, guidance};
use crate::loss::Loss;
use crate::model::{Interface, ModelPlan};
use crate::preprocess::PreprocessPlan;
use crate::train::TrainPlan;
use crate::train::pretrained::PretrainedPlan;

/// The source of a run's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a run has one")]
pub enum Work {
    /// Trained in this run.
    Train(Training),
    /// The average of other runs' networks.
    Average(Average),
}

impl Work {
    /// The training; `None` for an average.
    pub fn training(&self) -> Option<&Training> {
        match self {
            Self::Train(training) => Some(training),
            Self::Average(_) => None,
        }
    }

    /// The runs whose networks are averaged; empty for a training.
    pub fn members(&self) -> &[RunIds] {
        match self {
            Self::Train(_) => &[],
            Self::Average(average) => &average.members,
        }
    }
}

/// A fully resolved training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Training {
    /// Seed of initial weights, case order and patches.
    pub seed: u64,
    /// Number of image channels.
    pub channels: usize,
    /// Preprocessing.
    pub preprocess: PreprocessPlan,
    /// The network.
    pub model: ModelPlan,
    /// Pretrained weights to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PretrainedPlan>,
    /// Where the weights come from, if they were not trained here: such a run predicts and is never trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// Clicks that the network takes besides the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interact: Option<Interact>,
    /// Terms of the loss.
    pub loss: Vec<Loss>,
    /// The training schedule.
    pub train: TrainPlan,
}

/// The source of weights that another program trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Imported {
    /// The program.
    pub from: String,
    /// How it calls the way of training.
    pub trainer: String,
    /// BLAKE3 of the file of weights.
    pub weights: String,
}

impl Training {
    /// What its network is told where nobody clicks; none for a network that takes no clicks.
    pub fn no_clicks<'a>(&self, target: &Target) -> Option<Guidance<'a>> {
        self.interact.map(|interact| Guidance::none(&interact, target.structures.len()))
    }

    /// Input channels and outputs of the network.
    pub fn interface(&self, target: &Target) -> Interface {
        let told = self.interact.map_or(0, |_| guidance::channels(target.structures.len()));
        Interface { channels: self.channels + told, outputs: target.outputs(), sigmoid: target.sigmoid() }
    }
}

/// An average of networks: each member predicts by its own plan, then the probabilities are averaged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Average {
    /// The members' common seed, or that of the first.
    pub seed: u64,
    /// Whether test cases were used to select a member's checkpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected_on_scored_cases: bool,
    /// The members. Their folders are siblings of this run's folder.
    #[serde(rename = "member")]
    pub members: Vec<RunIds>,
}
