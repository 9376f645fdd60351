//! The Tversky index: Dice with weights for what is found wrongly and what is missed.

use burn::tensor::Tensor;

use crate::backend::soft::Sums;

/// Shape of the loss.
#[derive(Clone, Copy, Debug)]
pub struct Tversky {
    /// Weight of voxels found wrongly.
    pub false_positives: f64,
    /// Weight of voxels missed.
    pub false_negatives: f64,
    /// What one minus the index is raised to: below 1, structures that are found badly count more.
    pub exponent: f64,
}

/// The mean over structures (and patches, unless `batch`) of `(1 − (Σpt + s) / (Σpt + α·Σp(1−t) + β·Σ(1−p)t + s))^γ`. Shape `[1]`.
///
/// Source: Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation (2017); with an exponent: Abraham and Khan, A
/// novel focal Tversky loss function (ISBI 2019), whose γ is one over this one.
pub fn soft_tversky(sums: &Sums, shape: Tversky, batch: bool, smooth: f64, skip: usize) -> Tensor<1> {
    let [both, predicted, truth] = super::over_patches(sums, batch);
    let wrong = (predicted - both.clone()).mul_scalar(shape.false_positives);
    let missed = (truth - both.clone()).mul_scalar(shape.false_negatives);
    let away = ((both.clone() + smooth) / (both + wrong + missed + smooth)).neg() + 1.0;
    let powered = match shape.exponent {
        1.0 => away,
        // A root has no slope at 0, where a structure is found without a fault.
        exponent => away.clamp_min(1e-7).powf_scalar(exponent),
    };
    super::mean_from(powered, skip)
}
