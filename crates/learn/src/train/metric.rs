//! Metrics monitored by plateau schedules and early stopping.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::Validation;

/// A metric of each epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss of the epoch's steps; smaller is better.
    TrainingLoss,
    /// Dice on the validation cases, in epochs with validation: of `train.best.structure`, or the mean over structures.
    ValidationDice,
    /// Intersection over union on the validation cases, likewise.
    ValidationIou,
}

impl Metric {
    /// Whether it exists only in epochs with validation.
    pub fn needs_validation(self) -> bool {
        self != Self::TrainingLoss
    }

    /// Its value in an epoch, if any; `structure` is the index of `train.best.structure`.
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

    /// Whether `value` is better than the best so far by more than `difference`.
    pub fn improves(self, value: f64, best: Option<f64>, difference: f64) -> bool {
        match (self, best) {
            (_, None) => true,
            (Self::TrainingLoss, Some(best)) => value < best - difference,
            (_, Some(best)) => value > best + difference,
        }
    }
}
