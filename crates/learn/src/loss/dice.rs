//! Soft Dice (Milletari et al. 2016, with plain sums in the denominator as in nnU-Net).

use burn::tensor::Tensor;

use super::Batch;
use super::overlap::{Counts, Overlap, ratio};

/// The mean over structures (and patches, unless `batch`) of `1 − (2·Σpt + s) / (Σp + Σt + s)`. Shape `[1]`.
pub fn soft_dice(batch: &Batch, term: &Overlap) -> Tensor<1> {
    let counts = Counts::new(batch, term.batch, term.background);
    let Counts { both, predicted, truth } = &counts;
    let denominator = predicted.clone() + truth.clone() + term.smooth;
    let dice = ratio(both.clone().mul_scalar(2.0) + term.smooth, denominator);
    counts.mean(dice.neg() + 1.0, term.empty)
}
