//! From logits to probabilities and to the sums over voxels that losses are made of. On the CPU one pass each way on all
//! threads, which keeps nothing but the logits for the backward pass; elsewhere Burn's operations.

mod extension;
mod kernel;
mod math;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{Tensor, activation};

use extension::SoftBackend;

/// Sums over the voxels of each image, `[batch, channel]`.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Probability where the channel is true.
    pub both: Tensor<2>,
    /// Probability.
    pub predicted: Tensor<2>,
    /// Voxels where the channel is true.
    pub truth: Tensor<2>,
    /// Logarithm of the likelihood: of the true class, in its channel (softmax); of truth and falsehood (sigmoid).
    pub log_likelihood: Tensor<2>,
}

/// The sums for logits `[batch, channel, z, y, x]`.
///
/// `overlapping`: the truth is one mask of 0 and 1 per channel, of the logits' shape, and probabilities are sigmoids. Otherwise
/// it is class numbers `[batch, 1, z, y, x]`, and probabilities are softmaxes over the channels. Only logits get a gradient.
///
/// # Panics
/// The truth has another shape.
pub fn sums(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool) -> Sums {
    if !super::has_own_kernels(&logits) || !super::has_own_kernels(&truth) {
        return sums_by_burn(logits, truth, overlapping);
    }
    let sums = Dispatch::sums(logits.into_dispatch(), truth.into_dispatch(), overlapping);
    let sums = Tensor::<3>::from_dispatch(sums);
    let [both, predicted, truth, log_likelihood] =
        std::array::from_fn(|kind| sums.clone().narrow(0, kind, 1).squeeze_dim::<2>(0));
    Sums { both, predicted, truth, log_likelihood }
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

fn sums_by_burn(logits: Tensor<5>, truth: Tensor<5>, overlapping: bool) -> Sums {
    let channels = logits.dims()[1];
    let over_voxels = |values: Tensor<5>| {
        let [batch, channels, ..] = values.dims();
        [4, 3, 2].iter().fold(values, |values, &axis| values.sum_dim(axis)).reshape([batch, channels])
    };
    if overlapping {
        let probabilities = activation::sigmoid(logits.clone());
        // The logarithm computed from the logits, so that it stays finite: x·t - max(x, 0) - log(1 + e^-|x|).
        let softplus = logits.clone().abs().neg().exp().log1p();
        let likelihood = logits.clone() * truth.clone() - activation::relu(logits) - softplus;
        return Sums {
            both: over_voxels(probabilities.clone() * truth.clone()),
            predicted: over_voxels(probabilities),
            truth: over_voxels(truth),
            log_likelihood: over_voxels(likelihood),
        };
    }
    // Class by class: one comparison of expanded tensors takes Burn's CPU backend many times as long.
    let mask = |class: usize| truth.clone().equal_elem(class as f32).float();
    let truth = Tensor::cat((0..channels).map(mask).collect(), 1);
    let logarithms = activation::log_softmax(logits, 1);
    let probabilities = logarithms.clone().exp();
    Sums {
        both: over_voxels(probabilities.clone() * truth.clone()),
        predicted: over_voxels(probabilities),
        truth: over_voxels(truth.clone()),
        log_likelihood: over_voxels(truth * logarithms),
    }
}
