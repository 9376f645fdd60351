//! Resampling to another grid of the same extent, as in nnU-Net and scikit-image's `resize`.
//!
//! The outer voxel edges of both grids coincide: output voxel `k` is at `(k + ½)·old/new − ½`. Edge voxels repeat beyond
//! the border. No smoothing before downsampling.

mod cubic;
mod labels;
mod linear;

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView2, ArrayView3, Axis, CowArray, Ix3, Zip};

pub use labels::resample_labels;

use super::spec::ImageInterpolation;
use crate::memory;

/// Degree of the interpolating spline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Piecewise linear.
    Linear,
    /// Cubic B-spline, clipped to the input range to avoid overshoot (scikit-image's default).
    Cubic,
}

impl From<ImageInterpolation> for Order {
    fn from(interpolation: ImageInterpolation) -> Self {
        match interpolation {
            ImageInterpolation::Linear => Self::Linear,
            ImageInterpolation::Cubic => Self::Cubic,
        }
    }
}

/// Voxels along `[z, y, x]` after resampling: old shape × old spacing / new spacing, rounded half to even, at least 1.
pub fn resampled_shape(shape: [usize; 3], from_mm: [f64; 3], to_mm: [f64; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| {
        let voxels = from_mm[axis] / to_mm[axis] * shape[axis] as f64;
        (voxels.round_ties_even() as usize).max(1)
    })
}

/// The slice axis of an anisotropic image, along which nnU-Net uses nearest neighbour: the single axis of coarsest spacing, if
/// it is more than `threshold` times the finest spacing, in the old grid or otherwise in the new one.
pub fn coarse_axis(from_mm: [f64; 3], to_mm: [f64; 3], threshold: f64) -> Option<usize> {
    let extremes = |spacing: [f64; 3]| {
        spacing.iter().fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), &mm| (low.min(mm), high.max(mm)))
    };
    let decisive = [from_mm, to_mm].into_iter().find(|&spacing| {
        let (finest, coarsest) = extremes(spacing);
        coarsest / finest > threshold
    })?;
    let (_, coarsest) = extremes(decisive);
    let mut coarse = (0..3).filter(|&axis| decisive[axis] == coarsest);
    coarse.next().filter(|_| coarse.next().is_none())
}

/// Resamples an image `[z, y, x]` to another shape, with nearest neighbour along `coarse`.
///
/// Bit-identical for any number of threads.
pub fn resample(image: ArrayView3<'_, f32>, shape: [usize; 3], order: Order, coarse: Option<usize>) -> Array3<f32> {
    let mut result = CowArray::from(image);
    let Some(axis) = coarse else {
        let limits = (order == Order::Cubic && image.shape() != shape).then(|| range(image));
        smooth_axes(&mut result, shape, order, None);
        let mut result = owned(result);
        if let Some((low, high)) = limits {
            result.par_mapv_inplace(|value| value.clamp(low, high));
        }
        return result;
    };
    // Nearest neighbour commutes with the other axes: apply it first if it drops slices, last if it repeats them.
    if shape[axis] < image.len_of(Axis(axis)) {
        result = nearest(result.view(), axis, shape[axis]).into();
    }
    let changes = (0..3).any(|other| other != axis && image.len_of(Axis(other)) != shape[other]);
    if changes && order == Order::Cubic {
        let ranges: Vec<_> = result.axis_iter(Axis(axis)).map(|slice| range(slice.insert_axis(Axis(0)))).collect();
        smooth_axes(&mut result, shape, order, Some(axis));
        for (slice, range) in result.axis_iter_mut(Axis(axis)).zip(ranges) {
            Zip::from(slice).for_each(|value| *value = value.clamp(range.0, range.1));
        }
    } else {
        smooth_axes(&mut result, shape, order, Some(axis));
    }
    nearest(result.view(), axis, shape[axis])
}

/// The array as owned, in standard memory layout.
fn owned(array: CowArray<'_, f32, Ix3>) -> Array3<f32> {
    if array.is_standard_layout() { array.into_owned() } else { array.as_standard_layout().into_owned() }
}

/// Resamples the axes that shrink most first, which leaves fewer voxels for the others.
fn smooth_axes(image: &mut CowArray<'_, f32, Ix3>, shape: [usize; 3], order: Order, except: Option<usize>) {
    let mut axes: Vec<usize> = (0..3).filter(|&axis| Some(axis) != except).collect();
    axes.sort_by(|&a, &b| {
        let ratio = |axis: usize| shape[axis] as f64 / image.len_of(Axis(axis)) as f64;
        ratio(a).total_cmp(&ratio(b))
    });
    for axis in axes {
        if image.len_of(Axis(axis)) != shape[axis] {
            let resampled = match order {
                Order::Linear => linear::resample_axis(image.view(), axis, shape[axis]),
                Order::Cubic => cubic::resample_axis(image.view(), axis, shape[axis]),
            };
            *image = resampled.into();
        }
    }
}

/// Smallest and largest value.
fn range(image: ArrayView3<'_, f32>) -> (f32, f32) {
    let none = || (f32::INFINITY, f32::NEG_INFINITY);
    let wider = |a: (f32, f32), b: (f32, f32)| (a.0.min(b.0), a.1.max(b.1));
    let of_slice =
        |slice: ArrayView2<'_, f32>| slice.iter().fold(none(), |limits, &value| wider(limits, (value, value)));
    let limits = image.axis_iter(Axis(0)).into_par_iter().map(of_slice).reduce(none, wider);
    if limits.0 <= limits.1 { limits } else { (f32::NEG_INFINITY, f32::INFINITY) }
}

/// Nearest neighbour along one axis; halfway between two voxels, the later one.
fn nearest<A: Clone>(image: ArrayView3<'_, A>, axis: usize, length: usize) -> Array3<A> {
    let taken = image.select(Axis(axis), &nearest_indices(image.len_of(Axis(axis)), length));
    if taken.is_standard_layout() { taken } else { taken.as_standard_layout().into_owned() }
}

fn nearest_indices(old: usize, new: usize) -> Vec<usize> {
    (0..new).map(|index| ((position(index, old, new) + 0.5).floor().max(0.0) as usize).min(old - 1)).collect()
}

/// Zeros, `[z, y, x]`.
fn zeros(shape: [usize; 3]) -> Array3<f32> {
    // Cannot fail: the vector has the length of the shape.
    Array3::from_shape_vec(shape, memory::zeros(shape.iter().product())).unwrap_or_default()
}

/// Position of output voxel `index` on the input axis, in voxels.
fn position(index: usize, old: usize, new: usize) -> f64 {
    (index as f64 + 0.5) * (old as f64 / new as f64) - 0.5
}

#[cfg(test)]
mod tests;
