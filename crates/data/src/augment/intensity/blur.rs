//! Gaussian blur.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, not_negative};

/// Blurs with a Gaussian whose width is drawn for each axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Blur {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Probability per channel, given that the patch is blurred.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub channel_probability: f64,
    /// Range of the standard deviation, in voxels of the prepared grid.
    pub sigma_voxels: [f64; 2],
}

impl Default for Blur {
    fn default() -> Self {
        Self { probability: 0.2, channel_probability: 0.5, sigma_voxels: [0.5, 1.0] }
    }
}

impl Transform for Blur {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        not_negative("sigma-voxels", self.sigma_voxels)
    }
}

impl Blur {
    pub(crate) fn apply(&self, channels: Channels, grid: Grid, dice: &mut Dice) {
        for channel in channels {
            if dice.chance(self.channel_probability) {
                let sigmas = [0, 1, 2].map(|_| dice.between(self.sigma_voxels));
                blur(channel, grid.size, sigmas);
            }
        }
    }
}

/// Blurs `[z, y, x]`; beyond the border, voxels are mirrored about the outermost one.
pub(super) fn blur(channel: &mut [f32], size: [usize; 3], sigmas: [f64; 3]) {
    let mut scratch = vec![0.0f32; channel.len()];
    for axis in (0..3).filter(|axis| size[*axis] > 1 && sigmas[*axis] > 0.0) {
        let half = half_kernel(sigmas[axis]);
        let stride = size[axis + 1..].iter().product::<usize>();
        let block = stride * size[axis];
        for (from, to) in channel.chunks_exact(block).zip(scratch.chunks_exact_mut(block)) {
            match stride {
                1 => along(from, to, &half),
                _ => across(from, to, size[axis], stride, &half),
            }
        }
        channel.copy_from_slice(&scratch);
    }
}

/// Weights of the voxel itself and its neighbours on one side, truncated at about three standard deviations: the kernel has the
/// odd number of taps nearest to 6σ + ½, as in batchgeneratorsv2.
fn half_kernel(sigma: f64) -> Vec<f32> {
    let radius = (3.0 * sigma - 0.25).round().max(0.0) as usize;
    let weight = |distance: usize| (-0.5 * (distance as f64 / sigma).powi(2)).exp();
    let sum = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f64>();
    (0..=radius).map(|distance| (weight(distance) / sum) as f32).collect()
}

/// Along rows of contiguous voxels.
fn along(from: &[f32], to: &mut [f32], half: &[f32]) {
    let (length, radius) = (from.len(), half.len() - 1);
    let padded: Vec<f32> =
        (0..length + 2 * radius).map(|index| from[mirrored(index as isize - radius as isize, length)]).collect();
    to.iter_mut().zip(&padded[radius..]).for_each(|(to, middle)| *to = half[0] * middle);
    for (distance, weight) in half.iter().enumerate().skip(1) {
        let sides = padded[radius - distance..].iter().zip(&padded[radius + distance..]);
        to.iter_mut().zip(sides).for_each(|(to, (left, right))| *to += weight * (left + right));
    }
}

/// Across whole runs of `stride` voxels.
fn across(from: &[f32], to: &mut [f32], length: usize, stride: usize, half: &[f32]) {
    let run = |index: isize| {
        let start = mirrored(index, length) * stride;
        &from[start..start + stride]
    };
    for (index, to) in to.chunks_exact_mut(stride).enumerate() {
        let index = index as isize;
        to.iter_mut().zip(run(index)).for_each(|(to, middle)| *to = half[0] * middle);
        for (distance, weight) in half.iter().enumerate().skip(1) {
            let distance = distance as isize;
            let sides = run(index - distance).iter().zip(run(index + distance));
            to.iter_mut().zip(sides).for_each(|(to, (left, right))| *to += weight * (left + right));
        }
    }
}

/// The voxel that an index beyond the border is mirrored to, about the outermost voxel and as often as needed.
fn mirrored(index: isize, length: usize) -> usize {
    let period = 2 * (length as isize - 1).max(1);
    let place = index.rem_euclid(period);
    (place.min(period - place) as usize).min(length - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_mirrored_around_the_last_voxel() {
        let found: Vec<usize> = (-4..8).map(|index| mirrored(index, 3)).collect();
        assert_eq!(found, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(mirrored(-3, 1), 0);
        assert_eq!((mirrored(-1, 2), mirrored(2, 2)), (1, 0));
    }

    #[test]
    fn a_constant_stays_and_a_point_keeps_its_sum() {
        let mut constant = vec![3.0; 5 * 6 * 7];
        blur(&mut constant, [5, 6, 7], [0.7, 1.0, 0.5]);
        assert!(constant.iter().all(|value| (value - 3.0).abs() < 1e-5));
        let mut point = vec![0.0; 9 * 9 * 9];
        point[4 * 81 + 4 * 9 + 4] = 1.0;
        blur(&mut point, [9, 9, 9], [1.0; 3]);
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((point[4 * 81 + 4 * 9 + 4] - half_kernel(1.0)[0].powi(3)).abs() < 1e-6);
    }
}
