//! Sigmoid cross-entropy per structure, for structures that may overlap.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::term::{Mistake, Outputs, Term, WeightList};
use super::{Batch, per_output, sum_all, top_k};

/// Sigmoid cross-entropy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BinaryCrossEntropy {
    /// Factor of this term.
    pub weight: f64,
    /// Weight per structure. Default: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Weight per structure of the voxels inside it; above 1 favours recall. Default: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_weights: Option<Vec<f64>>,
    /// Label smoothing s: masks become 1 − s/2 inside the structure and s/2 outside.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[serde(skip_serializing_if = "super::is_zero")]
    pub label_smoothing: f64,
    /// Fraction of the values (one per voxel and structure) that are averaged: the largest ones. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k_fraction: Option<f64>,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self { weight: 1.0, class_weights: None, positive_weights: None, label_smoothing: 0.0, top_k_fraction: None }
    }
}

impl Term for BinaryCrossEntropy {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn outputs(&self) -> Outputs {
        Outputs::Independent
    }

    fn weight_lists(&self) -> Vec<WeightList<'_>> {
        let class = self.class_weights.as_deref().map(|weights| ("class-weights", "class", weights));
        let positive = self.positive_weights.as_deref().map(|weights| ("positive-weights", "positive", weights));
        let list = |(key, kind, weights)| WeightList { key, kind, weights };
        class.into_iter().chain(positive).map(list).collect()
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let smoothing = Mistake::label_smoothing(self.label_smoothing);
        smoothing.into_iter().chain(Mistake::top_k_fraction(self.top_k_fraction)).collect()
    }
}

/// Mean over voxels and structures of the binary cross-entropy of `sigmoid(logits)`. Class weights multiply a structure's values, like
/// `weight` of PyTorch's `binary_cross_entropy_with_logits`; positive weights multiply those inside it, like `pos_weight`; smoothing as
/// in Keras. 0 if no voxel is labelled. Shape `[1]`.
pub fn binary_cross_entropy(batch: &Batch, term: &BinaryCrossEntropy) -> Tensor<1> {
    let outputs = batch.outputs();
    let of_other = term.class_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    let positive = term.positive_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    // Because log(1 − p) = log p − logit, smoothing changes the weights of the logarithms and adds a multiple of the logit.
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

/// Term that smoothing adds to the log-likelihood of each value: −half · weight · logit inside the structure, and half · weight ·
/// positive weight · logit outside. `[batch, structures, z, y, x]`.
fn linear(batch: &Batch, half: f64, weights: &[f64], positive: &[f64]) -> Tensor<5> {
    let (truth, device) = (batch.truth.clone(), batch.device());
    let outputs = batch.outputs();
    let factor = |of: Vec<f64>| per_output(&of, &device).reshape([1, outputs, 1, 1, 1]);
    let inside_factor = factor(weights.iter().map(|weight| -half * weight).collect());
    let outside_factor =
        factor(weights.iter().zip(positive).map(|(weight, positive)| half * weight * positive).collect());
    let known = truth.clone().greater_equal_elem(0.0).float();
    let inside = truth.clamp_min(0.0);
    let outside = known - inside.clone();
    batch.logits.clone() * (inside * inside_factor + outside * outside_factor)
}
