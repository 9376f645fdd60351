//! Sigmoid cross-entropy per structure, for structures that may overlap.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, per_output, top_k};

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
    /// Count only this part of all values, the largest ones. Left out: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k_fraction: Option<f64>,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self { weight: 1.0, class_weights: None, positive_weights: None, top_k_fraction: None }
    }
}

/// Mean over voxels and structures of the binary cross-entropy of `sigmoid(logits)`; class weights multiply their structure's values,
/// as `weight` of PyTorch's `binary_cross_entropy_with_logits`, positive weights those of its voxels, as `pos_weight`. 0 where no voxel
/// is known. Shape `[1]`.
pub fn binary_cross_entropy(batch: &Batch, term: &BinaryCrossEntropy) -> Tensor<1> {
    let outputs = batch.outputs();
    let of_other = term.class_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    let positive = term.positive_weights.clone().unwrap_or_else(|| vec![1.0; outputs]);
    let of_true: Vec<f64> = of_other.iter().zip(&positive).map(|(weight, positive)| weight * positive).collect();
    if let Some(fraction) = term.top_k_fraction {
        return top_k::mean_of_largest(batch, [&of_true, &of_other], fraction);
    }
    let (sums, device) = (&batch.sums, batch.device());
    let likelihood =
        sums.log_true.clone() * per_output(&of_true, &device) + sums.log_other.clone() * per_output(&of_other, &device);
    likelihood.sum().neg() / sums.known.clone().sum().clamp_min(1.0)
}
