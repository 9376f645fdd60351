//! Labels on another grid.

use ndarray::{Array3, ArrayView3, Axis};
use rayon::prelude::*;

use super::{Geometry, LabelMap, Segmentation, Segments};

/// Resamples a label map to another grid: each voxel takes the label nearest to its centre, or background outside the label map.
pub fn nearest(label: &LabelMap, grid: &Geometry) -> LabelMap {
    let value = |place: [f64; 3]| {
        let index = place.map(|at| at.round());
        if index.iter().any(|at| *at < 0.0) {
            return 0;
        }
        label.voxels.get(index.map(|at| at as usize)).copied().unwrap_or(0)
    };
    LabelMap { voxels: sampled(&label.geometry, grid, value), geometry: grid.clone() }
}

/// Segments on another grid, each voxel as in [`nearest`].
#[must_use]
pub fn segments(segments: Segments, grid: &Geometry) -> Segments {
    let content = match segments.content {
        Segmentation::Labels(labels) => Segmentation::Labels(nearest(&labels, grid)),
        Segmentation::Masks { masks, geometry } => {
            let [depth, height, width] = grid.shape;
            let mut put = ndarray::Array4::zeros([masks.dim().0, depth, height, width]);
            for (mask, mut target) in masks.axis_iter(Axis(0)).zip(put.axis_iter_mut(Axis(0))) {
                let labels = LabelMap { voxels: mask.mapv(u16::from), geometry: geometry.clone() };
                target.assign(&nearest(&labels, grid).voxels.mapv(|inside| u8::from(inside != 0)));
            }
            Segmentation::Masks { masks: put, geometry: grid.clone() }
        }
    };
    Segments { segments: segments.segments, content }
}

/// Labelled voxels of a grid, and those of them that lie outside an image.
pub fn presence(labels: ArrayView3<u16>, geometry: &Geometry, image: &Geometry) -> (usize, usize) {
    let (mut labelled, mut outside) = (0, 0);
    for ((z, y, x), _) in labels.indexed_iter().filter(|(_, label)| **label > 0) {
        let place = image.to_voxel(geometry.to_world([z as f64, y as f64, x as f64]));
        let within = |axis: usize, at: f64| at >= -0.5 && at <= image.shape[axis] as f64 - 0.5;
        labelled += 1;
        outside += usize::from(!place.is_some_and(|place| (0..3).all(|axis| within(axis, place[axis]))));
    }
    (labelled, outside)
}

/// The box around a grid in words.
pub fn bounds(grid: &Geometry) -> String {
    let [low, high] = grid.bounds_mm();
    let axis = |index: usize| format!("{:.1} to {:.1}", low[index], high[index]);
    format!("x {}, y {}, z {} mm", axis(0), axis(1), axis(2))
}

/// Computes a value for every voxel of `grid` from its position `[z, y, x]` in the grid `from`.
pub fn sampled<T: Copy + Default + Send + Sync>(
    from: &Geometry,
    grid: &Geometry,
    value: impl Fn([f64; 3]) -> T + Sync,
) -> Array3<T> {
    let mut result = Array3::from_elem(grid.shape, T::default());
    result.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
        for ((y, x), target) in plane.indexed_iter_mut() {
            if let Some(place) = from.to_voxel(grid.to_world([z as f64, y as f64, x as f64])) {
                *target = value(place);
            }
        }
    });
    result
}
