//! Scoring settings of an experiment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            success_dice: vec![0.5, 0.7, 0.9],
            tolerance_mm: None,
            structure_tolerances_mm: BTreeMap::new(),
            instance_iou: 0.1,
        }
    }
}
