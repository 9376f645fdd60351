//! The kernels of a normalisation over values in the order `[batch, voxel, channel]`.

use rayon::prelude::*;

use super::super::isa::{Isa, vectorised};
use super::Normalisation;

/// Channels that are processed at a time.
const LANES: usize = 8;

/// Floats per task. A constant, because the order of summation must not depend on the machine.
const TASK: usize = 1 << 15;

/// Shape of the values.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Voxels per image.
    pub voxels: usize,
    /// Channels per voxel.
    pub channels: usize,
}

/// Mean and reciprocal standard deviation per image and channel.
#[derive(Clone, Debug)]
pub struct Statistics {
    mean: Vec<f32>,
    reciprocal: Vec<f32>,
}

/// Linear functions that normalise, scale and shift: `factor · value + offset`, per image and channel.
struct Lines {
    factor: Vec<f32>,
    offset: Vec<f32>,
}

/// The linear functions of one image's channels, and the activation's slope for negative values.
#[derive(Clone, Copy)]
struct Line<'a> {
    factor: &'a [f32],
    offset: &'a [f32],
    slope: f32,
}

impl Lines {
    fn of(&self, channels: std::ops::Range<usize>, slope: f32) -> Line<'_> {
        Line { factor: &self.factor[channels.clone()], offset: &self.offset[channels], slope }
    }
}

impl Shape {
    fn image(&self) -> usize {
        self.voxels * self.channels
    }

    /// Floats per task: whole voxels.
    fn task(&self) -> usize {
        (TASK / self.channels.max(1)).max(1) * self.channels
    }

    /// Sums what `part` writes for every task, image by image: two sums per channel.
    fn sums(
        &self,
        images: usize,
        part: impl Fn(usize, std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync,
    ) -> [Vec<f64>; 2] {
        let tasks = self.image().div_ceil(self.task());
        let channels = self.channels;
        let parts: Vec<_> = (0..images * tasks)
            .into_par_iter()
            .map(|index| {
                let (image, task) = (index / tasks, index % tasks);
                let start = task * self.task();
                let range =
                    image * self.image() + start..image * self.image() + (start + self.task()).min(self.image());
                let (mut first, mut second) = (vec![0.0; channels], vec![0.0; channels]);
                part(image, range, &mut first, &mut second);
                (first, second)
            })
            .collect();
        let mut totals = [vec![0.0; images * channels], vec![0.0; images * channels]];
        for (index, (first, second)) in parts.iter().enumerate() {
            let at = index / tasks * channels;
            for (total, part) in totals.iter_mut().zip([first, second]) {
                for (total, value) in total[at..].iter_mut().zip(part) {
                    *total += f64::from(*value);
                }
            }
        }
        totals
    }
}

/// Sums per image and channel of differences from the image's first voxel, and of their squares: the squares of the values themselves
/// would lose a small variance around a large mean.
fn distances(isa: Isa, values: &[f32], shape: Shape) -> [Vec<f64>; 2] {
    let images = values.len() / shape.image().max(1);
    shape.sums(images, |image, range, sums, squares| {
        moments(isa, &values[range], &values[image * shape.image()..][..shape.channels], sums, squares);
    })
}

/// Mean and biased variance per image and channel.
pub fn moments_of(isa: Isa, values: &[f32], shape: Shape) -> [Vec<f32>; 2] {
    let [sums, squares] = distances(isa, values, shape);
    let count = shape.voxels as f64;
    let origin = |index: usize| values[index / shape.channels * shape.image() + index % shape.channels];
    let mean = sums.iter().enumerate().map(|(index, sum)| (f64::from(origin(index)) + sum / count) as f32).collect();
    let variance =
        sums.iter().zip(&squares).map(|(sum, square)| (square / count - (sum / count).powi(2)).max(0.0) as f32);
    [mean, variance.collect()]
}

/// Writes `activation(factor · value + offset)`, with one factor and offset per channel.
pub fn scale(isa: Isa, values: &[f32], shape: Shape, [factor, offset]: [&[f32]; 2], slope: f32, output: &mut [f32]) {
    let line = Line { factor, offset, slope };
    let task = shape.task().max(1);
    output.par_chunks_mut(task).zip(values.par_chunks(task)).for_each(|(output, values)| {
        activate(isa, values, line, output);
    });
}

impl Statistics {
    /// The statistics of images.
    pub fn new(isa: Isa, values: &[f32], shape: Shape, options: Normalisation) -> Self {
        let Shape { voxels, channels } = shape;
        let origin = |image: usize| &values[image * shape.image()..][..channels];
        let [sums, squares] = distances(isa, values, shape);
        let size = channels / options.groups;
        let (mut mean, mut reciprocal) = (Vec::with_capacity(sums.len()), Vec::with_capacity(sums.len()));
        for first in (0..sums.len()).step_by(size.max(1)) {
            let count = (voxels * size) as f64;
            let of_group = first..first + size;
            let start = |index: usize| f64::from(origin(index / channels)[index % channels]);
            let centre = of_group.clone().map(|i| sums[i] + start(i) * voxels as f64).sum::<f64>() / count;
            // Σ (v - c)² = Σ (v - o)² + 2 (o - c) Σ (v - o) + n (o - c)²
            let spread = of_group.map(|i| {
                let distance = start(i) - centre;
                squares[i] + 2.0 * distance * sums[i] + voxels as f64 * distance * distance
            });
            let variance = (spread.sum::<f64>() / count).max(0.0);
            mean.extend(std::iter::repeat_n(centre as f32, size));
            reciprocal.extend(std::iter::repeat_n((1.0 / (variance + options.epsilon).sqrt()) as f32, size));
        }
        Self { mean, reciprocal }
    }

