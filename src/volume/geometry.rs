//! Where a grid of voxels lies in the patient.

use serde::{Deserialize, Serialize};

/// A voxel grid in RAS+ world millimetres.
///
/// Arrays are indexed `[z, y, x]`; the affine maps `(x, y, z, 1)` = (width, height, depth index) to millimetres, as in
/// NIfTI. `shape` and `spacing_mm()` are in array order `[z, y, x]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Voxels along `[depth, height, width]`.
    pub shape: [usize; 3],
    /// Rows of the 3×4 voxel → world matrix; columns are the x, y, z voxel axes and the origin.
    pub affine: [[f64; 4]; 3],
    /// False for images without physical size (a PNG): then distances are in voxels and say so.
    pub has_spacing: bool,
}

impl Geometry {
    /// A grid along the world axes with its first voxel at the origin.
    pub fn axis_aligned(shape: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        let [z, y, x] = spacing_mm;
        let affine = [[x, 0.0, 0.0, 0.0], [0.0, y, 0.0, 0.0], [0.0, 0.0, z, 0.0]];
        Self { shape, affine, has_spacing: true }
    }

    /// Distance between neighbouring voxel centres along `[z, y, x]`, in millimetres (1 where there is no spacing).
    pub fn spacing_mm(&self) -> [f64; 3] {
        let length = |axis: usize| self.affine.iter().map(|row| row[axis] * row[axis]).sum::<f64>().sqrt();
        [length(2), length(1), length(0)]
    }

    /// Volume of one voxel in cubic millimetres: |det| of the affine, right for sheared grids too.
    pub fn voxel_mm3(&self) -> f64 {
        let a = &self.affine;
        (a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0])
            + a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]))
            .abs()
    }

    /// Number of voxels.
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }
}
