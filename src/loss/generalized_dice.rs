//! Generalised Dice: structures weighted by their size, so that small ones count as much as large ones.

use burn::tensor::Tensor;

use crate::backend::soft::Sums;

/// One minus the mean over patches (or of the batch) of `(2·Σ w·Σpt + s) / (Σ w·(Σp + Σt) + s)`, the outer sums over structures,
/// with `w = 1 / (Σt)²`. A structure that is absent gets the largest weight of those that are there. Shape `[1]`.
///
/// Source: Sudre et al., Generalised Dice overlap as a deep learning loss function (DLMIA 2017); for absent structures MONAI's
/// `GeneralizedDiceLoss`.
pub fn generalized_dice(sums: &Sums, batch: bool, smooth: f64, skip: usize) -> Tensor<1> {
    let [both, predicted, truth] = super::over_patches(sums, batch).map(|values| super::from(values, skip));
    // Whole numbers of voxels, constant in the logits.
    let present = truth.clone().greater_elem(0.5).float();
    let weights = truth.clone().clamp_min(1.0).square().recip() * present.clone();
    let largest = weights.clone().max_dim(1);
    let weights = weights + (present.neg() + 1.0) * largest;
    let numerator = (weights.clone() * both).sum_dim(1).mul_scalar(2.0) + smooth;
    let denominator = (weights * (predicted + truth)).sum_dim(1) + smooth;
    (numerator / denominator).mean().neg() + 1.0
}
