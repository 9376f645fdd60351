//! Cross-entropy: softmax over classes that exclude each other, or sigmoid per structure.

use burn::tensor::Tensor;

use super::{Batch, per_output};

/// Mean over voxels of −log softmax of the true class; with class weights the weighted mean, as PyTorch's
/// `cross_entropy`. Shape `[1]`.
pub fn softmax(batch: &Batch, class_weights: Option<&[f64]>) -> Tensor<1> {
    let likelihood = batch.sums.log_likelihood.clone();
    match class_weights {
        Some(weights) => {
            let weights = per_output(weights, &likelihood.device());
            let voxels = (batch.sums.truth.clone() * weights.clone()).sum();
            (likelihood * weights).sum().neg() / voxels.clamp_min(f32::MIN_POSITIVE)
        }
        None => likelihood.sum().div_scalar(-(batch.voxels as f64)),
    }
}

/// Mean over voxels and structures of the binary cross-entropy of `sigmoid(logits)`; class weights multiply their structure's
/// values, as `weight` of PyTorch's `binary_cross_entropy_with_logits`. Shape `[1]`.
pub fn sigmoid(batch: &Batch, class_weights: Option<&[f64]>) -> Tensor<1> {
    let likelihood = batch.sums.log_likelihood.clone();
    let elements = batch.voxels * likelihood.dims()[1];
    let likelihood = match class_weights {
        Some(weights) => {
            let weights = per_output(weights, &likelihood.device());
            likelihood * weights
        }
        None => likelihood,
    };
    likelihood.sum().div_scalar(-(elements as f64))
}
