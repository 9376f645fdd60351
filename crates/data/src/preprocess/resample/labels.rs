//! Resampling of label maps without introducing new values.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis};

use super::super::spec::LabelInterpolation;
use super::linear::{self, Pair};
use super::{nearest, nearest_indices};

/// Scores that differ by less are tied, so that rounding does not decide.
const TIE: f64 = 1e-9;

/// Resamples a label map `[z, y, x]` to another shape, with nearest neighbour along `coarse`.
///
/// One-hot linear assigns each voxel the label with the largest linearly interpolated mask; ties go to the smaller label. One-hot majority
/// assigns the label whose interpolated mask is at least ½, the larger of two, else 0 (`resize_segmentation` of batchgenerators). Both
/// are computed from the eight surrounding voxels, so that memory and time do not depend on the number of labels.
pub fn resample_labels(
    labels: ArrayView3<'_, u16>,
    shape: [usize; 3],
    interpolation: LabelInterpolation,
    coarse: Option<usize>,
) -> Array3<u16> {
    let old = [0, 1, 2].map(|axis| labels.len_of(Axis(axis)));
    if interpolation == LabelInterpolation::Nearest {
        let first = nearest(labels, 0, shape[0]);
        return nearest(nearest(first.view(), 1, shape[1]).view(), 2, shape[2]);
    }
    let pairs = [0, 1, 2].map(|axis| match coarse {
        Some(coarse) if coarse == axis => nearest_pairs(old[axis], shape[axis]),
        _ => linear::pairs(old[axis], shape[axis]),
    });
    let mut result = Array3::zeros(shape);
    result.axis_iter_mut(Axis(0)).into_par_iter().zip(&pairs[0]).for_each(|(mut slice, &z)| {
        for (row, &y) in slice.outer_iter_mut().zip(&pairs[1]) {
            let vote = if interpolation == LabelInterpolation::OneHotMajority { majority } else { vote };
            for (winner, &x) in row.into_iter().zip(&pairs[2]) {
                *winner = vote(labels, [z, y, x]);
            }
        }
    });
    result
}

fn nearest_pairs(old: usize, new: usize) -> Vec<Pair> {
    nearest_indices(old, new).into_iter().map(|index| Pair { low: index, high: index, weight: 0.0 }).collect()
}

/// Labels and weights of the eight surrounding voxels.
fn corners(labels: ArrayView3<'_, u16>, [z, y, x]: [Pair; 3]) -> [(u16, f64); 8] {
    let mut corners = [(0u16, 0.0f64); 8];
    for (index, corner) in corners.iter_mut().enumerate() {
        let side = |pair: Pair, bit: usize| match index & bit {
            0 => (pair.low, 1.0 - pair.weight),
            _ => (pair.high, pair.weight),
        };
        let ((z, wz), (y, wy), (x, wx)) = (side(z, 4), side(y, 2), side(x, 1));
        *corner = (labels[[z, y, x]], wz * wy * wx);
    }
    corners
}

/// The label with at least half of the weight of the eight surrounding voxels, else 0.
fn majority(labels: ArrayView3<'_, u16>, around: [Pair; 3]) -> u16 {
    let corners = corners(labels, around);
    let score = |label: u16| corners.iter().filter(|corner| corner.0 == label).map(|corner| corner.1).sum::<f64>();
    // Without a tolerance: positions, weights and sums are those of SciPy, whose rounding decides about voxels halfway.
    let winners = corners.iter().map(|corner| corner.0).filter(|&label| score(label) >= 0.5);
    winners.max().unwrap_or(0)
}

/// The label with the largest total weight among the eight surrounding voxels.
fn vote(labels: ArrayView3<'_, u16>, around: [Pair; 3]) -> u16 {
    let corners = corners(labels, around);
    if corners.iter().all(|(label, _)| *label == corners[0].0) {
        return corners[0].0;
    }
    let score = |label: u16| corners.iter().filter(|corner| corner.0 == label).map(|corner| corner.1).sum::<f64>();
    let mut winner = (corners[0].0, score(corners[0].0));
    for &(label, _) in &corners[1..] {
        let score = score(label);
        let tie = (score - winner.1).abs() <= TIE;
        if (tie && label < winner.0) || (!tie && score > winner.1) {
            winner = (label, score);
        }
    }
    winner.0
}
