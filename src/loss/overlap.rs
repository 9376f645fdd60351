//! What losses of sums over the voxels of each structure share.

use burn::tensor::Tensor;

use super::Batch;
use super::spec::Empty;

/// Denominators are at least this, as nnU-Net's: with `smooth = 0`, nothing found of nothing there is 0 / 0 else.
const LEAST: f64 = 1e-8;

/// Intersection, prediction and truth `[patches or 1, structures]`.
pub struct Counts {
    /// Probability where the structure is.
    pub both: Tensor<2>,
    /// Probability.
    pub predicted: Tensor<2>,
    /// Voxels of the structure.
    pub truth: Tensor<2>,
}

impl Counts {
    /// Of each patch, or `over_batch`; without the background unless it counts.
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

    /// Which structures are there, 0 or 1.
    pub fn present(&self) -> Tensor<2> {
        // Whole numbers of voxels, constant in the logits.
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

/// A ratio whose denominator never vanishes.
pub fn ratio(numerator: Tensor<2>, denominator: Tensor<2>) -> Tensor<2> {
    numerator / denominator.clamp_min(LEAST)
}
