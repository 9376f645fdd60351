//! The plan: a fully resolved run. It lists its cases and their files, so that it runs without the experiment or dataset file. It is
//! written into the run folder before any compute.
//!
//! [`resolve()`] makes it from an experiment, a dataset and a fold; [`id`] derives the id of each stage.

pub mod about;
pub mod choices;
pub mod data;
pub mod differences;
pub mod effects;
pub mod id;
pub mod intensity;
pub mod look;
pub mod resolve;
pub mod sides;
pub mod spacing;
pub mod topology;
pub mod work;
mod pooling;

use serde::{Deserialize, Serialize};

use crate::dataset::Target;
use crate::evaluate::Evaluate;
use crate::model::Task;
use crate::predict::PredictPlan;
use crate::predict::spec::Weights;
use crate::train::spec::BestCases;

pub use about::{About, Note, Scored, spec_hash};
pub use choices::{Choice, choices};
pub use data::{Data, PlannedCase, Role};
pub use differences::{Compared, differences, every_difference, every_setting, tell_apart};
pub use effects::{Effect, effect, explained};
pub use id::{RunIds, numerics};
pub use look::LookPlan;
pub use resolve::{Given, PlanError, resolve};
pub use sides::side_warning;
pub use work::{Average, Imported, Training, Work};

/// Version of `plan.toml`.
pub const FORMAT: u32 = 2;

/// One trial and one fold, with every default and every `"auto"` filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// Version of this file.
    pub format: u32,
    /// Segmentation or slice classification.
    pub task: Task,
    /// Names and descriptions.
    pub about: About,
    /// The structures.
    pub target: Target,
    /// The source of the network: training or average.
    pub work: Work,
    /// The region that the network sees.
    #[serde(default)]
    pub look: LookPlan,
    /// From a trained network to label maps.
    pub predict: PredictPlan,
    /// How predictions are scored.
    pub evaluate: Evaluate,
    /// The cases.
    pub data: Data,
}

impl Plan {
    /// Seed of the training.
    pub fn seed(&self) -> u64 {
        match &self.work {
            Work::Train(training) => training.seed,
            Work::Average(average) => average.seed,
        }
    }

    /// Trial, seed and fold, for display; empty for a single run.
    pub fn name(&self) -> String {
        self.about.name(self.seed())
    }

    /// Whether test cases were used to select the checkpoint. Every table states it.
    pub fn selected_on_scored_cases(&self) -> bool {
        match &self.work {
            Work::Train(training) => {
                self.predict.weights == Weights::Best && training.train.best.cases == BestCases::Test
            }
            Work::Average(average) => average.selected_on_scored_cases,
        }
    }

    /// How the weights were chosen, in words.
    pub fn weights(&self) -> &'static str {
        match &self.work {
            Work::Average(_) => "mean of several networks",
            Work::Train(training) if training.imported.is_some() => "imported",
            Work::Train(_) if self.predict.weights == Weights::Last => "last epoch",
            Work::Train(training) => match training.train.best.cases {
                BestCases::Validation => "best epoch on the validation cases",
                BestCases::Test => "best epoch on the test cases",
            },
        }
    }

    /// The plan as text.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let header = "# Written by segspec before any compute: the fully resolved run. Do not edit.\n\n";
        Ok(format!("{header}{}", toml::to_string(self)?))
    }
}
