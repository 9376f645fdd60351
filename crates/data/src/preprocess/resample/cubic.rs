//! Cubic spline interpolation along one axis, sixteen lines at a time.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis};

use super::{position, zeros};

/// Number of lines filtered side by side, so that the recursive filter is vectorised.
const LANES: usize = 16;

/// The values of all lanes at one position.
type Row = [f64; LANES];

/// Pole of the cubic B-spline's inverse filter, √3 − 2 (Unser 1999).
const POLE: f64 = -0.267_949_192_431_122_7;

/// Number of rows after which powers of the pole are below double precision.
const POLE_REACH: usize = 40;

/// Edge voxels repeated on each side, as in SciPy, within which the filter's response to the border decays.
const PADDING: usize = 12;

/// The four rows around an output position and their weights.
struct Taps {
    first: usize,
    weights: [f64; 4],
}

/// Resamples `image` along `axis` to `length` voxels.
pub(super) fn resample_axis(image: ArrayView3<'_, f32>, axis: usize, length: usize) -> Array3<f32> {
    let mut shape = [0, 1, 2].map(|axis| image.len_of(Axis(axis)));
    let old = shape[axis];
    shape[axis] = length;
    let mut result = zeros(shape);
    let taps: Vec<Taps> = (0..length).map(|index| Taps::at(position(index, old, length))).collect();
    // Lines adjacent in memory are filtered together; slabs perpendicular to them are independent.
    let (across, beside) = if axis == 2 { (0, 1) } else { (1 - axis, 2) };
    let from = image.permuted_axes([across, axis, beside]);
    let mut to = result.view_mut().permuted_axes([across, axis, beside]);
    let slabs = to.axis_iter_mut(Axis(0)).into_par_iter().zip(from.axis_iter(Axis(0)).into_par_iter());
    slabs.for_each(|(mut to, from)| {
        let lanes = from.axis_chunks_iter(Axis(1), LANES).zip(to.axis_chunks_iter_mut(Axis(1), LANES));
        lanes.for_each(|(from, to)| resample_lanes(from, to, &taps));
    });
    result
}

/// Resamples up to sixteen lines: `from[position, lane]` to `to[position, lane]`.
fn resample_lanes(from: ArrayView2<'_, f32>, mut to: ArrayViewMut2<'_, f32>, taps: &[Taps]) {
    let mut rows = padded(from);
    spline_coefficients(&mut rows);
    for (mut out, taps) in to.outer_iter_mut().zip(taps) {
        let mut sum = [0.0; LANES];
        for (row, weight) in rows[taps.first..].iter().zip(&taps.weights) {
            for lane in 0..LANES {
                sum[lane] += row[lane] * weight;
            }
        }
        for (value, sum) in out.iter_mut().zip(sum) {
            *value = sum as f32;
        }
    }
}

/// The lines, padded by repeating their end voxels.
fn padded(from: ArrayView2<'_, f32>) -> Vec<Row> {
    let length = from.nrows();
    let mut rows = vec![[0.0; LANES]; length + 2 * PADDING];
    for (index, row) in rows.iter_mut().enumerate() {
        let source = from.row(index.saturating_sub(PADDING).min(length - 1));
        for (value, &voxel) in row.iter_mut().zip(source) {
            *value = f64::from(voxel);
        }
    }
    rows
}

/// Converts samples to cubic B-spline coefficients in place, mirrored at the borders (half-sample symmetric), by one causal
/// and one anticausal recursion (Unser 1999; the same boundary as `scipy.ndimage` with `mode="nearest"`).
fn spline_coefficients(rows: &mut [Row]) {
    const GAIN: f64 = (1.0 - POLE) * (1.0 - 1.0 / POLE);
    let last = rows.len() - 1;
    let mut start = [0.0; LANES];
    let mut power = POLE;
    for row in &rows[..rows.len().min(POLE_REACH)] {
        start.iter_mut().zip(row).for_each(|(sum, value)| *sum += power * value);
        power *= POLE;
    }
    rows[0].iter_mut().zip(start).for_each(|(value, start)| *value = GAIN * (*value + start));
    for index in 1..=last {
        let previous = rows[index - 1];
        rows[index].iter_mut().zip(previous).for_each(|(value, previous)| *value = GAIN * *value + POLE * previous);
    }
    rows[last].iter_mut().for_each(|value| *value *= POLE / (POLE - 1.0));
    for index in (0..last).rev() {
        let next = rows[index + 1];
        rows[index].iter_mut().zip(next).for_each(|(value, next)| *value = POLE * (next - *value));
    }
}

impl Taps {
    fn at(position: f64) -> Self {
        let floor = position.floor();
        let (t, s) = (position - floor, 1.0 - (position - floor));
        let inner = |distance: f64| (distance * distance * (distance - 2.0) * 3.0 + 4.0) / 6.0;
        let weights = [s * s * s / 6.0, inner(t), inner(s), t * t * t / 6.0];
        let first = floor as isize + PADDING as isize - 1;
        Self { first: first.max(0) as usize, weights }
    }
}
