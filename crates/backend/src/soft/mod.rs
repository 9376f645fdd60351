//! From logits to probabilities, and to the sums over voxels that losses are computed from. On the CPU one pass forward and one
//! backward on all threads, which keeps only the logits for the backward pass; elsewhere Burn's operations.

mod extension;
mod kernel;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{Device, Tensor, TensorData, activation};

use extension::SoftBackend;

/// Sums over the labelled voxels of each image, `[batch, channel]`.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Probability inside the structure.
    pub both: Tensor<2>,
    /// Probability.
    pub predicted: Tensor<2>,
    /// Voxels inside the structure; without a gradient.
    pub truth: Tensor<2>,
    /// Log-probability inside the structure.
    pub log_true: Tensor<2>,
    /// Outside the structure: logarithm of the probability (softmax), or of one minus it (sigmoid).
    pub log_other: Tensor<2>,
    /// Labelled voxels; without a gradient.
    pub known: Tensor<2>,
}

/// The sums for logits `[batch, channel, z, y, x]`.
///
/// `overlapping`: the truth is one mask of 0 and 1 per channel, of the logits' shape, and probabilities are sigmoids. Otherwise
/// it is class numbers `[batch, 1, z, y, x]`, and probabilities are softmaxes over the channels. Voxels with a negative truth are
/// unlabelled and count in no sum. Only logits get a gradient.
///
/// # Panics
/// The truth has another shape.
pub fn sums(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool) -> Sums {
    if !super::has_own_kernels(&logits) || !super::has_own_kernels(&truth) {
        return sums_by_burn(logits, truth, overlapping);
    }
    let sums = Dispatch::sums(logits.into_dispatch(), truth.into_dispatch(), overlapping);
    let sums = Tensor::<3>::from_dispatch(sums);
    let [both, predicted, truth, log_true, log_other, known] =
        std::array::from_fn(|kind| sums.clone().narrow(0, kind, 1).squeeze_dim::<2>(0));
    Sums { both, predicted, truth: truth.detach(), log_true, log_other, known: known.detach() }
}

/// Weighted log-likelihoods, voxel by voxel: for classes `Σ w log p` over the channels, `[batch, 1, z, y, x]`; where structures overlap
/// `w log p` or `w log (1 - p)` of each channel, of the logits' shape. `weights` per channel: inside and outside its structure. 0 for
/// unlabelled voxels. Logits and truth as for [`sums`].
///
/// # Panics
/// The truth has another shape, or weights are missing.
pub fn likelihoods(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool, weights: [&[f64]; 2]) -> Tensor<5> {
    let weights = rows(weights, &logits.device());
    if !super::has_own_kernels(&logits) || !super::has_own_kernels(&truth) {
        return likelihoods_by_burn(logits, truth, overlapping, weights);
    }
    let (logits, truth, weights) = (logits.into_dispatch(), truth.into_dispatch(), weights.into_dispatch());
    Tensor::from_dispatch(Dispatch::likelihoods(logits, truth, weights, overlapping))
}

/// Weights as `[2, channel]`.
fn rows([of_true, of_other]: [&[f64]; 2], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = of_true.iter().chain(of_other).map(|weight| *weight as f32).collect();
    Tensor::from_data(TensorData::new(values, [2, of_true.len()]), device)
}

/// Softmax over the channels of logits `[batch, channel, z, y, x]`, or sigmoids if structures overlap; without a gradient.
pub fn probabilities(logits: Tensor<5>, overlapping: bool) -> Tensor<5> {
    if super::has_own_kernels(&logits) {
        return Tensor::from_dispatch(Dispatch::probabilities(logits.into_dispatch(), overlapping));
    }
    match overlapping {
        true => activation::sigmoid(logits),
        false => activation::softmax(logits, 1),
    }
}

/// Truth and labelled mask, 0 or 1 for every channel; log-likelihoods inside and outside the structure.
struct Parts {
    truth: Tensor<5>,
    known: Tensor<5>,
    probabilities: Tensor<5>,
    log_true: Tensor<5>,
    log_other: Tensor<5>,
}

fn parts(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool) -> Parts {
    let known = truth.clone().greater_equal_elem(0.0).float();
    if overlapping {
        let probabilities = activation::sigmoid(logits.clone());
        // Logarithms from the logits, so that they stay finite: ±x - max(±x, 0) - log(1 + e^-|x|).
        let softplus = logits.clone().abs().neg().exp().log1p();
        let log_other = activation::relu(logits.clone()).neg() - softplus;
        let log_true = logits + log_other.clone();
        return Parts { truth: truth.clamp_min(0.0), known, probabilities, log_true, log_other };
    }
    let channels = logits.dims()[1];
    // Class by class: comparing expanded tensors takes many times as long on Burn's CPU backend.
    let mask = |class: usize| truth.clone().equal_elem(class as f32).float();
    let truth = Tensor::cat((0..channels).map(mask).collect(), 1);
    let known = Tensor::cat(vec![known; channels], 1);
    let logarithms = activation::log_softmax(logits, 1);
    let probabilities = logarithms.clone().exp();
    Parts { truth, known, probabilities, log_true: logarithms.clone(), log_other: logarithms }
}

fn sums_by_burn(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool) -> Sums {
    let over_voxels = |values: Tensor<5>| {
        let [batch, channels, ..] = values.dims();
        [4, 3, 2].iter().fold(values, |values, &axis| values.sum_dim(axis)).reshape([batch, channels])
    };
    let Parts { truth, known, probabilities, log_true, log_other } = parts(logits, truth, overlapping);
    Sums {
        both: over_voxels(probabilities.clone() * truth.clone()),
        predicted: over_voxels(probabilities * known.clone()),
        truth: over_voxels(truth.clone()),
        log_true: over_voxels(log_true * truth.clone()),
        log_other: over_voxels(log_other * (known.clone() - truth)),
        known: over_voxels(known),
    }
}

fn likelihoods_by_burn(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool, weights: Tensor<2>) -> Tensor<5> {
    let channels = logits.dims()[1];
    let Parts { truth, known, log_true, log_other, .. } = parts(logits, truth, overlapping);
    let row = |index: usize| weights.clone().narrow(0, index, 1).reshape([1, channels, 1, 1, 1]);
    let values = log_true * truth.clone() * row(0) + log_other * (known - truth) * row(1);
    if overlapping { values } else { values.sum_dim(1) }
}