    fn lines(&self, scale: &[f32], shift: &[f32]) -> Lines {
        let channels = scale.len();
        let factor: Vec<_> = self.reciprocal.iter().enumerate().map(|(i, r)| r * scale[i % channels]).collect();
        let offset = factor.iter().zip(&self.mean).enumerate().map(|(i, (f, mean))| shift[i % channels] - mean * f);
        Lines { offset: offset.collect(), factor }
    }

    /// Writes normalised, scaled, shifted and activated values.
    pub fn apply(
        &self,
        isa: Isa,
        values: &[f32],
        shape: Shape,
        [scale, shift]: [&[f32]; 2],
        slope: f32,
        output: &mut [f32],
    ) {
        let lines = self.lines(scale, shift);
        let (image, task) = (shape.image().max(1), shape.task().max(1));
        let images = output.par_chunks_mut(image).zip(values.par_chunks(image)).enumerate();
        images.for_each(|(index, (output, values))| {
            let line = lines.of(index * shape.channels..(index + 1) * shape.channels, slope);
            let tasks = output.par_chunks_mut(task).zip(values.par_chunks(task));
            tasks.for_each(|(output, values)| activate(isa, values, line, output));
        });
    }

    /// Turns the gradient of the output into that of the input, in place; returns the gradients of scale and shift.
    pub fn gradients(
        &self,
        isa: Isa,
        values: &[f32],
        shape: Shape,
        [scale, shift]: [&[f32]; 2],
        options: Normalisation,
        gradient: &mut [f32],
    ) -> [Vec<f32>; 2] {
        let Shape { voxels, channels } = shape;
        let (lines, slope) = (self.lines(scale, shift), options.slope as f32);
        let images = values.len() / shape.image().max(1);
        let [sums, products] = shape.sums(images, |image, range, sums, products| {
            let at = image * channels..(image + 1) * channels;
            let (line, mean) = (lines.of(at.clone(), slope), &self.mean[at]);
            gradient_moments(isa, &values[range.clone()], &gradient[range], line, mean, sums, products);
        });
        let products: Vec<_> = products.iter().zip(&self.reciprocal).map(|(p, r)| p * f64::from(*r)).collect();
        let of = |totals: &[f64]| -> Vec<f32> {
            let channel = |channel| totals.iter().skip(channel).step_by(channels).sum::<f64>() as f32;
            (0..channels).map(channel).collect()
        };
        let of_parameters = [of(&products), of(&sums)];
        let size = channels / options.groups;
        let count = (voxels * size) as f64;
        let (mut slant, mut level) = (vec![0.0; sums.len()], vec![0.0; sums.len()]);
        for first in (0..sums.len()).step_by(size.max(1)) {
            let group = first..first + size;
            let mean_of =
                |totals: &[f64]| group.clone().map(|i| totals[i] * f64::from(scale[i % channels])).sum::<f64>() / count;
            let (of_sums, of_products) = (mean_of(&sums), mean_of(&products));
            for i in group.clone() {
                let (reciprocal, mean) = (f64::from(self.reciprocal[i]), f64::from(self.mean[i]));
                slant[i] = (-reciprocal * reciprocal * of_products) as f32;
                level[i] = (reciprocal * (reciprocal * mean * of_products - of_sums)) as f32;
            }
        }
        let (image, task) = (shape.image().max(1), shape.task().max(1));
        gradient.par_chunks_mut(image).zip(values.par_chunks(image)).enumerate().for_each(
            |(index, (gradient, values))| {
                let at = index * channels..(index + 1) * channels;
                let (line, slant, level) = (lines.of(at.clone(), slope), &slant[at.clone()], &level[at]);
                gradient.par_chunks_mut(task).zip(values.par_chunks(task)).for_each(|(gradient, values)| {
                    input_gradient(isa, values, line, slant, level, gradient);
                });
            },
        );
        of_parameters
    }
}

vectorised! {
    /// Adds differences from an origin, and their squares, per channel.
    fn moments(values: &[f32], origin: &[f32], sums: &mut [f32], squares: &mut [f32]) {
        for values in values.chunks_exact(origin.len()) {
            let rest = origin.len() / LANES * LANES;
            let blocks = values.chunks_exact(LANES).zip(origin.chunks_exact(LANES));
            let totals = sums.chunks_exact_mut(LANES).zip(squares.chunks_exact_mut(LANES));
            for ((values, origin), (sums, squares)) in blocks.zip(totals) {
                for i in 0..LANES {
                    let distance = values[i] - origin[i];
                    sums[i] += distance;
                    squares[i] += distance * distance;
                }
            }
            for i in rest..origin.len() {
                let distance = values[i] - origin[i];
                sums[i] += distance;
                squares[i] += distance * distance;
            }
        }
    }
}

vectorised! {
    /// `activation(factor · value + offset)`.
    fn activate(values: &[f32], line: Line, output: &mut [f32]) {
        let Line { factor, offset, slope } = line;
        let channels = factor.len();
        let whole = channels / LANES * LANES;
        for (values, output) in values.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
            let lines = factor.chunks_exact(LANES).zip(offset.chunks_exact(LANES));
            let blocks = values.chunks_exact(LANES).zip(output.chunks_exact_mut(LANES));
            for ((values, output), (factor, offset)) in blocks.zip(lines) {
                for i in 0..LANES {
                    let line = values[i] * factor[i] + offset[i];
                    output[i] = if line > 0.0 { line } else { line * slope };
                }
            }
            for i in whole..channels {
                let line = values[i] * factor[i] + offset[i];
                output[i] = if line > 0.0 { line } else { line * slope };
            }
        }
    }
}

