//! Simulated low resolution.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, above_zero};

/// Downsamples to the nearest voxels of a coarser grid and upsamples linearly (nnU-Net); within slices in 2D and flat patches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LowResolution {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Probability per channel, given that the patch is changed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub channel_probability: f64,
    /// Range of the scale: voxels of the coarser grid per voxel, along every axis.
    pub scales: [f64; 2],
}

impl Default for LowResolution {
    fn default() -> Self {
        Self { probability: 0.25, channel_probability: 0.5, scales: [0.5, 1.0] }
    }
}

impl Transform for LowResolution {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let message = format!("`scales` must be at most 1, got {}", self.scales[1]);
        let help = "use scales of at most 1".into();
        let finer = Mistake { key: "scales", item: Some(1), message, help };
        above_zero("scales", self.scales).into_iter().chain((self.scales[1] > 1.0).then_some(finer)).collect()
    }
}

impl LowResolution {
    pub(crate) fn apply(&self, channels: Channels, grid: Grid, dice: &mut Dice) {
        for channel in channels {
            if dice.chance(self.channel_probability) {
                coarsen(channel, grid, dice.between(self.scales));
            }
        }
    }
}

/// Axis by axis: both steps are separable, so each voxel becomes a mix of two voxels along each axis.
fn coarsen(channel: &mut [f32], grid: Grid, scale: f64) {
    let mut scratch = vec![0.0f32; channel.len()];
    for axis in usize::from(grid.in_plane)..3 {
        let length = grid.size[axis];
        let coarse = ((length as f64 * scale).round_ties_even() as usize).clamp(1, length);
        if coarse == length {
            continue;
        }
        let mixes: Vec<Mix> = (0..length).map(|voxel| Mix::of(voxel, length, coarse)).collect();
        let stride = grid.size[axis + 1..].iter().product::<usize>();
        let block = stride * length;
        for (from, to) in channel.chunks_exact(block).zip(scratch.chunks_exact_mut(block)) {
            mix(from, to, stride, &mixes);
        }
        channel.copy_from_slice(&scratch);
    }
}

/// Two voxels and the weight of the second.
struct Mix {
    low: usize,
    high: usize,
    weight: f32,
}

impl Mix {
    fn of(voxel: usize, length: usize, coarse: usize) -> Self {
        let ratio = coarse as f64 / length as f64;
        let at = ((voxel as f64 + 0.5) * ratio - 0.5).clamp(0.0, (coarse - 1) as f64);
        let below = at as usize;
        let nearest = |coarse_voxel: usize| (((coarse_voxel as f64 + 0.5) / ratio) as usize).min(length - 1);
        Self { low: nearest(below), high: nearest((below + 1).min(coarse - 1)), weight: (at - below as f64) as f32 }
    }
}

fn mix(from: &[f32], to: &mut [f32], stride: usize, mixes: &[Mix]) {
    if stride == 1 {
        to.iter_mut()
            .zip(mixes)
            .for_each(|(to, mix)| *to = from[mix.low] + (from[mix.high] - from[mix.low]) * mix.weight);
        return;
    }
    for (to, mix) in to.chunks_exact_mut(stride).zip(mixes) {
        let (low, high) = (&from[mix.low * stride..][..stride], &from[mix.high * stride..][..stride]);
        to.iter_mut().zip(low.iter().zip(high)).for_each(|(to, (low, high))| *to = low + (high - low) * mix.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_resolution_of_a_row_by_hand() {
        // Coarse voxels 0 and 1 are the voxels 1 and 3; voxel k lies at (k + ½)/2 − ½.
        let mut row = vec![10.0, 20.0, 30.0, 40.0];
        let grid = Grid { size: [1, 1, 4], spacing_mm: [1.0; 3], in_plane: true };
        coarsen(&mut row, grid, 0.5);
        assert_eq!(row, [20.0, 25.0, 35.0, 40.0]);
        coarsen(&mut row, grid, 1.0);
        assert_eq!(row, [20.0, 25.0, 35.0, 40.0]);
    }

    #[test]
    fn slices_stay_apart_in_plane() {
        let mut image: Vec<f32> = (0..4 * 3 * 3).map(|k| (k / 9) as f32).collect();
        let before = image.clone();
        coarsen(&mut image, Grid { size: [4, 3, 3], spacing_mm: [1.0; 3], in_plane: true }, 0.5);
        assert_eq!(image, before);
        coarsen(&mut image, Grid { size: [4, 3, 3], spacing_mm: [1.0; 3], in_plane: false }, 0.5);
        assert_ne!(image, before);
    }
}
