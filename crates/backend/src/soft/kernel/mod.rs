//! The kernels over logits. They work on blocks of voxels, channel by channel, so that both memory layouts, any number of channels,
//! softmax and sigmoid share the same code.

mod likelihoods;
mod sums;

use rayon::prelude::*;

use super::super::isa::{Isa, vectorised};
use super::super::math::{exp, ln};

pub use likelihoods::{likelihood_gradient, likelihoods};
pub use sums::{SUMS, gradient, sums};

/// Voxels per block.
const BLOCK: usize = 64;

/// Voxels per task, a multiple of the block. A constant, because the order of summation must not depend on the machine.
const TASK: usize = 64 * BLOCK;

/// Voxels of one channel.
type Row = [f32; BLOCK];

/// Memory layout.
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
    /// Their layout.
    pub order: Order,
    /// Channels per voxel.
    pub channels: usize,
    /// Voxels per image.
    pub voxels: usize,
}

/// The truth. Negative values stand for unlabelled voxels, which count nowhere.
#[derive(Clone, Copy)]
pub enum Truth<'a> {
    /// The class of each voxel `[image, voxel]`, mutually exclusive: softmax.
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

    /// The block from voxel `first` on; zeros beyond the image's end.
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
    /// The block from voxel `first` on: truth and labelled mask, 0 or 1 for every channel; zeros beyond the image's end.
    fn load(&self, image: usize, first: usize, voxels: usize, rows: &mut [Row], known: &mut [Row]) {
        match self {
            Self::Masks(masks) => {
                let count = masks.load(image, first, rows);
                for (row, known) in rows.iter_mut().zip(known) {
                    for i in 0..BLOCK {
                        known[i] = if row[i] >= 0.0 { 1.0 } else { 0.0 };
                        row[i] = if row[i] > 0.0 { row[i] } else { 0.0 };
                    }
                    known[count..].fill(0.0);
                }
            }
            Self::Classes(classes) => {
                let classes = &classes[image * voxels + first..(image + 1) * voxels];
                let mut block = [-1.0; BLOCK];
                for (target, class) in block.iter_mut().zip(classes) {
                    *target = *class;
                }
                known.fill(block.map(|class| if class >= 0.0 { 1.0 } else { 0.0 }));
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

/// Buffers for one block.
struct Block {
    logits: Vec<Row>,
    probabilities: Vec<Row>,
    truth: Vec<Row>,
    /// 1 where voxels are labelled, 0 elsewhere and beyond the image's end.
    known: Vec<Row>,
    /// Logarithm of the sum of the exponentials.
    norm: Row,
}

impl Block {
    fn new(channels: usize) -> Self {
        let rows = || vec![[0.0; BLOCK]; channels];
        Self { logits: rows(), probabilities: rows(), truth: rows(), known: rows(), norm: [0.0; BLOCK] }
    }

    /// Reads logits and computes probabilities.
    fn load(&mut self, isa: Isa, logits: Images, image: usize, first: usize, exclude_each_other: bool) -> usize {
        let count = logits.load(image, first, &mut self.logits);
        match exclude_each_other {
            true => softmax(isa, &self.logits, &mut self.probabilities, &mut self.norm),
            false => sigmoid(isa, &self.logits, &mut self.probabilities),
        }
        count
    }

    /// Reads logits and truth, and computes probabilities.
    fn load_with(&mut self, isa: Isa, logits: Images, truth: Truth, image: usize, first: usize) -> usize {
        truth.load(image, first, logits.voxels, &mut self.truth, &mut self.known);
        self.load(isa, logits, image, first, truth.exclude_each_other())
    }
}

/// Probabilities of logits, `[image, channel, voxel]`.
pub fn probabilities(isa: Isa, logits: Images, exclude_each_other: bool, output: &mut [f32]) {
    let mut tasks = pieces(output, logits.channels, logits.voxels);
    tasks.par_iter_mut().for_each(|Piece { image, start, planes }| {
        let mut block = Block::new(logits.channels);
        for first in (*start..(*start + TASK).min(logits.voxels)).step_by(BLOCK) {
            let count = block.load(isa, logits, *image, first, exclude_each_other);
            store_planes(&block.probabilities, planes, first - *start, count);
        }
    });
}

/// What one task writes of values `[image, plane, voxel]`.
struct Piece<'a> {
    image: usize,
    /// First voxel.
    start: usize,
    /// Its voxels of each plane.
    planes: Vec<&'a mut [f32]>,
}

fn pieces(output: &mut [f32], planes: usize, voxels: usize) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    for (image, output) in output.chunks_mut((planes * voxels).max(1)).enumerate() {
        let starts = (0..voxels).step_by(TASK);
        let mut of_image: Vec<_> =
            starts.map(|start| Piece { image, start, planes: Vec::with_capacity(planes) }).collect();
        for plane in output.chunks_mut(voxels.max(1)) {
            for (piece, part) in of_image.iter_mut().zip(plane.chunks_mut(TASK)) {
                piece.planes.push(part);
            }
        }
        all.extend(of_image);
    }
    all
}

fn store_planes(rows: &[Row], planes: &mut [&mut [f32]], at: usize, count: usize) {
    for (plane, row) in planes.iter_mut().zip(rows) {
        plane[at..at + count].copy_from_slice(&row[..count]);
    }
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