vectorised! {
    /// Adds gradients before the activation, and their products with differences from the mean, per channel.
    fn gradient_moments(
        values: &[f32],
        gradient: &[f32],
        line: Line,
        mean: &[f32],
        sums: &mut [f32],
        products: &mut [f32],
    ) {
        let Line { factor, offset, slope } = line;
        let channels = factor.len();
        let whole = channels / LANES * LANES;
        for (values, gradient) in values.chunks_exact(channels).zip(gradient.chunks_exact(channels)) {
            let lines = factor.chunks_exact(LANES).zip(offset.chunks_exact(LANES)).zip(mean.chunks_exact(LANES));
            let totals = sums.chunks_exact_mut(LANES).zip(products.chunks_exact_mut(LANES));
            let blocks = values.chunks_exact(LANES).zip(gradient.chunks_exact(LANES));
            for (((values, gradient), ((factor, offset), mean)), (sums, products)) in blocks.zip(lines).zip(totals) {
                for i in 0..LANES {
                    let positive = values[i] * factor[i] + offset[i] > 0.0;
                    let before = if positive { gradient[i] } else { gradient[i] * slope };
                    sums[i] += before;
                    products[i] += before * (values[i] - mean[i]);
                }
            }
            for i in whole..channels {
                let positive = values[i] * factor[i] + offset[i] > 0.0;
                let before = if positive { gradient[i] } else { gradient[i] * slope };
                sums[i] += before;
                products[i] += before * (values[i] - mean[i]);
            }
        }
    }
}

vectorised! {
    /// `gradient before the activation · factor + value · slant + level`, in place of the gradient.
    fn input_gradient(values: &[f32], line: Line, slant: &[f32], level: &[f32], gradient: &mut [f32]) {
        let Line { factor, offset, slope } = line;
        let channels = factor.len();
        let whole = channels / LANES * LANES;
        for (values, gradient) in values.chunks_exact(channels).zip(gradient.chunks_exact_mut(channels)) {
            let lines = factor.chunks_exact(LANES).zip(offset.chunks_exact(LANES));
            let others = slant.chunks_exact(LANES).zip(level.chunks_exact(LANES));
            let blocks = values.chunks_exact(LANES).zip(gradient.chunks_exact_mut(LANES));
            for (((values, gradient), (factor, offset)), (slant, level)) in blocks.zip(lines).zip(others) {
                for i in 0..LANES {
                    let positive = values[i] * factor[i] + offset[i] > 0.0;
                    let before = if positive { gradient[i] } else { gradient[i] * slope };
                    gradient[i] = before * factor[i] + values[i] * slant[i] + level[i];
                }
            }
            for i in whole..channels {
                let positive = values[i] * factor[i] + offset[i] > 0.0;
                let before = if positive { gradient[i] } else { gradient[i] * slope };
                gradient[i] = before * factor[i] + values[i] * slant[i] + level[i];
            }
        }
    }
}
