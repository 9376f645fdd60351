//! Scoring settings of an experiment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{DICE, MetricId};

/// How predictions are scored. Scores are always per case and per structure, on the original grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Evaluate {
    /// For each of these Dice values, the summary gives the fraction of cases that reach it.
    pub success_dice: Vec<f64>,
    /// Distance in mm up to which two surfaces agree, for structures without their own: tolerance of NSD and width of boundary IoU. Without
    /// a tolerance these two are not computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub tolerance_mm: Option<f64>,
    /// Tolerance of single structures: `liver = 3.0`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(inner(range(min = 0.0)))]
    pub structure_tolerances_mm: BTreeMap<String, f64>,
    /// IoU from which two components of a structure with `instances = true` are the same instance.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub instance_iou: f64,
    /// How runs are ranked, declared before they are scored. It changes no score.
    #[serde(skip_serializing_if = "RankBy::is_default")]
    pub rank: RankBy,
}

/// What runs are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RankBy {
    /// Metric: its column in the tables.
    pub metric: MetricId,
    /// Largest difference of the means that does not matter, in the unit of the metric: differences within it are called equivalent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub margin: Option<f64>,
}

impl RankBy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for RankBy {
    fn default() -> Self {
        Self { metric: DICE, margin: None }
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            success_dice: vec![0.5, 0.7, 0.9],
            tolerance_mm: None,
            structure_tolerances_mm: BTreeMap::new(),
            instance_iou: 0.1,
            rank: RankBy::default(),
        }
    }
}
