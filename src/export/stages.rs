//! What the metadata of a cascade's second stage say of its first.

use schemars::JsonSchema;
use serde::Serialize;

use crate::infer::Trained;
use crate::plan::LookPlan;

/// The first stage of a cascade.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FirstStageFacts {
    /// Id of its run.
    pub run: String,
    /// What it selects.
    pub selects: Selects,
    /// Probabilities from which a slice is selected, one per output of a slice classifier (one for all structures if it has one output).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<f64>,
    /// Margin around selected slices, or around the box.
    pub margin_mm: f64,
    /// Label values whose masks are further channels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u16>,
}

/// What a first stage selects; everything else is background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selects {
    /// Slices.
    Slices,
    /// The bounding box of its segmentation; everything if it finds nothing.
    Box,
    /// Everything: its label map is a further input.
    Labels,
}

/// What the first stage does; none without one.
pub(super) fn first_stage(look: &LookPlan, trained: &Trained) -> Option<FirstStageFacts> {
    let (first, selects, margin_mm, values) = match look {
        LookPlan::Everywhere => return None,
        LookPlan::Slices { first, margin_mm, .. } => (first, Selects::Slices, *margin_mm, Vec::new()),
        LookPlan::Labels { first, values } => (first, Selects::Labels, 0.0, values.clone()),
        LookPlan::Box { first, margin_mm } => (first, Selects::Box, *margin_mm, Vec::new()),
    };
    let thresholds = trained.first_stage().map_or_else(Vec::new, |stage| stage.thresholds().to_vec());
    Some(FirstStageFacts { run: first.training.clone(), selects, thresholds, margin_mm, values })
}
