//! Soft Jaccard index, the intersection over union.

use burn::tensor::Tensor;

use crate::backend::soft::Sums;

/// One minus the mean over structures (and patches, unless `batch`) of `(Σpt + s) / (Σp + Σt − Σpt + s)`. Shape `[1]`.
///
/// Source: Rahman and Wang, Optimizing Intersection-Over-Union in Deep Neural Networks (ISVC 2016).
pub fn soft_jaccard(sums: &Sums, batch: bool, smooth: f64, skip: usize) -> Tensor<1> {
    let [both, predicted, truth] = super::over_patches(sums, batch);
    let index = (both.clone() + smooth) / (predicted + truth - both + smooth);
    super::mean_from(index, skip).neg() + 1.0
}
