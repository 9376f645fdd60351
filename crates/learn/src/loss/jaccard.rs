//! Soft Jaccard index, the intersection over union.

use burn::tensor::Tensor;

use super::Batch;
use super::overlap::{Counts, Overlap, ratio};

/// The mean over structures (and patches, unless `batch`) of `1 − (Σpt + s) / (Σp + Σt − Σpt + s)`. Shape `[1]`.
///
/// Source: Rahman and Wang, Optimizing Intersection-Over-Union in Deep Neural Networks (ISVC 2016).
pub fn soft_jaccard(batch: &Batch, term: &Overlap) -> Tensor<1> {
    let counts = Counts::new(batch, term.batch, term.background);
    let Counts { both, predicted, truth } = &counts;
    let union = predicted.clone() + truth.clone() - both.clone();
    let index = ratio(both.clone() + term.smooth, union + term.smooth);
    counts.mean(index.neg() + 1.0, term.empty)
}
