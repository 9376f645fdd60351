//! Generalised Dice: structures weighted by their inverse squared size, so that small ones count as much as large ones.

use burn::tensor::Tensor;

use super::Batch;
use super::overlap::{Counts, Empty, Overlap, ratio};

/// One minus the mean over patches (or of the batch) of `(2·Σ w·Σpt + s) / (Σ w·(Σp + Σt) + s)`, the outer sums over structures,
/// with `w = 1 / (Σt)²`. An absent structure gets the largest weight of those present, or none if it is skipped. Shape `[1]`.
///
/// Source: Sudre et al., Generalised Dice overlap as a deep learning loss function (DLMIA 2017); for absent structures MONAI's
/// `GeneralizedDiceLoss`.
pub fn generalized_dice(batch: &Batch, term: &Overlap) -> Tensor<1> {
    let counts = Counts::new(batch, term.batch, term.background);
    let present = counts.present();
    let Counts { both, predicted, truth } = counts;
    let weights = truth.clone().clamp_min(1.0).square().recip() * present.clone();
    let weights = match term.empty {
        Empty::Count => {
            let largest = weights.clone().max_dim(1);
            weights + (present.neg() + 1.0) * largest
        }
        Empty::Skip => weights,
    };
    let numerator = (weights.clone() * both).sum_dim(1).mul_scalar(2.0) + term.smooth;
    let denominator = (weights * (predicted + truth)).sum_dim(1) + term.smooth;
    ratio(numerator, denominator).mean().neg() + 1.0
}
