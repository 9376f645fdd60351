//! What a plateau or early stopping looks at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::Validation;

/// A number of each epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss of the epoch's steps; smaller is better.
    TrainingLoss,
    /// Dice of the validation cases, in epochs that validate: of `train.best.structure`, or the mean over structures.
    ValidationDice,
    /// Their intersection over union.
    ValidationIou,
}

impl Metric {
    /// Whether it is there in epochs that validate alone.
    pub fn needs_validation(self) -> bool {
        self != Self::TrainingLoss
    }

    /// Its value in an epoch, if it has one; `structure` is the index of the one that decides.
    pub fn value(self, loss: f64, validation: Option<&Validation>, structure: Option<usize>) -> Option<f64> {
        let scores = match self {
            Self::TrainingLoss => return Some(loss),
            Self::ValidationDice => &validation?.dice,
            Self::ValidationIou => &validation?.iou,
        };
        match structure {
            None => Validation::mean(scores),
            Some(index) => scores.get(index).copied().flatten(),
        }
    }

    /// Whether a value is better than the best so far by more than a difference.
    pub fn improves(self, value: f64, best: Option<f64>, difference: f64) -> bool {
        match (self, best) {
            (_, None) => true,
            (Self::TrainingLoss, Some(best)) => value < best - difference,
            (_, Some(best)) => value > best + difference,
        }
    }
}
