//! Linear interpolation along one axis.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView1, ArrayView3, ArrayViewMut1, Axis, Zip};

use super::{position, zeros};

/// The two voxels around a position and the weight of the second.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub low: usize,
    pub high: usize,
    pub weight: f64,
}

impl Pair {
    fn mix(self, low: f32, high: f32) -> f32 {
        (f64::from(low) * (1.0 - self.weight) + f64::from(high) * self.weight) as f32
    }
}

/// For each of `new` voxels, the two of `old` around it; edge voxels repeat beyond the border.
pub(super) fn pairs(old: usize, new: usize) -> Vec<Pair> {
    let last = old - 1;
    let pair = |index| {
        let at = position(index, old, new).clamp(0.0, last as f64);
        let low = at.floor() as usize;
        Pair { low, high: (low + 1).min(last), weight: at - low as f64 }
    };
    (0..new).map(pair).collect()
}

/// Resamples `image` along `axis` to `length` voxels.
pub(super) fn resample_axis(image: ArrayView3<'_, f32>, axis: usize, length: usize) -> Array3<f32> {
    let mut shape = [0, 1, 2].map(|axis| image.len_of(Axis(axis)));
    let pairs = pairs(shape[axis], length);
    shape[axis] = length;
    let mut result = zeros(shape);
    let slices = result.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
    slices.for_each(|(z, mut slice)| {
        let [below, above] = match axis {
            0 => [pairs[z].low, pairs[z].high],
            _ => [z, z],
        };
        let [below, above] = [below, above].map(|z| image.index_axis_move(Axis(0), z));
        for (y, row) in slice.outer_iter_mut().enumerate() {
            match axis {
                0 => blend(row, below.row(y), above.row(y), pairs[z]),
                1 => blend(row, below.row(pairs[y].low), below.row(pairs[y].high), pairs[y]),
                _ => along(row, below.row(y), &pairs),
            }
        }
    });
    result
}

/// Interpolates a row between two rows.
fn blend(target: ArrayViewMut1<'_, f32>, low: ArrayView1<'_, f32>, high: ArrayView1<'_, f32>, pair: Pair) {
    Zip::from(target).and(low).and(high).for_each(|value, &low, &high| *value = pair.mix(low, high));
}

/// Interpolates along a row.
fn along(target: ArrayViewMut1<'_, f32>, source: ArrayView1<'_, f32>, pairs: &[Pair]) {
    for (value, pair) in target.into_iter().zip(pairs) {
        *value = pair.mix(source[pair.low], source[pair.high]);
    }
}
