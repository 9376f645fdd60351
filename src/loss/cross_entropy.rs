//! Cross-entropy: softmax over classes that exclude each other, or sigmoid per structure.

use burn::tensor::{Tensor, activation};

use super::{per_output, sum_axes};

/// Mean over voxels of −log softmax of the true class; with class weights the weighted mean, as PyTorch's
/// `cross_entropy`. Shape `[1]`.
pub fn softmax(logits: Tensor<5>, one_hot: Tensor<5>, class_weights: Option<&[f64]>) -> Tensor<1> {
    let voxels = one_hot.dims().iter().product::<usize>() / one_hot.dims()[1].max(1);
    let truth = match class_weights {
        Some(weights) => one_hot * per_output(weights, &logits),
        None => one_hot,
    };
    let log_probabilities = activation::log_softmax(logits, 1);
    let sum = sum_axes(truth.clone() * log_probabilities, &[0, 1, 2, 3, 4]).neg().reshape([1]);
    match class_weights {
        Some(_) => sum / sum_axes(truth, &[0, 1, 2, 3, 4]).reshape([1]).clamp_min(f32::MIN_POSITIVE),
        None => sum.div_scalar(voxels as f64),
    }
}

/// Mean over voxels and structures of the binary cross-entropy of `sigmoid(logits)`, computed from the logits so that it
/// stays finite: `max(x, 0) − x·t + log(1 + e^−|x|)`. Shape `[1]`.
pub fn sigmoid(logits: Tensor<5>, masks: Tensor<5>, class_weights: Option<&[f64]>) -> Tensor<1> {
    let elements = logits.dims().iter().product::<usize>();
    let softplus = logits.clone().abs().neg().exp().log1p();
    let values = activation::relu(logits.clone()) - logits.clone() * masks + softplus;
    let values = match class_weights {
        Some(weights) => values * per_output(weights, &logits),
        None => values,
    };
    sum_axes(values, &[0, 1, 2, 3, 4]).reshape([1]).div_scalar(elements as f64)
}
