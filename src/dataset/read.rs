//! The files of a case: the image in one file with every channel or in one file per channel, and the label map.

use std::path::PathBuf;

use ndarray::{Array3, Axis, concatenate};

use super::Case;
use crate::volume::{Geometry, LabelMap, ReadError, Volume, read_label_map, read_volume};

/// Two images lie on one grid when their corners are at most this part of a voxel apart.
pub const GRID_TOLERANCE: f64 = 0.1;

/// Why the image of a case cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The case lists no file.
    #[error("case {case} has no image file")]
    NoImage {
        /// The case.
        case: String,
    },
    /// Channel files that do not belong together.
    #[error("{path}: lies on another grid than the case's first channel: {difference}")]
    ChannelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A case without label map where one is needed.
    #[error("case {case} has no label")]
    NoLabel {
        /// The case.
        case: String,
    },
    /// A label map that does not belong to its image.
    #[error(
        "{path}: image and label lie on different grids: {difference}; set `labels.resample-labels = true` to put \
         labels on the image's grid"
    )]
    LabelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
}

/// Reads all channels of a case, in channel order: `[channel, z, y, x]` on the grid of the first file.
///
/// # Errors
/// [`CaseError`], naming the file.
pub fn read_image(case: &Case) -> Result<Volume, CaseError> {
    let Some((first, others)) = case.images.split_first() else {
        return Err(CaseError::NoImage { case: case.name.clone() });
    };
    let mut image = read_volume(first)?;
    for path in others {
        let channel = read_volume(path)?;
        let wrong = |difference| CaseError::ChannelGrid { path: path.clone(), difference };
        image.geometry.same_grid(&channel.geometry, GRID_TOLERANCE).map_err(wrong)?;
        image.voxels = concatenate(Axis(0), &[image.voxels.view(), channel.voxels.view()])
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(image)
}

/// Reads the label map of a case on the grid of its image.
///
/// # Errors
/// [`CaseError`]: no label, an unreadable one, or one on another grid where the dataset does not allow it.
pub fn read_label(case: &Case, image: &Geometry) -> Result<LabelMap, CaseError> {
    let path = case.label.as_ref().ok_or_else(|| CaseError::NoLabel { case: case.name.clone() })?;
    let label = read_label_map(path)?;
    match image.same_grid(&label.geometry, GRID_TOLERANCE) {
        Ok(()) => Ok(label),
        Err(_) if case.resample_label => Ok(onto(&label, image)),
        Err(difference) => Err(CaseError::LabelGrid { path: path.clone(), difference }),
    }
}

/// A label map on another grid: each voxel takes the label nearest to its centre, background where there is none.
fn onto(label: &LabelMap, grid: &Geometry) -> LabelMap {
    let [depth, height, width] = grid.shape;
    let nearest = |(z, y, x): (usize, usize, usize)| {
        let place = label.geometry.to_voxel(grid.to_world([z as f64, y as f64, x as f64]))?;
        let index = place.map(|at| at.round());
        if index.iter().any(|at| *at < 0.0) {
            return None;
        }
        label.voxels.get(index.map(|at| at as usize)).copied()
    };
    let voxels = Array3::from_shape_fn((depth, height, width), |at| nearest(at).unwrap_or(0));
    LabelMap { voxels, geometry: grid.clone() }
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
        let put = onto(&label, &grid);
        // Along x the label's voxels lie at 1 and 3 mm, the grid's at 0, 1, 2, 3; along z at 0 and 2 against 0, 1, 2.
        assert_eq!(put.voxels.index_axis(Axis(0), 0).iter().copied().collect::<Vec<_>>()[1], 1);
        assert_eq!(put.voxels[[0, 0, 3]], 2);
        assert_eq!(put.voxels[[2, 0, 1]], 5);
        assert_eq!(put.geometry, grid);
    }
}
