//! Coarse dropout: boxes without image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::mean_and_sd;
use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, above_zero, ordered};

/// Fills boxes with each channel's mean over the patch (DeVries and Taylor 2017). Labels stay: the network has to infer what is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Dropout {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the number of boxes.
    pub boxes: [usize; 2],
    /// Range of a box's edge length, drawn for each edge.
    pub size_mm: [f64; 2],
}

impl Default for Dropout {
    fn default() -> Self {
        Self { probability: 0.2, boxes: [1, 5], size_mm: [5.0, 20.0] }
    }
}

impl Transform for Dropout {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("size-mm", self.size_mm)
            .into_iter()
            .chain(ordered("boxes", self.boxes.map(|count| count as f64)))
            .collect()
    }
}

impl Dropout {
    pub(crate) fn apply(&self, channels: Channels, grid: Grid, dice: &mut Dice) {
        let boxes: Vec<[(usize, usize); 3]> =
            (0..dice.count(self.boxes)).map(|_| [0, 1, 2].map(|axis| self.edge(axis, grid, dice))).collect();
        for channel in channels {
            let mean = mean_and_sd(channel).0 as f32;
            boxes.iter().for_each(|bounds| fill(channel, grid.size, bounds, mean));
        }
    }

    /// First voxel and one past the last along an axis. A box lies inside the patch; in a 2D patch it is one slice deep.
    fn edge(&self, axis: usize, grid: Grid, dice: &mut Dice) -> (usize, usize) {
        let size = grid.size[axis];
        let voxels = (dice.between(self.size_mm) / grid.spacing_mm[axis]).round() as usize;
        let voxels = voxels.clamp(1, size);
        let start = dice.anywhere([0.0, (size - voxels + 1) as f64]) as usize;
        (start.min(size - voxels), start.min(size - voxels) + voxels)
    }
}

fn fill(channel: &mut [f32], size: [usize; 3], [z, y, x]: &[(usize, usize); 3], value: f32) {
    for slice in z.0..z.1 {
        for row in y.0..y.1 {
            let start = (slice * size[1] + row) * size[2];
            channel[start + x.0..start + x.1].fill(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::dice::End;

    #[test]
    fn a_box_has_its_size_in_millimetres_and_holds_the_mean() {
        let grid = Grid { size: [8, 20, 20], spacing_mm: [3.0, 1.0, 0.5], in_plane: false };
        let mut image: Vec<f32> = (0..8 * 20 * 20).map(|k| k as f32).collect();
        let mean = mean_and_sd(&image).0 as f32;
        let mut rng = crate::random::stream(3, "test", 0, 0);
        let dropout = Dropout { probability: 1.0, boxes: [1, 1], size_mm: [6.0, 6.0] };
        dropout.apply(image.chunks_exact_mut(8 * 20 * 20), grid, &mut Dice::new(&mut rng, Some(End::High)));
        let changed = image.iter().enumerate().filter(|(k, value)| **value != *k as f32).count();
        assert_eq!(changed, 2 * 6 * 12);
        assert_eq!(image.iter().filter(|value| **value == mean).count(), 2 * 6 * 12);
    }
}
