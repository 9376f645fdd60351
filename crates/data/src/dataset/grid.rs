//! Resampling between the grids of images and labels of a case.

use std::path::Path;

use ndarray::{Array3, ArrayView3, Axis};
use rayon::prelude::*;

use super::Case;
use super::read::{CaseError, GRID_TOLERANCE};
use crate::volume::dicom::Series;
use crate::volume::{Geometry, LabelMap, Volume};

/// Resamples a label map to another grid: each voxel takes the label nearest to its centre, or background outside the label map.
pub fn resample_labels_to(label: &LabelMap, grid: &Geometry) -> LabelMap {
    let nearest = |place: [f64; 3]| {
        let index = place.map(|at| at.round());
        if index.iter().any(|at| *at < 0.0) {
            return 0;
        }
        label.voxels.get(index.map(|at| at as usize)).copied().unwrap_or(0)
    };
    LabelMap { voxels: sampled(&label.geometry, grid, nearest), geometry: grid.clone() }
}

/// Whether the voxels of a grid are a subset of those of another grid.
pub fn is_subgrid(grid: &Geometry, whole: &Geometry) -> bool {
    let corners =
        (0..8).map(|corner| [0, 1, 2].map(|axis| ((grid.shape[axis].max(1) - 1) * (corner >> axis & 1)) as f64));
    corners.into_iter().all(|corner| {
        let Some(place) = whole.to_voxel(grid.to_world(corner)) else { return false };
        (0..3).all(|axis| {
            let (nearest, last) = (place[axis].round(), (whole.shape[axis].max(1) - 1) as f64);
            (place[axis] - nearest).abs() < GRID_TOLERANCE && (0.0..=last).contains(&nearest)
        })
    }) && (grid.voxel_mm3() / whole.voxel_mm3() - 1.0).abs() < GRID_TOLERANCE
}

/// Resamples an image linearly to another grid. Beyond its edge the nearest voxel is used, as in ITK's extrapolation.
pub fn resample_volume_to(volume: &Volume, grid: &Geometry) -> Volume {
    let mut voxels = ndarray::Array4::zeros((volume.voxels.dim().0, grid.shape[0], grid.shape[1], grid.shape[2]));
    for (channel, mut target) in volume.voxels.outer_iter().zip(voxels.outer_iter_mut()) {
        target.assign(&sampled(&volume.geometry, grid, |place| linear(channel, place)));
    }
    Volume { voxels, geometry: grid.clone() }
}

/// Computes a value for every voxel of `grid` from its position `[z, y, x]` in the grid `from`.
fn sampled<T: Copy + Default + Send + Sync>(
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

fn linear(values: ArrayView3<f32>, place: [f64; 3]) -> f32 {
    let shape = [values.dim().0, values.dim().1, values.dim().2];
    let along = |axis: usize| {
        let at = place[axis].clamp(0.0, (shape[axis].max(1) - 1) as f64);
        let low = (at.floor() as usize).min(shape[axis].max(2) - 2);
        (low, (low + 1).min(shape[axis] - 1), (at - low as f64) as f32)
    };
    let ([z, y, x], mut sum) = ([along(0), along(1), along(2)], 0.0);
    for (z, of_z) in [(z.0, 1.0 - z.2), (z.1, z.2)] {
        for (y, of_y) in [(y.0, 1.0 - y.2), (y.1, y.2)] {
            for (x, of_x) in [(x.0, 1.0 - x.2), (x.1, x.2)] {
                sum += of_z * of_y * of_x * values[[z, y, x]];
            }
        }
    }
    sum
}

/// The slice index of each image file of a case, in file-name order.
pub fn slices_by_name(case: &Case, image: &Geometry) -> Result<Vec<usize>, CaseError> {
    let Some(folder) = case.images.first().filter(|path| path.is_dir() && case.stack_spacing_mm.is_none()) else {
        return Ok((0..image.shape[0]).collect());
    };
    let series = Series::open(folder, &case.choice(0))?;
    let mut slices: Vec<(&Path, usize)> = series.slices().collect();
    slices.sort();
    Ok(slices.into_iter().map(|(_, slice)| slice).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_on_a_coarser_shifted_grid_is_taken_from_the_nearest_voxel() {
        let mut label = LabelMap {
            voxels: Array3::from_shape_fn((2, 2, 2), |(z, y, x)| (1 + 4 * z + 2 * y + x) as u16),
            geometry: Geometry::axis_aligned([2, 2, 2], [2.0, 2.0, 2.0]),
        };
        label.geometry.affine[0][3] = 1.0;
        let grid = Geometry::axis_aligned([3, 1, 4], [1.0, 1.0, 1.0]);
        let put = resample_labels_to(&label, &grid);
        // Along x the label's voxels are at 1 and 3 mm and the grid's at 0, 1, 2, 3; along z at 0 and 2, and 0, 1, 2.
        assert_eq!(put.voxels.index_axis(Axis(0), 0).iter().copied().collect::<Vec<_>>()[1], 1);
        assert_eq!(put.voxels[[0, 0, 3]], 2);
        assert_eq!(put.voxels[[2, 0, 1]], 5);
        assert_eq!(put.geometry, grid);
    }

    #[test]
    fn a_linear_image_stays_linear_on_another_grid() {
        let place = |at: [f64; 3]| (at[0] * 2.0 - at[1] + at[2] * 0.5) as f32;
        let coarse = Geometry::axis_aligned([4, 5, 6], [3.0, 2.0, 2.5]);
        let voxels = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| {
            let [x, y, z] = coarse.to_world([z as f64, y as f64, x as f64]);
            place([x, y, z])
        });
        let mut grid = Geometry::axis_aligned([8, 7, 9], [1.0, 1.0, 1.0]);
        for row in &mut grid.affine {
            row[3] = 0.6;
        }
        let put = resample_volume_to(&Volume { voxels: voxels.insert_axis(Axis(0)), geometry: coarse }, &grid);
        for ((_, z, y, x), value) in put.voxels.indexed_iter() {
            let expected = place(grid.to_world([z as f64, y as f64, x as f64]));
            assert!((value - expected).abs() < 1e-4, "{value} instead of {expected}");
        }
    }

    #[test]
    fn an_image_of_one_slice_is_sampled_in_its_plane() {
        let values = Array3::from_shape_fn((1, 2, 2), |(_, y, x)| (2 * y + x) as f32);
        assert_eq!(linear(values.view(), [0.0, 0.5, 0.5]), 1.5);
        assert_eq!(linear(values.view(), [3.0, -1.0, 9.0]), 1.0);
    }
}
