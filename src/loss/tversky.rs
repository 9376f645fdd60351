//! The Tversky index: Dice with weights for what is found wrongly and what is missed.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::overlap::{Counts, ratio};
use super::spec::Empty;

/// The Tversky loss; with an exponent the focal Tversky loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tversky {
    /// Factor of this term.
    pub weight: f64,
    /// Weight of voxels found wrongly.
    #[schemars(range(min = 0.0))]
    pub false_positives: f64,
    /// Weight of voxels missed; more than that of wrong ones favours recall.
    #[schemars(range(min = 0.0))]
    pub false_negatives: f64,
    /// What one minus the index is raised to: below 1, structures that are found badly count more.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub exponent: f64,
    /// Take sums over the batch instead of each patch.
    pub batch: bool,
    /// Added to numerator and denominator.
    #[schemars(range(min = 0.0))]
    pub smooth: f64,
    /// Count the background as a structure.
    pub background: bool,
    /// What a structure gives that is absent from a patch, or with `batch` from the whole batch.
    #[serde(skip_serializing_if = "Empty::is_default")]
    pub empty: Empty,
}

impl Default for Tversky {
    fn default() -> Self {
        Self {
            weight: 1.0,
            false_positives: 0.5,
            false_negatives: 0.5,
            exponent: 1.0,
            batch: true,
            smooth: 1e-5,
            background: false,
            empty: Empty::Count,
        }
    }
}

/// The mean over structures (and patches, unless `batch`) of `(1 − (Σpt + s) / (Σpt + α·Σp(1−t) + β·Σ(1−p)t + s))^γ`. Shape `[1]`.
///
/// Source: Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation (2017); with an exponent: Abraham and Khan, A
/// novel focal Tversky loss function (ISBI 2019), whose γ is one over this one.
pub fn soft_tversky(batch: &Batch, term: &Tversky) -> Tensor<1> {
    let counts = Counts::new(batch, term.batch, term.background);
    let Counts { both, predicted, truth } = &counts;
    let wrong = (predicted.clone() - both.clone()).mul_scalar(term.false_positives);
    let missed = (truth.clone() - both.clone()).mul_scalar(term.false_negatives);
    let index = ratio(both.clone() + term.smooth, both.clone() + wrong + missed + term.smooth);
    let away = index.neg() + 1.0;
    let powered = match term.exponent {
        1.0 => away,
        // A root has no slope at 0, where a structure is found without a fault.
        exponent => away.clamp_min(1e-7).powf_scalar(exponent),
    };
    counts.mean(powered, term.empty)
}
