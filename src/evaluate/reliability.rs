//! Reliability of predicted probabilities: how often voxels that a network gives a probability belong to the structure (DeGroot and
//! Fienberg 1983; bins as in Guo et al. 2017, arXiv 1706.04599).
//!
//! Counted on the network's grid, before post-processing, over all voxels with a label.

use ndarray::{ArrayView3, ArrayView4};
use serde::{Deserialize, Serialize};

use crate::dataset::Target;

/// Bins of equal width between 0 and 1.
pub const BINS: usize = 15;

/// Voxels whose probability lies in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Number of voxels.
    pub n: u64,
    /// Sum of their probabilities.
    pub sum: f64,
    /// How many of them belong to the structure.
    pub positive: u64,
}

/// The bins of one structure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Name of the structure.
    pub structure: String,
    /// From the smallest probabilities to the largest.
    pub bins: [Bin; BINS],
}

/// Counts one case. `probabilities`: `[output, z, y, x]`, the background first unless outputs are independent; `labels` `[z, y, x]`: values
/// of the label map on the same grid.
pub fn count(target: &Target, probabilities: ArrayView4<f32>, labels: ArrayView3<u16>) -> Vec<Reliability> {
    let first = usize::from(!target.sigmoid());
    let of = |(index, structure): (usize, &crate::dataset::TargetStructure)| {
        let mut bins = [Bin::default(); BINS];
        let output = probabilities.index_axis(ndarray::Axis(0), first + index);
        for (probability, label) in output.iter().zip(labels.iter()) {
            if target.ignore == Some(*label) {
                continue;
            }
            let bin = &mut bins[((*probability * BINS as f32) as usize).min(BINS - 1)];
            bin.n += 1;
            bin.sum += f64::from(*probability);
            bin.positive += u64::from(structure.values.contains(label));
        }
        Reliability { structure: structure.name.clone(), bins }
    };
    target.structures.iter().enumerate().map(of).collect()
}

/// Adds the counts of several cases; structures keep the order in which they are first met.
pub fn pooled(cases: impl IntoIterator<Item = Vec<Reliability>>) -> Vec<Reliability> {
    let mut all: Vec<Reliability> = Vec::new();
    for one in cases.into_iter().flatten() {
        let Some(known) = all.iter_mut().find(|known| known.structure == one.structure) else {
            all.push(one);
            continue;
        };
        for (sum, bin) in known.bins.iter_mut().zip(&one.bins) {
            sum.n += bin.n;
            sum.sum += bin.sum;
            sum.positive += bin.positive;
        }
    }
    all
}

impl Reliability {
    /// Mean probability and fraction of positives of every bin with at least so many voxels.
    pub fn points(&self, least: u64) -> Vec<[f64; 2]> {
        let of = |bin: &Bin| [bin.sum / bin.n as f64, bin.positive as f64 / bin.n as f64];
        self.bins.iter().filter(|bin| bin.n >= least.max(1)).map(of).collect()
    }

    /// Expected calibration error: the mean distance of probability and fraction over the voxels outside the lowest bin, where
    /// nearly all of the background lies; `None` without such voxels.
    pub fn error(&self) -> Option<f64> {
        let bins = &self.bins[1..];
        let n: u64 = bins.iter().map(|bin| bin.n).sum();
        let distance: f64 = bins.iter().map(|bin| (bin.sum - bin.positive as f64).abs()).sum();
        (n > 0).then(|| distance / n as f64)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::dataset::TargetStructure;

    fn target(ignore: Option<u16>) -> Target {
        Target { ignore, ..Target::of(vec![TargetStructure::new("liver", &[1])]) }
    }

    #[test]
    fn voxels_are_counted_by_their_probability() {
        let liver = [0.0, 0.9, 0.9, 0.9, 0.5, 1.0];
        let background = liver.map(|p| 1.0 - p);
        let probabilities = Array4::from_shape_vec([2, 1, 1, 6], [background, liver].concat()).unwrap();
        let labels = Array3::from_shape_vec([1, 1, 6], vec![0, 1, 1, 0, 9, 1]).unwrap();
        let found = &count(&target(Some(9)), probabilities.view(), labels.view())[0];
        assert_eq!((found.bins[0].n, found.bins[0].positive), (1, 0));
        // 0.9 lies in the bin from 13/15 to 14/15; the ignored voxel in none; 1 in the last.
        assert_eq!((found.bins[13].n, found.bins[13].positive, found.bins[7].n), (3, 2, 0));
        assert_eq!((found.bins[14].n, found.bins[14].positive), (1, 1));
        let error = found.error().unwrap();
        assert!((error - (2.7 - 2.0) / 4.0).abs() < 1e-6, "{error}");
        let points = found.points(2);
        assert!(points.len() == 1 && (points[0][0] - 0.9).abs() < 1e-6 && (points[0][1] - 2.0 / 3.0).abs() < 1e-9);
        let twice = pooled([vec![found.clone()], vec![found.clone()]]);
        assert_eq!((twice.len(), twice[0].bins[13].n, twice[0].error()), (1, 6, found.error()));
    }
}
