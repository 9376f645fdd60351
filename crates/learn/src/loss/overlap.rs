//! Shared by the overlap losses: their table, and the sums over the voxels of each structure.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::term::Term;

/// Smallest denominator, as in nnU-Net: with `smooth = 0`, a structure that is neither present nor predicted would give 0 / 0.
const LEAST: f64 = 1e-8;

/// An overlap loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Overlap {
    /// Factor of this term.
    pub weight: f64,
    /// Sum over the whole batch instead of each patch (nnU-Net's batch Dice).
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

impl Default for Overlap {
    fn default() -> Self {
        Self { weight: 1.0, batch: true, smooth: 1e-5, background: false, empty: Empty::Count }
    }
}

impl Term for Overlap {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn counts_background(&self) -> bool {
        self.background
    }
}

/// Treatment of an absent structure in an overlap loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Empty {
    /// Like the others: its loss is nearly 0 if nothing is predicted and nearly 1 otherwise, so that its absence is learnt.
    #[default]
    Count,
    /// Omitted from the mean; if all structures are absent, the term is 0.
    Skip,
}

impl Empty {
    /// Whether it is the default, which plans written before this key use.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Sums over the voxels of each structure, `[patches or 1, structures]`.
pub struct Counts {
    /// Probabilities inside the structure (soft intersection).
    pub both: Tensor<2>,
    /// All probabilities.
    pub predicted: Tensor<2>,
    /// Voxels of the structure.
    pub truth: Tensor<2>,
}

impl Counts {
    /// Sums per patch or, with `over_batch`, over the batch; `background` includes the background as a structure.
    pub fn new(batch: &Batch, over_batch: bool, background: bool) -> Self {
        let sums = &batch.sums;
        let skip = usize::from(!batch.overlapping && !background);
        let [both, predicted, truth] = [&sums.both, &sums.predicted, &sums.truth].map(|values| {
            let values = if over_batch { values.clone().sum_dim(0) } else { values.clone() };
            let outputs = values.dims()[1];
            values.narrow(1, skip, outputs - skip)
        });
        Self { both, predicted, truth }
    }

    /// Which structures are present: 0 or 1.
    pub fn present(&self) -> Tensor<2> {
        // The truth is a whole number of voxels and has no gradient.
        self.truth.clone().greater_elem(0.5).float()
    }

    /// The mean of losses over structures and patches. Shape `[1]`.
    pub fn mean(&self, losses: Tensor<2>, empty: Empty) -> Tensor<1> {
        match empty {
            Empty::Count => losses.mean(),
            Empty::Skip => {
                let present = self.present();
                (losses * present.clone()).sum() / present.sum().clamp_min(1.0)
            }
        }
    }
}

/// A ratio whose denominator is bounded away from 0.
pub fn ratio(numerator: Tensor<2>, denominator: Tensor<2>) -> Tensor<2> {
    numerator / denominator.clamp_min(LEAST)
}
