//! The passes over logits. They work on blocks of voxels, channel by channel, so that both orders of the values, any number of
//! channels, softmax and sigmoid share one way.

use rayon::prelude::*;

use super::super::isa::{Isa, vectorised};
use super::math::{exp, ln};

/// Voxels of a block.
const BLOCK: usize = 64;

/// Sums that run beside each other.
const LANES: usize = 16;

/// Voxels of a task, a multiple of the block. A constant, because the order of summation must not depend on the machine.
const TASK: usize = 64 * BLOCK;

/// Sums per image and channel: probability where true, probability, truth, logarithm of the likelihood.
pub const SUMS: usize = 4;

/// Voxels of one channel.
type Row = [f32; BLOCK];

/// Running sums of one channel.
type Sums = [[f32; LANES]; SUMS];

/// How values lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// `[image, channel, voxel]`
    ChannelsFirst,
    /// `[image, voxel, channel]`
    ChannelsLast,
}

/// Images with some channels.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    /// All values.
    pub values: &'a [f32],
    /// How they lie.
    pub order: Order,
    /// Channels of a voxel.
    pub channels: usize,
    /// Voxels of an image.
    pub voxels: usize,
}

/// What is true.
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    /// The class of each voxel `[image, voxel]`; classes exclude each other: softmax.
    Classes(&'a [f32]),
    /// 0 or 1 for every channel; channels may overlap: sigmoid.
    Masks(Images<'a>),
}

impl Images<'_> {
    /// Number of images.
    pub fn count(&self) -> usize {
        self.values.len() / (self.channels * self.voxels).max(1)
    }

    /// Image and first voxel of every task.
    fn tasks(&self) -> Vec<(usize, usize)> {
        let of_image = |image| (0..self.voxels).step_by(TASK).map(move |first| (image, first));
        (0..self.count()).flat_map(of_image).collect()
    }

    /// The block from voxel `first` on; zeros behind its end.
    fn load(&self, image: usize, first: usize, rows: &mut [Row]) -> usize {
        let count = BLOCK.min(self.voxels - first);
        match self.order {
            Order::ChannelsFirst => {
                for (channel, row) in rows.iter_mut().enumerate() {
                    let start = (image * self.channels + channel) * self.voxels + first;
                    row[..count].copy_from_slice(&self.values[start..start + count]);
                    row[count..].fill(0.0);
                }
            }
            Order::ChannelsLast => {
                let start = (image * self.voxels + first) * self.channels;
                let voxels = &self.values[start..start + count * self.channels];
                for (channel, row) in rows.iter_mut().enumerate() {
                    for (target, value) in row.iter_mut().zip(voxels.iter().skip(channel).step_by(self.channels)) {
                        *target = *value;
                    }
                    row[count..].fill(0.0);
                }
            }
        }
        count
    }
}

impl Truth<'_> {
    /// The block from voxel `first` on, 0 or 1 for every channel; zeros behind its end.
    fn load(&self, image: usize, first: usize, voxels: usize, rows: &mut [Row]) {
        match self {
            Self::Masks(masks) => {
                masks.load(image, first, rows);
            }
            Self::Classes(classes) => {
                let classes = &classes[image * voxels + first..(image + 1) * voxels];
                let mut block = [-1.0; BLOCK];
                for (target, class) in block.iter_mut().zip(classes) {
                    *target = *class;
                }
                for (class, row) in rows.iter_mut().enumerate() {
                    for (target, value) in row.iter_mut().zip(&block) {
                        *target = if *value == class as f32 { 1.0 } else { 0.0 };
                    }
                }
            }
        }
    }

    fn exclude_each_other(&self) -> bool {
        matches!(self, Self::Classes(_))
    }
}

/// Room for one block.
struct Block {
    logits: Vec<Row>,
    probabilities: Vec<Row>,
    truth: Vec<Row>,
    /// Logarithm of the sum of the exponentials.
    norm: Row,
    /// 1 for the voxels of the image, 0 behind its end.
    inside: Row,
}

impl Block {
    fn new(channels: usize) -> Self {
        let rows = || vec![[0.0; BLOCK]; channels];
        Self { logits: rows(), probabilities: rows(), truth: rows(), norm: [0.0; BLOCK], inside: [0.0; BLOCK] }
    }

