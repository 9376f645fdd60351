//! Sigmoid cross-entropy per structure, for structures that may overlap.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, per_output, sum_all, top_k};

/// Sigmoid cross-entropy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BinaryCrossEntropy {
    /// Factor of this term.
    pub weight: f64,
    /// Weight per structure. Left out: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Weight per structure of the voxels that belong to it: more than 1 favours recall. Left out: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_weights: Option<Vec<f64>>,
    /// Part of the truth that is spread evenly over there and not there: masks become 1 − half of it, and half of it.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[serde(skip_serializing_if = "super::is_zero")]
    pub label_smoothing: f64,
    /// Count only this part of all values, the largest ones. Left out: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k_fraction: Option<f64>,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self { weight: 1.0, class_weights: None, positive_weights: None, label_smoothing: 0.0, top_k_fraction: None }
    }
}

/// Mean over voxels and structures of the binary cross-entropy of `sigmoid(logits)`; class weights multiply their structure's values,
/// as `weight` of PyTorch's `binary_cross_entropy_with_logits`, positive weights those of its voxels, as `pos_weight`; smoothing is that
/// of Keras. 0 where no voxel is known. Shape `[1]`.
pub fn binary_cross_entropy(batch: &Batch, term: &BinaryCrossEntropy) -> Tensor<1> {
    let outputs = batch.outputs();
    let of_other = term.class_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    let positive = term.positive_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    // With log(1 − p) = log p − logit, a smoothed truth weighs the logarithms otherwise and adds a part of the logit itself.
    let half = term.label_smoothing / 2.0;
    let both = of_other.iter().zip(&positive);
    let of_true: Vec<f64> = both.clone().map(|(weight, positive)| weight * ((1.0 - half) * positive + half)).collect();
    let of_false: Vec<f64> = both.map(|(weight, positive)| weight * (1.0 - half + half * positive)).collect();
    let linear = (half > 0.0).then(|| linear(batch, half, &of_other, &positive));
    if let Some(fraction) = term.top_k_fraction {
        return top_k::mean_of_largest(batch, [&of_true, &of_false], linear, fraction);
    }
    let (sums, device) = (&batch.sums, batch.device());
    let likelihood =
        sums.log_true.clone() * per_output(&of_true, &device) + sums.log_other.clone() * per_output(&of_false, &device);
    let likelihood = likelihood.sum();
    let likelihood = match linear {
        Some(linear) => likelihood + sum_all(linear),
        None => likelihood,
    };
    likelihood.neg() / sums.known.clone().sum().clamp_min(1.0)
}

/// What smoothing adds to the likelihood of each value: −half · weight · logit where the structure is, and half · weight · positive
/// weight · logit where it is not. `[batch, structures, z, y, x]`.
fn linear(batch: &Batch, half: f64, weights: &[f64], positive: &[f64]) -> Tensor<5> {
    let (truth, device) = (batch.truth.clone(), batch.device());
    let outputs = batch.outputs();
    let factor = |of: Vec<f64>| per_output(&of, &device).reshape([1, outputs, 1, 1, 1]);
    let there = factor(weights.iter().map(|weight| -half * weight).collect());
    let not_there = factor(weights.iter().zip(positive).map(|(weight, positive)| half * weight * positive).collect());
    let known = truth.clone().greater_equal_elem(0.0).float();
    let is = truth.clamp_min(0.0);
    let is_not = known - is.clone();
    batch.logits.clone() * (is * there + is_not * not_there)
}
