//! Soft Dice (Milletari et al. 2016, with plain sums in the denominator as in nnU-Net).

use burn::tensor::{Tensor, activation};

use super::sum_axes;

/// One minus the mean over structures (and patches, unless `batch`) of `(2·Σpt + s) / (Σp + Σt + s)`. Shape `[1]`.
///
/// `skip` outputs at the front (the background) do not count.
pub fn soft_dice(
    logits: Tensor<5>,
    one_hot: Tensor<5>,
    overlapping: bool,
    batch: bool,
    smooth: f64,
    skip: usize,
) -> Tensor<1> {
    let probabilities = match overlapping {
        true => activation::sigmoid(logits),
        false => activation::softmax(logits, 1),
    };
    let outputs = one_hot.dims()[1];
    let axes: &[usize] = if batch { &[0, 2, 3, 4] } else { &[2, 3, 4] };
    let both = sum_axes(probabilities.clone() * one_hot.clone(), axes);
    let either = sum_axes(probabilities, axes) + sum_axes(one_hot, axes);
    let dice = (both.mul_scalar(2.0) + smooth) / (either + smooth);
    let dice = dice.narrow(1, skip, outputs - skip);
    let count = dice.dims().iter().product::<usize>();
    let mean = sum_axes(dice, &[0, 1, 2, 3, 4]).reshape([1]).div_scalar(count as f64);
    mean.neg() + 1.0
}