    /// Reads logits and makes probabilities of them.
    fn load(&mut self, isa: Isa, logits: Images, image: usize, first: usize, exclude_each_other: bool) -> usize {
        let count = logits.load(image, first, &mut self.logits);
        self.inside[..count].fill(1.0);
        self.inside[count..].fill(0.0);
        match exclude_each_other {
            true => softmax(isa, &self.logits, &mut self.probabilities, &mut self.norm),
            false => sigmoid(isa, &self.logits, &mut self.probabilities),
        }
        count
    }
}

/// The [`SUMS`] of every image and channel, `[sum, image, channel]`.
pub fn sums(isa: Isa, logits: Images, truth: Truth) -> Vec<f32> {
    let (images, channels) = (logits.count(), logits.channels);
    let tasks = logits.tasks();
    let task = |&(image, start): &(usize, usize)| {
        let mut sums = vec![[[0.0; LANES]; SUMS]; channels];
        let mut block = Block::new(channels);
        for first in (start..(start + TASK).min(logits.voxels)).step_by(BLOCK) {
            block.load(isa, logits, image, first, truth.exclude_each_other());
            truth.load(image, first, logits.voxels, &mut block.truth);
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
        let factors = [at(0, image), at(1, image), at(3, image)];
        let mut block = Block::new(channels);
        for (output, first) in output.chunks_mut(BLOCK * channels).zip((start..).step_by(BLOCK)) {
            block.load(isa, logits, image, first, truth.exclude_each_other());
            truth.load(image, first, logits.voxels, &mut block.truth);
            let Block { probabilities, truth: one_hot, logits: result, .. } = &mut block;
            match truth.exclude_each_other() {
                true => class_gradient(isa, probabilities, one_hot, factors, result),
                false => mask_gradient(isa, probabilities, one_hot, factors, result),
            }
            store_last(result, output);
        }
    });
}

/// Probabilities of logits, `[image, channel, voxel]`.
pub fn probabilities(isa: Isa, logits: Images, exclude_each_other: bool, output: &mut [f32]) {
    let (channels, voxels) = (logits.channels, logits.voxels);
    output.par_chunks_mut((channels * voxels).max(1)).enumerate().for_each(|(image, output)| {
        let starts: Vec<usize> = (0..voxels).step_by(TASK).collect();
        // Each task owns a piece of every channel.
        let mut pieces: Vec<Vec<&mut [f32]>> = starts.iter().map(|_| Vec::with_capacity(channels)).collect();
        for channel in output.chunks_mut(voxels.max(1)) {
            for (pieces, piece) in pieces.iter_mut().zip(channel.chunks_mut(TASK)) {
                pieces.push(piece);
            }
        }
        pieces.par_iter_mut().zip(&starts).for_each(|(pieces, &start)| {
            let mut block = Block::new(channels);
            for first in (start..(start + TASK).min(voxels)).step_by(BLOCK) {
                let count = block.load(isa, logits, image, first, exclude_each_other);
                for (piece, row) in pieces.iter_mut().zip(&block.probabilities) {
                    piece[first - start..][..count].copy_from_slice(&row[..count]);
                }
            }
        });
    });
}

/// The values of every task, channels last.
fn each_task(output: &mut [f32], channels: usize, voxels: usize) -> impl IndexedParallelIterator<Item = &mut [f32]> {
    let images = output.chunks_mut((channels * voxels).max(1));
    let tasks: Vec<_> = images.flat_map(|image| image.chunks_mut(TASK * channels)).collect();
    tasks.into_par_iter()
}

fn store_last(rows: &[Row], output: &mut [f32]) {
    for (channel, row) in rows.iter().enumerate() {
        for (target, value) in output.iter_mut().skip(channel).step_by(rows.len()).zip(row) {
            *target = *value;
        }
    }
}

