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
/// One-hot linear assigns each voxel the label with the largest linearly interpolated mask; ties go to the smaller label. One-hot nearest
/// gives ties to the label of the nearest voxel (`resize_segmentation` of batchgenerators 0.25.5). Both
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
            let vote = if interpolation == LabelInterpolation::OneHotNearest { vote_nearest } else { vote };
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

/// The label with the largest total weight among the eight surrounding voxels; of exactly equal ones that of the nearest voxel, else the
/// smallest. Without a tolerance: positions, weights and sums are those of SciPy, whose rounding decides.
fn vote_nearest(labels: ArrayView3<'_, u16>, around: [Pair; 3]) -> u16 {
    let corners = corners(labels, around);
    let score = |label: u16| corners.iter().filter(|corner| corner.0 == label).map(|corner| corner.1).sum::<f64>();
    let best = corners.iter().map(|corner| score(corner.0)).fold(0.0, f64::max);
    // Halfway between two voxels, the later one is the nearest.
    let [z, y, x] = around.map(|pair| if pair.weight < 0.5 { pair.low } else { pair.high });
    let nearest = labels[[z, y, x]];
    let tied = corners.iter().map(|corner| corner.0).filter(|&label| score(label) == best);
    if score(nearest) == best { nearest } else { tied.min().unwrap_or(nearest) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr3;

    #[test]
    fn ties_go_to_the_nearest_voxel_or_the_smallest_label() {
        // Two voxels become one: exactly halfway, the later one is the nearest.
        for (voxels, nearest) in [([2, 0], 0), ([0, 2], 2), ([5, 2], 2)] {
            let labels = arr3(&[[voxels]]);
            let to = |interpolation| resample_labels(labels.view(), [1, 1, 1], interpolation, None)[[0, 0, 0]];
            assert_eq!(to(LabelInterpolation::OneHotNearest), nearest, "{voxels:?}");
            assert_eq!(to(LabelInterpolation::OneHotLinear), voxels[0].min(voxels[1]), "{voxels:?}");
        }
        // The nearest voxel's label, 3, lost: batchgenerators keeps the smaller of 1 and 2.
        let labels = arr3(&[[[3, 1], [1, 1]], [[2, 2], [2, 3]]]);
        let found = resample_labels(labels.view(), [1; 3], LabelInterpolation::OneHotNearest, None);
        assert_eq!(found[[0, 0, 0]], 1);
    }
}
