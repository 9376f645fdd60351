//! Sums over the voxels of each image and channel, and their gradient.

use rayon::prelude::*;

use super::super::super::isa::{Isa, vectorised};
use super::super::super::math::{exp, ln};
use super::{BLOCK, Block, Images, TASK, Truth, each_task, store_last};

/// Sums per image and channel: probability inside the structure, probability, truth, log-probability inside, log-likelihood outside
/// (softmax: also the log-probability; sigmoid: the logarithm of one minus the probability), labelled voxels.
pub const SUMS: usize = 6;

/// Independent partial sums.
const LANES: usize = 16;

/// Running sums of one channel.
type Sums = [[f32; LANES]; SUMS];

/// The [`SUMS`] of every image and channel, `[sum, image, channel]`.
pub fn sums(isa: Isa, logits: Images, truth: Truth) -> Vec<f32> {
    let (images, channels) = (logits.count(), logits.channels);
    let tasks = logits.tasks();
    let task = |&(image, start): &(usize, usize)| {
        let mut sums = vec![[[0.0; LANES]; SUMS]; channels];
        let mut block = Block::new(channels);
        for first in (start..(start + TASK).min(logits.voxels)).step_by(BLOCK) {
            block.load_with(isa, logits, truth, image, first);
            match truth.exclude_each_other() {
                true => add_classes(isa, &block, &mut sums),
                false => add_masks(isa, &block, &mut sums),
            }
        }
        sums
    };
    let parts: Vec<_> = tasks.par_iter().map(task).collect();
    let mut totals = vec![0.0f64; SUMS * images * channels];
    for ((image, _), part) in tasks.iter().zip(&parts) {
        for (channel, sums) in part.iter().enumerate() {
            for (kind, lanes) in sums.iter().enumerate() {
                let sum: f64 = lanes.iter().map(|lane| f64::from(*lane)).sum();
                totals[(kind * images + image) * channels + channel] += sum;
            }
        }
    }
    totals.into_iter().map(|total| total as f32).collect()
}

/// The gradient of the logits `[image, voxel, channel]`, from that of the [`sums`].
pub fn gradient(isa: Isa, logits: Images, truth: Truth, of_sums: &[f32], output: &mut [f32]) {
    let (images, channels) = (logits.count(), logits.channels);
    let at = |kind: usize, image: usize| &of_sums[(kind * images + image) * channels..][..channels];
    let tasks = logits.tasks();
    each_task(output, channels, logits.voxels).zip(&tasks).for_each(|(output, &(image, start))| {
        let factors = [0, 1, 3, 4].map(|kind| at(kind, image));
        let mut block = Block::new(channels);
        for (output, first) in output.chunks_mut(BLOCK * channels).zip((start..).step_by(BLOCK)) {
            block.load_with(isa, logits, truth, image, first);
            match truth.exclude_each_other() {
                true => class_gradient(isa, &mut block, factors),
                false => mask_gradient(isa, &mut block, factors),
            }
            store_last(&block.logits, output);
        }
    });
}

vectorised! {
    /// Adds a block's sums for mutually exclusive classes.
    fn add_classes(block: &Block, sums: &mut [Sums]) {
        let rows = block.logits.iter().zip(&block.probabilities).zip(&block.truth).zip(&block.known);
        for ((((logits, probabilities), truth), known), sums) in rows.zip(sums) {
            let [both, predicted, real, of_true, of_other, counted] = sums;
            for start in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let i = start + lane;
                    let logarithm = logits[i] - block.norm[i];
                    both[lane] += truth[i] * probabilities[i];
                    predicted[lane] += known[i] * probabilities[i];
                    real[lane] += truth[i];
                    of_true[lane] += truth[i] * logarithm;
                    of_other[lane] += (known[i] - truth[i]) * logarithm;
                    counted[lane] += known[i];
                }
            }
        }
    }
}

vectorised! {
    /// Adds a block's sums for channels that may overlap.
    fn add_masks(block: &Block, sums: &mut [Sums]) {
        let rows = block.logits.iter().zip(&block.probabilities).zip(&block.truth).zip(&block.known);
        for ((((logits, probabilities), truth), known), sums) in rows.zip(sums) {
            let [both, predicted, real, of_true, of_other, counted] = sums;
            for start in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let i = start + lane;
                    let x = logits[i];
                    let positive = if x > 0.0 { x } else { 0.0 };
                    let softplus = ln(1.0 + exp(-x.abs()));
                    both[lane] += truth[i] * probabilities[i];
                    predicted[lane] += known[i] * probabilities[i];
                    real[lane] += truth[i];
                    of_true[lane] += truth[i] * (x - positive - softplus);
                    of_other[lane] -= (known[i] - truth[i]) * (positive + softplus);
                    counted[lane] += known[i];
                }
            }
        }
    }
}

vectorised! {
    /// Replaces the logits by `p (s - Σ s p - Σ a) + a`, with `s = t · factor of both + k · factor of predicted` and `a` the factors of
    /// the logarithms inside and outside the structure.
    fn class_gradient(block: &mut Block, factors: [&[f32]; 4]) {
        let [both, predicted, of_true, of_other] = factors;
        let (mut mean, mut total) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (channel, ((p, t), k)) in block.probabilities.iter().zip(&block.truth).zip(&block.known).enumerate() {
            for i in 0..BLOCK {
                mean[i] += (t[i] * both[channel] + k[i] * predicted[channel]) * p[i];
                total[i] += t[i] * of_true[channel] + (k[i] - t[i]) * of_other[channel];
            }
        }
        let rows = block.probabilities.iter().zip(&block.truth).zip(&block.known).zip(&mut block.logits);
        for (channel, (((p, t), k), result)) in rows.enumerate() {
            for i in 0..BLOCK {
                let slope = t[i] * both[channel] + k[i] * predicted[channel];
                let own = t[i] * of_true[channel] + (k[i] - t[i]) * of_other[channel];
                result[i] = p[i] * (slope - mean[i] - total[i]) + own;
            }
        }
    }
}

vectorised! {
    /// Replaces the logits by `s p (1 - p) + l t (1 - p) - m (k - t) p`, channel by channel, with `l` and `m` the factors of the
    /// logarithms inside and outside the structure.
    fn mask_gradient(block: &mut Block, factors: [&[f32]; 4]) {
        let [both, predicted, of_true, of_other] = factors;
        let rows = block.probabilities.iter().zip(&block.truth).zip(&block.known).zip(&mut block.logits);
        for (channel, (((p, t), k), result)) in rows.enumerate() {
            for i in 0..BLOCK {
                let slope = t[i] * both[channel] + k[i] * predicted[channel];
                let likelihood = of_true[channel] * t[i] * (1.0 - p[i]) - of_other[channel] * (k[i] - t[i]) * p[i];
                result[i] = slope * p[i] * (1.0 - p[i]) + likelihood;
            }
        }
    }
}
