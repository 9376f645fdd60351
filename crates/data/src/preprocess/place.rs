//! Places between the world, the image as read and the prepared grid.

use std::ops::Range;

use super::Origin;

impl Origin {
    /// Fractional indices `[z, y, x]` on the prepared grid of a point in world millimetres `[x, y, z]` (RAS+), also outside it. None if the
    /// image's affine has no inverse.
    pub fn to_prepared(&self, world_mm: [f64; 3]) -> Option<[f64; 3]> {
        let whole = self.whole().to_voxel(world_mm)?;
        let (start, kept, prepared) = (self.crop.start, self.crop.shape(), self.prepared_shape);
        // The outer voxel edges of both grids coincide.
        Some([0, 1, 2].map(|axis| {
            (whole[axis] - start[axis] as f64 + 0.5) * prepared[axis] as f64 / kept[axis].max(1) as f64 - 0.5
        }))
    }

    /// Fractional index on the prepared grid of a voxel of the crop, along one axis.
    pub fn prepared_index(&self, axis: usize, cropped: usize) -> f64 {
        let scale = self.prepared_shape[axis] as f64 / self.crop.shape()[axis].max(1) as f64;
        (cropped as f64 + 0.5) * scale - 0.5
    }

    /// The voxels of the crop, along one axis, whose centres lie in a range of prepared voxels.
    pub fn cropped_range(&self, axis: usize, prepared: &Range<usize>) -> Range<usize> {
        let kept = self.crop.shape()[axis];
        let inside = |voxel: &usize| {
            let index = self.prepared_index(axis, *voxel) + 0.5;
            index >= prepared.start as f64 && index < prepared.end as f64
        };
        let first = (0..kept).find(inside).unwrap_or(kept);
        let count = (first..kept).take_while(inside).count();
        first..first + count
    }

    /// Whether a place on the prepared grid lies in one of its voxels.
    pub fn holds(&self, at: [f64; 3]) -> bool {
        (0..3).all(|axis| at[axis] >= -0.5 && at[axis] < self.prepared_shape[axis] as f64 - 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Orientation;
    use crate::preprocess::crop::CropBox;
    use crate::volume::Geometry;

    /// A flipped grid whose crop is resampled from 6×8×4 to 3×8×8 voxels.
    fn origin() -> Origin {
        let affine = [[-1.0, 0.0, 0.0, 40.0], [0.0, 2.0, 0.0, -10.0], [0.0, 0.0, -3.0, 7.0]];
        let geometry = Geometry { shape: [10, 12, 9], affine, has_spacing: true };
        Origin {
            geometry,
            orientation: Orientation::Canonical,
            crop: CropBox { start: [2, 1, 3], end: [8, 9, 7] },
            spacing_mm: [3.0, 2.0, 1.0],
            prepared_shape: [3, 8, 8],
            prepared_spacing_mm: [6.0, 2.0, 0.5],
            coarse_axis: None,
        }
    }

    #[test]
    fn a_point_in_the_world_is_found_on_the_prepared_grid() {
        let origin = origin();
        // Canonical voxel [z, y, x] = [5, 4, 6]: the stored one [4, 4, 2].
        let world = origin.whole().to_world([5.0, 4.0, 6.0]);
        assert_eq!(world, origin.geometry.to_world([4.0, 4.0, 2.0]));
        let found = origin.to_prepared(world).unwrap();
        let expected = [(5.0 - 2.0 + 0.5) / 2.0 - 0.5, 3.0, (6.0 - 3.0 + 0.5) * 2.0 - 0.5];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
        assert!(origin.holds(found));
        assert!(!origin.holds(origin.to_prepared(origin.whole().to_world([1.0, 4.0, 6.0])).unwrap()));
        for (axis, expected) in expected.iter().enumerate() {
            assert_eq!(origin.prepared_index(axis, [3, 3, 3][axis]), *expected);
        }
    }

    #[test]
    fn ranges_of_the_prepared_grid_divide_the_crop() {
        let origin = origin();
        assert_eq!(origin.cropped_range(0, &(0..2)), 0..4);
        assert_eq!(origin.cropped_range(0, &(2..3)), 4..6);
        assert_eq!(origin.cropped_range(1, &(3..5)), 3..5);
        assert_eq!(origin.cropped_range(2, &(0..3)), 0..1);
        assert_eq!(origin.cropped_range(2, &(3..8)), 1..4);
    }
}
