//! Soft Dice (Milletari et al. 2016, with plain sums in the denominator as in nnU-Net).

use burn::tensor::Tensor;

use crate::backend::soft::Sums;

/// One minus the mean over structures (and patches, unless `batch`) of `(2·Σpt + s) / (Σp + Σt + s)`. Shape `[1]`.
///
/// `skip` outputs at the front (the background) do not count.
pub fn soft_dice(sums: &Sums, batch: bool, smooth: f64, skip: usize) -> Tensor<1> {
    let over_patches = |sums: &Tensor<2>| match batch {
        true => sums.clone().sum_dim(0),
        false => sums.clone(),
    };
    let [both, predicted, truth] = [&sums.both, &sums.predicted, &sums.truth].map(over_patches);
    let dice = (both.mul_scalar(2.0) + smooth) / (predicted + truth + smooth);
    let outputs = dice.dims()[1];
    dice.narrow(1, skip, outputs - skip).mean().neg() + 1.0
}
