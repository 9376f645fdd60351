//! Depthwise convolution with nine taps on plain slices `[batch, y, x, feature]`. Tasks have a fixed size, so that sums do not depend on
//! the number of threads.

use rayon::prelude::*;

use super::KERNEL;

/// Number of taps.
pub(super) const TAPS: usize = KERNEL * KERNEL;

/// Rows whose weight gradients are summed before the sums are added.
const ROWS: usize = 8;

/// Size of tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub height: usize,
    pub width: usize,
    pub features: usize,
}

impl Size {
    /// Values per row.
    fn row(&self) -> usize {
        (self.width * self.features).max(1)
    }

    /// Values per image.
    fn image(&self) -> usize {
        self.height * self.row()
    }

    /// The row that a tap reads for another row of the same image; `None` beyond the border.
    fn shifted_row<'a>(&self, values: &'a [f32], row: usize, tap: usize) -> Option<&'a [f32]> {
        let (image, y) = (row / self.height, row % self.height);
        let y = (y + tap / KERNEL).checked_sub(1).filter(|&y| y < self.height)?;
        let start = image * self.image() + y * self.row();
        Some(&values[start..start + self.row()])
    }

    /// Values of a row that a tap writes, and those that it reads.
    fn columns(&self, tap: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (row, one) = (self.row(), self.features.min(self.row()));
        match tap % KERNEL {
            0 => (one..row, 0..row - one),
            1 => (0..row, 0..row),
            _ => (0..row - one, one..row),
        }
    }
}

/// Weights `[tap][feature]` of weights `[feature, 1, 3, 3]`.
pub(super) fn by_tap(weights: &[f32], features: usize, flipped: bool) -> Vec<f32> {
    let mut turned = vec![0.0; TAPS * features];
    for (feature, taps) in weights.chunks_exact(TAPS).enumerate() {
        for (tap, weight) in taps.iter().enumerate() {
            let tap = if flipped { TAPS - 1 - tap } else { tap };
            turned[tap * features + feature] = *weight;
        }
    }
    turned
}

/// Sums of nine taps, plus a bias.
pub(super) fn convolve(tokens: &[f32], weights: &[f32], bias: Option<&[f32]>, size: Size, output: &mut [f32]) {
    output.par_chunks_mut(size.row()).enumerate().for_each(|(row, output)| {
        for voxel in output.chunks_exact_mut(size.features) {
            match bias {
                Some(bias) => voxel.copy_from_slice(bias),
                None => voxel.fill(0.0),
            }
        }
        for (tap, weights) in weights.chunks_exact(size.features).enumerate() {
            let Some(source) = size.shifted_row(tokens, row, tap) else { continue };
            let (to, from) = size.columns(tap);
            let pairs = output[to].chunks_exact_mut(size.features).zip(source[from].chunks_exact(size.features));
            for (output, source) in pairs {
                for ((output, source), weight) in output.iter_mut().zip(source).zip(weights) {
                    *output += source * weight;
                }
            }
        }
    });
}

/// Gradient of weights `[feature, 1, 3, 3]`.
pub(super) fn weight_gradient(tokens: &[f32], gradient: &[f32], size: Size) -> Vec<f32> {
    let part = |(index, gradient): (usize, &[f32])| {
        let mut sums = vec![0.0; TAPS * size.features];
        for (row, gradient) in gradient.chunks_exact(size.row()).enumerate() {
            add_row(tokens, gradient, index * ROWS + row, size, &mut sums);
        }
        sums
    };
    let parts: Vec<_> = gradient.par_chunks(ROWS * size.row()).enumerate().map(part).collect();
    let mut total = vec![0.0; TAPS * size.features];
    for part in parts {
        for (feature, taps) in total.chunks_exact_mut(TAPS).enumerate() {
            for (tap, total) in taps.iter_mut().enumerate() {
                *total += part[tap * size.features + feature];
            }
        }
    }
    total
}

/// Adds a row's part of the weight gradient, `[tap][feature]`.
fn add_row(tokens: &[f32], gradient: &[f32], row: usize, size: Size, sums: &mut [f32]) {
    for (tap, sums) in sums.chunks_exact_mut(size.features).enumerate() {
        let Some(source) = size.shifted_row(tokens, row, tap) else { continue };
        let (to, from) = size.columns(tap);
        let pairs = gradient[to].chunks_exact(size.features).zip(source[from].chunks_exact(size.features));
        for (gradient, source) in pairs {
            for ((sum, gradient), source) in sums.iter_mut().zip(gradient).zip(source) {
                *sum += gradient * source;
            }
        }
    }
}
