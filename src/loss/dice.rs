//! Soft Dice (Milletari et al. 2016, with plain sums in the denominator as in nnU-Net).

use burn::tensor::Tensor;

use crate::backend::soft::Sums;

/// One minus the mean over structures (and patches, unless `batch`) of `(2·Σpt + s) / (Σp + Σt + s)`. Shape `[1]`.
///
/// `skip` outputs at the front (the background) do not count.
pub fn soft_dice(sums: &Sums, batch: bool, smooth: f64, skip: usize) -> Tensor<1> {
    let [both, predicted, truth] = super::over_patches(sums, batch);
    let dice = (both.mul_scalar(2.0) + smooth) / (predicted + truth + smooth);
    super::mean_from(dice, skip).neg() + 1.0
}
