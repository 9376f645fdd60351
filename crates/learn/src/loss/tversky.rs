//! The Tversky index: Dice with separate weights for false positives and false negatives.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::overlap::{Counts, Empty, ratio};
use super::term::{Mistake, Term};

/// The Tversky loss; with an exponent the focal Tversky loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tversky {
    /// Factor of this term.
    pub weight: f64,
    /// Weight of false positive voxels.
    #[schemars(range(min = 0.0))]
    pub false_positives: f64,
    /// Weight of false negative voxels; above that of false positives it favours recall.
    #[schemars(range(min = 0.0))]
    pub false_negatives: f64,
    /// Exponent of (1 − index): 1 is the Tversky loss, 0.75 Abraham and Khan's focal form.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub exponent: f64,
    /// Sum over the whole batch instead of each patch.
    pub batch: bool,
    /// Added to numerator and denominator.
    #[schemars(range(min = 0.0))]
    pub smooth: f64,
    /// Count the background as a structure.
    pub background: bool,
    /// Treatment of a structure that is absent from a patch, or with `batch` from the whole batch.
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

impl Term for Tversky {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn counts_background(&self) -> bool {
        self.background
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let message = format!("`exponent` must be above 0, got {}", self.exponent);
        let help = "use 1 for the plain Tversky loss, 0.75 for Abraham and Khan's focal form";
        let mistake = (self.exponent <= 0.0).then_some(Mistake { key: "exponent", message, help });
        mistake.into_iter().collect()
    }
}

/// The mean over structures (and patches, unless `batch`) of `(1 − (Σpt + s) / (Σpt + α·Σp(1−t) + β·Σ(1−p)t + s))^γ`. Shape `[1]`.
///
/// Source: Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation (2017); with an exponent: Abraham and Khan, A
/// novel focal Tversky loss function (ISBI 2019), whose γ is the reciprocal of this one.
pub fn soft_tversky(batch: &Batch, term: &Tversky) -> Tensor<1> {
    let counts = Counts::new(batch, term.batch, term.background);
    let Counts { both, predicted, truth } = &counts;
    let false_positives = (predicted.clone() - both.clone()).mul_scalar(term.false_positives);
    let false_negatives = (truth.clone() - both.clone()).mul_scalar(term.false_negatives);
    let index = ratio(both.clone() + term.smooth, both.clone() + false_positives + false_negatives + term.smooth);
    let away = index.neg() + 1.0;
    let powered = match term.exponent {
        1.0 => away,
        // Below an exponent of 1 the slope is infinite at 0, which a perfect prediction reaches.
        exponent => away.clamp_min(1e-7).powf_scalar(exponent),
    };
    counts.mean(powered, term.empty)
}
