//! Softmax cross-entropy over mutually exclusive classes.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::term::{Mistake, Outputs, Term, WeightList};
use super::{Batch, per_output, top_k};

/// Lower bound of the sum of voxel weights: far below the weight of any voxel, with a finite reciprocal.
const LEAST: f64 = 1e-12;

/// Softmax cross-entropy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CrossEntropy {
    /// Factor of this term.
    pub weight: f64,
    /// Weight per class: background first, then the structures in order. Default: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Label smoothing: fraction of the target spread evenly over all classes (Szegedy et al. 2016).
    #[schemars(range(min = 0.0, max = 1.0))]
    #[serde(skip_serializing_if = "super::is_zero")]
    pub label_smoothing: f64,
    /// Fraction of voxels that are averaged: those with the largest loss (nnU-Net's TopK: 0.1). Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k_fraction: Option<f64>,
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { weight: 1.0, class_weights: None, label_smoothing: 0.0, top_k_fraction: None }
    }
}

impl Term for CrossEntropy {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn outputs(&self) -> Outputs {
        Outputs::Exclusive
    }

    fn weight_lists(&self) -> Vec<WeightList<'_>> {
        let list = |weights| WeightList { key: "class-weights", kind: "class", weights };
        self.class_weights.as_deref().map(list).into_iter().collect()
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let smoothing = Mistake::label_smoothing(self.label_smoothing);
        smoothing.into_iter().chain(Mistake::top_k_fraction(self.top_k_fraction)).collect()
    }
}

/// Mean over voxels of −log softmax of the true class; with class weights the weighted mean, with smoothing as in PyTorch's
/// `cross_entropy`; with `top-k-fraction` the mean of the largest weighted values, as in nnU-Net's `TopKLoss`. 0 if no voxel is
/// labelled. Shape `[1]`.
pub fn cross_entropy(batch: &Batch, term: &CrossEntropy) -> Tensor<1> {
    let outputs = batch.outputs();
    let weights = term.class_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    let spread = term.label_smoothing / outputs as f64;
    let of_true: Vec<f64> = weights.iter().map(|weight| weight * (1.0 - term.label_smoothing + spread)).collect();
    let of_other: Vec<f64> = weights.iter().map(|weight| weight * spread).collect();
    if let Some(fraction) = term.top_k_fraction {
        return top_k::mean_of_largest(batch, [&of_true, &of_other], None, fraction);
    }
    let (sums, device) = (&batch.sums, batch.device());
    let plain = term.class_weights.is_none() && spread == 0.0;
    let (likelihood, voxels) = match plain {
        true => (sums.log_true.clone(), sums.truth.clone()),
        false => {
            let likelihood = sums.log_true.clone() * per_output(&of_true, &device)
                + sums.log_other.clone() * per_output(&of_other, &device);
            (likelihood, sums.truth.clone() * per_output(&weights, &device))
        }
    };
    likelihood.sum().neg() / voxels.sum().clamp_min(LEAST)
}
