//! Scoring settings of an experiment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How predictions are scored. Scores are always per case and per structure, on the original grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Evaluate {
    /// For each of these Dice values, the summary gives the fraction of cases that reach it.
    pub success_dice: Vec<f64>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { success_dice: vec![0.5, 0.7, 0.9] }
    }
}
