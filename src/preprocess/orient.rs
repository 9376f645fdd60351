//! The lossless way to canonical RAS and back: a permutation of axes and flips.

use ndarray::{Array, ArrayView, Axis, Dimension};
use serde::{Deserialize, Serialize};

use crate::volume::Geometry;

/// How canonical `[z, y, x]` axes (towards superior, anterior, right) are found in an array as it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AxisMap {
    /// Canonical axis `i` is the stored axis `source[i]`.
    pub source: [usize; 3],
    /// Whether canonical axis `i` runs against it.
    pub flip: [bool; 3],
}

const PERMUTATIONS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

impl AxisMap {
    /// The map that brings a grid closest to RAS: each stored axis goes to the world axis that it runs along most, taken
    /// together (largest sum of absolute direction cosines).
    pub fn to_canonical(geometry: &Geometry) -> Self {
        let spacing = geometry.spacing_mm();
        let cosine = |canonical: usize, stored: usize| {
            let length = if spacing[stored] > 0.0 { spacing[stored] } else { 1.0 };
            geometry.affine[2 - canonical][2 - stored] / length
        };
        let aligned = |map: &[usize; 3]| (0..3).map(|axis| cosine(axis, map[axis]).abs()).sum::<f64>();
        let mut source = PERMUTATIONS[0];
        for candidate in &PERMUTATIONS[1..] {
            if aligned(candidate) > aligned(&source) + 1e-9 {
                source = *candidate;
            }
        }
        Self { source, flip: [0, 1, 2].map(|axis| cosine(axis, source[axis]) < 0.0) }
    }

    /// The map back.
    pub fn inverse(&self) -> Self {
        let mut inverse = *self;
        for canonical in 0..3 {
            inverse.source[self.source[canonical]] = canonical;
            inverse.flip[self.source[canonical]] = self.flip[canonical];
        }
        inverse
    }

    /// Reorders the last three axes `[…, z, y, x]` of an array.
    pub fn apply<A: Clone, D: Dimension>(&self, voxels: ArrayView<'_, A, D>) -> Array<A, D> {
        let leading = voxels.ndim() - 3;
        let mut order = D::zeros(voxels.ndim());
        for axis in 0..leading {
            order[axis] = axis;
        }
        for axis in 0..3 {
            order[leading + axis] = leading + self.source[axis];
        }
        let mut view = voxels.permuted_axes(order);
        for axis in (0..3).filter(|&axis| self.flip[axis]) {
            view.invert_axis(Axis(leading + axis));
        }
        view.as_standard_layout().into_owned()
    }

    /// The same world positions for the reordered array.
    pub fn apply_to_geometry(&self, geometry: &Geometry) -> Geometry {
        let mut result = geometry.clone();
        for canonical in 0..3 {
            let stored = self.source[canonical];
            result.shape[canonical] = geometry.shape[stored];
            let last = geometry.shape[stored].saturating_sub(1) as f64;
            for (to, from) in result.affine.iter_mut().zip(&geometry.affine) {
                let step = from[2 - stored];
                to[2 - canonical] = if self.flip[canonical] { -step } else { step };
                to[3] += if self.flip[canonical] { last * step } else { 0.0 };
            }
        }
        result
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ndarray::Array3;

    /// One geometry per axis permutation and flip, with different spacing along every axis.
    pub(crate) fn all_orientations(shape: [usize; 3]) -> Vec<Geometry> {
        let canonical = Geometry::axis_aligned(shape, [3.0, 2.0, 1.5]);
        let maps = PERMUTATIONS.iter().flat_map(|&source| {
            (0..8).map(move |bits| AxisMap { source, flip: [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0] })
        });
        maps.map(|map| map.apply_to_geometry(&canonical)).collect()
    }

    #[test]
    fn every_orientation_comes_to_ras_and_back() {
        let orientations = all_orientations([2, 3, 4]);
        assert_eq!(orientations.len(), 48);
        for geometry in orientations {
            let voxels = Array3::from_shape_fn(geometry.shape, |(z, y, x)| z * 100 + y * 10 + x);
            let map = AxisMap::to_canonical(&geometry);
            let canonical = map.apply(voxels.view());
            assert_eq!(canonical.dim(), (2, 3, 4));
            assert_eq!(map.apply_to_geometry(&geometry), Geometry::axis_aligned([2, 3, 4], [3.0, 2.0, 1.5]));
            assert_eq!(map.inverse().apply(canonical.view()), voxels);
        }
    }

    #[test]
    fn a_tilted_grid_takes_the_nearest_axes() {
        let (sine, cosine) = (0.5f64.sin(), 0.5f64.cos());
        let affine = [[-cosine, 0.0, sine, 5.0], [0.0, -1.0, 0.0, 0.0], [sine, 0.0, cosine, 0.0]];
        let map = AxisMap::to_canonical(&Geometry { shape: [4, 4, 4], affine, has_spacing: true });
        assert_eq!(map, AxisMap { source: [0, 1, 2], flip: [false, true, true] });
    }
}
