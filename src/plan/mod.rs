//! The plan: everything resolved. Only a plan runs; it is written into the run folder before any compute.

pub mod cascade;
pub mod choices;
pub mod intensity;
pub mod resolve;
pub mod spacing;
pub mod topology;
mod feature_memory;
mod pooling;
mod run_id;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dataset::{Fold, Target};
use crate::evaluate::Evaluate;
use crate::loss::Loss;
use crate::model::{Interface, ModelPlan};
use crate::predict::PredictPlan;
use crate::predict::cascade::CascadePlan;
use crate::preprocess::PreprocessPlan;
use crate::train::TrainPlan;
use crate::train::pretrained::PretrainedPlan;

pub use choices::{Choice, choices};
pub use resolve::{PlanError, Resolved, resolve};

/// Raised by hand when the same plan gives other numbers than before: part of every run id.
pub const NUMERICS: u32 = 6;

/// Version of `plan.toml`.
pub const FORMAT: u32 = 1;

/// One trial and one fold, with every default and every `"auto"` filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// Version of this file.
    pub format: u32,
    /// What this run is called; changes no number.
    pub about: About,
    /// Seed of weights, order and patches.
    pub seed: u64,
    /// The dataset's channels as read.
    pub channels: usize,
    /// From files to network input.
    pub preprocess: PreprocessPlan,
    /// The network.
    pub model: ModelPlan,
    /// Weights that training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PretrainedPlan>,
    /// Terms of the loss.
    pub loss: Vec<Loss>,
    /// The training schedule.
    pub train: TrainPlan,
    /// From a trained network to label maps.
    pub predict: PredictPlan,
    /// The network that says where this one looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<CascadePlan>,
    /// Run ids of the networks whose probabilities are averaged; empty for a run that trains a network of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// How predictions are scored.
    pub evaluate: Evaluate,
    /// Structures to find.
    pub target: Target,
    /// Which cases train, choose the weights, and are scored.
    pub cases: Fold,
}

/// What a run is called, and where its data lies: cosmetic, not part of the run id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct About {
    /// Name of the experiment.
    pub experiment: String,
    /// One line for people.
    pub description: String,
    /// What distinguishes the trial from the others of a sweep, but for the seed; empty for a single one.
    pub trial: String,
    /// Whether the experiment has runs with other seeds.
    pub several_seeds: bool,
    /// The swept keys and their values.
    pub settings: Vec<(String, String)>,
    /// Index of the fold and number of folds.
    pub fold: usize,
    /// Number of folds of the split.
    pub folds: usize,
    /// Of an ensemble of folds: its cases are those that no fold saw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_out: bool,
    /// Name of the dataset.
    pub dataset: String,
    /// Folder of its images.
    pub data_root: PathBuf,
    /// The dataset's file.
    pub dataset_file: PathBuf,
    /// File of the weights that training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained_file: Option<PathBuf>,
    /// Why each `"auto"` became what it is.
    pub notes: Vec<String>,
}

impl About {
    /// Trial, seed where there are several, and fold, for people; empty for a single run.
    pub fn name(&self, seed: u64) -> String {
        let seed = if self.several_seeds { format!("seed {seed}") } else { String::new() };
        let fold = if self.folds > 1 { format!("fold {}", self.fold) } else { String::new() };
        let parts = [self.trial.as_str(), seed.as_str(), fold.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

impl Plan {
    /// What the network is told about the world.
    pub fn interface(&self) -> Interface {
        Interface { channels: self.channels, outputs: self.target.outputs(), sigmoid: self.target.sigmoid() }
    }

    /// Whether the scored cases took part in choosing the weights: every table says so.
    pub fn selected_on_scored_cases(&self) -> bool {
        use crate::predict::spec::Weights;
        use crate::train::spec::BestCases;
        !self.about.held_out && self.predict.weights == Weights::Best && self.train.best.cases == BestCases::Test
    }

    /// The plan as text.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let header =
            "# Written by segspec before any compute: everything that this run does. Not meant to be edited.\n\n";
        Ok(format!("{header}{}", toml::to_string(self)?))
    }
}
