//! Locations of the structures: voxels on which patches can be centred (nnU-Net's `class_locations`).

use std::collections::BTreeMap;

use ndarray::ArrayView3;
use rand::Rng;

use crate::random;

/// Maximum number of voxels kept per label and case.
pub const MAX_FOREGROUND_VOXELS: usize = 10_000;

/// Some voxels of one label in one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForegroundVoxels {
    /// The label's value, never 0.
    pub value: u16,
    /// Total number of voxels with this value on the prepared grid.
    pub count: u64,
    /// Positions in array order, `(z·height + y)·width + x`, ascending: all, or a fixed random sample of 10 000.
    pub voxels: Vec<u32>,
}

/// The voxels of every nonzero label, by ascending value. The sample depends only on the labels.
pub fn sample_foreground(labels: ArrayView3<'_, u16>) -> Vec<ForegroundVoxels> {
    let mut found = BTreeMap::<u16, Vec<u32>>::new();
    for (index, &value) in labels.iter().enumerate().filter(|(_, value)| **value != 0) {
        found.entry(value).or_default().push(index as u32);
    }
    found.into_iter().map(|(value, voxels)| choose(value, voxels)).collect()
}

/// Samples by the first steps of a Fisher–Yates shuffle, then restores array order.
fn choose(value: u16, mut voxels: Vec<u32>) -> ForegroundVoxels {
    let count = voxels.len();
    if count > MAX_FOREGROUND_VOXELS {
        let mut generator = random::stream(0, "foreground voxels", 0, u64::from(value));
        for index in 0..MAX_FOREGROUND_VOXELS {
            voxels.swap(index, generator.random_range(index..count));
        }
        voxels.truncate(MAX_FOREGROUND_VOXELS);
        voxels.shrink_to_fit();
        voxels.sort_unstable();
    }
    ForegroundVoxels { value, count: count as u64, voxels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, s};

    #[test]
    fn small_structures_are_whole_and_large_ones_are_sampled() {
        let mut labels = Array3::zeros([30, 30, 30]);
        labels.slice_mut(s![..25, .., ..]).fill(4);
        labels[[29, 2, 1]] = 2;
        let found = sample_foreground(labels.view());
        assert_eq!(found[0], ForegroundVoxels { value: 2, count: 1, voxels: vec![29 * 900 + 2 * 30 + 1] });
        assert_eq!((found[1].value, found[1].count, found[1].voxels.len()), (4, 22_500, MAX_FOREGROUND_VOXELS));
        assert!(found[1].voxels.is_sorted_by(|a, b| a < b), "distinct and in order");
        let mean = found[1].voxels.iter().map(|&v| f64::from(v)).sum::<f64>() / MAX_FOREGROUND_VOXELS as f64;
        assert!((mean - 11_250.0).abs() < 250.0, "drawn from everywhere: {mean}");
        assert_eq!(found, sample_foreground(labels.view()));
    }
}