vectorised! {
    /// Probabilities that add to one over the channels, and the logarithm of the sum of the exponentials.
    fn softmax(logits: &[Row], probabilities: &mut [Row], norm: &mut Row) {
        let mut largest = [f32::NEG_INFINITY; BLOCK];
        for row in logits {
            for (largest, value) in largest.iter_mut().zip(row) {
                *largest = if *value > *largest { *value } else { *largest };
            }
        }
        let mut sum = [0.0; BLOCK];
        for (row, target) in logits.iter().zip(probabilities.iter_mut()) {
            for i in 0..BLOCK {
                target[i] = exp(row[i] - largest[i]);
                sum[i] += target[i];
            }
        }
        for i in 0..BLOCK {
            norm[i] = largest[i] + ln(sum[i]);
            sum[i] = 1.0 / sum[i];
        }
        for row in probabilities {
            for (value, factor) in row.iter_mut().zip(&sum) {
                *value *= factor;
            }
        }
    }
}

vectorised! {
    /// `1 / (1 + e^-x)`.
    fn sigmoid(logits: &[Row], probabilities: &mut [Row]) {
        for (row, target) in logits.iter().zip(probabilities) {
            for i in 0..BLOCK {
                let small = exp(-row[i].abs());
                let numerator = if row[i] < 0.0 { small } else { 1.0 };
                target[i] = numerator / (1.0 + small);
            }
        }
    }
}

vectorised! {
    /// Adds a block's sums for classes that exclude each other.
    fn add_classes(block: &Block, sums: &mut [Sums]) {
        let rows = block.logits.iter().zip(&block.probabilities).zip(&block.truth);
        for (((logits, probabilities), truth), [both, predicted, real, likelihood]) in rows.zip(sums) {
            for start in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let i = start + lane;
                    both[lane] += truth[i] * probabilities[i];
                    predicted[lane] += block.inside[i] * probabilities[i];
                    real[lane] += truth[i];
                    likelihood[lane] += truth[i] * (logits[i] - block.norm[i]);
                }
            }
        }
    }
}

vectorised! {
    /// Adds a block's sums for channels that may overlap.
    fn add_masks(block: &Block, sums: &mut [Sums]) {
        let rows = block.logits.iter().zip(&block.probabilities).zip(&block.truth);
        for (((logits, probabilities), truth), [both, predicted, real, likelihood]) in rows.zip(sums) {
            for start in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let i = start + lane;
                    let x = logits[i];
                    let positive = if x > 0.0 { x } else { 0.0 };
                    both[lane] += truth[i] * probabilities[i];
                    predicted[lane] += block.inside[i] * probabilities[i];
                    real[lane] += truth[i];
                    likelihood[lane] += block.inside[i] * (truth[i] * x - positive - ln(1.0 + exp(-x.abs())));
                }
            }
        }
    }
}

vectorised! {
    /// `p (a - Σ a p) + l (t - p)` with `a = t · factor of both + factor of predicted` and `l` the true class' factor of the likelihood.
    fn class_gradient(probabilities: &[Row], truth: &[Row], factors: [&[f32]; 3], result: &mut [Row]) {
        let [both, predicted, likelihood] = factors;
        let (mut mean, mut of_true) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (channel, (p, t)) in probabilities.iter().zip(truth).enumerate() {
            for i in 0..BLOCK {
                mean[i] += (t[i] * both[channel] + predicted[channel]) * p[i];
                of_true[i] += t[i] * likelihood[channel];
            }
        }
        for (channel, ((p, t), result)) in probabilities.iter().zip(truth).zip(result).enumerate() {
            for i in 0..BLOCK {
                let slope = t[i] * both[channel] + predicted[channel];
                result[i] = p[i] * (slope - mean[i] - of_true[i]) + t[i] * of_true[i];
            }
        }
    }
}

vectorised! {
    /// `a p (1 - p) + l (t - p)`, channel by channel.
    fn mask_gradient(probabilities: &[Row], truth: &[Row], factors: [&[f32]; 3], result: &mut [Row]) {
        let [both, predicted, likelihood] = factors;
        for (channel, ((p, t), result)) in probabilities.iter().zip(truth).zip(result).enumerate() {
            for i in 0..BLOCK {
                let slope = t[i] * both[channel] + predicted[channel];
                result[i] = slope * p[i] * (1.0 - p[i]) + likelihood[channel] * (t[i] - p[i]);
            }
        }
    }
}
