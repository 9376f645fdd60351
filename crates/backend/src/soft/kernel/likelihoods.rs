//! Weighted log-likelihoods, voxel by voxel, and their gradient.

use rayon::prelude::*;

use super::super::super::isa::{Isa, vectorised};
use super::super::super::math::{exp, ln};
use super::{BLOCK, Block, Images, Piece, Row, TASK, Truth, each_task, pieces, store_last, store_planes};

/// `Σ w log p` of every voxel `[image, voxel]` for mutually exclusive classes. For channels that may overlap, of every channel
/// `[image, channel, voxel]`, with one minus the probability outside its structure. `weights` of each channel: inside and outside.
pub fn likelihoods(isa: Isa, logits: Images, truth: Truth, weights: [&[f32]; 2], output: &mut [f32]) {
    let planes = if truth.exclude_each_other() { 1 } else { logits.channels };
    pieces(output, planes, logits.voxels).par_iter_mut().for_each(|Piece { image, start, planes }| {
        let mut block = Block::new(logits.channels);
        for first in (*start..(*start + TASK).min(logits.voxels)).step_by(BLOCK) {
            let count = block.load_with(isa, logits, truth, *image, first);
            match truth.exclude_each_other() {
                true => of_classes(isa, &mut block, weights),
                false => of_masks(isa, &mut block, weights),
            }
            store_planes(&block.logits, planes, first - *start, count);
        }
    });
}

/// The gradient of the logits `[image, voxel, channel]`, from that of the [`likelihoods`].
pub fn likelihood_gradient(
    isa: Isa,
    logits: Images,
    truth: Truth,
    weights: [&[f32]; 2],
    of_likelihoods: Images,
    output: &mut [f32],
) {
    let channels = logits.channels;
    let tasks = logits.tasks();
    each_task(output, channels, logits.voxels).zip(&tasks).for_each(|(output, &(image, start))| {
        let mut block = Block::new(channels);
        let mut slopes: Vec<Row> = vec![[0.0; BLOCK]; of_likelihoods.channels];
        for (output, first) in output.chunks_mut(BLOCK * channels).zip((start..).step_by(BLOCK)) {
            block.load_with(isa, logits, truth, image, first);
            of_likelihoods.load(image, first, &mut slopes);
            match truth.exclude_each_other() {
                true => class_gradient(isa, &mut block, weights, &slopes[0]),
                false => mask_gradient(isa, &mut block, weights, &slopes),
            }
            store_last(&block.logits, output);
        }
    });
}

vectorised! {
    /// Leaves the sum over the channels in the first row of the logits.
    fn of_classes(block: &mut Block, weights: [&[f32]; 2]) {
        let [of_true, of_other] = weights;
        let mut sum = [0.0; BLOCK];
        for (channel, ((x, t), k)) in block.logits.iter().zip(&block.truth).zip(&block.known).enumerate() {
            for i in 0..BLOCK {
                let weight = t[i] * of_true[channel] + (k[i] - t[i]) * of_other[channel];
                sum[i] += weight * (x[i] - block.norm[i]);
            }
        }
        block.logits[0] = sum;
    }
}

vectorised! {
    /// Replaces the logits, channel by channel.
    fn of_masks(block: &mut Block, weights: [&[f32]; 2]) {
        let [of_true, of_other] = weights;
        for (channel, ((row, t), k)) in block.logits.iter_mut().zip(&block.truth).zip(&block.known).enumerate() {
            for i in 0..BLOCK {
                let x = row[i];
                let positive = if x > 0.0 { x } else { 0.0 };
                let softplus = ln(1.0 + exp(-x.abs()));
                let other = of_other[channel] * (k[i] - t[i]) * (positive + softplus);
                row[i] = of_true[channel] * t[i] * (x - positive - softplus) - other;
            }
        }
    }
}

vectorised! {
    /// `g (w - p Σ w)` in place of the logits.
    fn class_gradient(block: &mut Block, weights: [&[f32]; 2], slopes: &Row) {
        let [of_true, of_other] = weights;
        let mut total = [0.0; BLOCK];
        for (channel, (t, k)) in block.truth.iter().zip(&block.known).enumerate() {
            for i in 0..BLOCK {
                total[i] += t[i] * of_true[channel] + (k[i] - t[i]) * of_other[channel];
            }
        }
        let rows = block.probabilities.iter().zip(&block.truth).zip(&block.known).zip(&mut block.logits);
        for (channel, (((p, t), k), result)) in rows.enumerate() {
            for i in 0..BLOCK {
                let weight = t[i] * of_true[channel] + (k[i] - t[i]) * of_other[channel];
                result[i] = slopes[i] * (weight - p[i] * total[i]);
            }
        }
    }
}

vectorised! {
    /// `g (w t (1 - p) - v (k - t) p)` in place of the logits, channel by channel.
    fn mask_gradient(block: &mut Block, weights: [&[f32]; 2], slopes: &[Row]) {
        let [of_true, of_other] = weights;
        let rows = block.probabilities.iter().zip(&block.truth).zip(&block.known).zip(&mut block.logits).zip(slopes);
        for (channel, ((((p, t), k), result), slope)) in rows.enumerate() {
            for i in 0..BLOCK {
                let own = of_true[channel] * t[i] * (1.0 - p[i]) - of_other[channel] * (k[i] - t[i]) * p[i];
                result[i] = slope[i] * own;
            }
        }
    }
}
