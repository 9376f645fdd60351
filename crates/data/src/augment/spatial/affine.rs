//! Rotation, zoom, shear and translation: linear maps of millimetres `[z, y, x]` from a patch to its case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Draft;
use crate::augment::dice::Dice;
use crate::augment::transform::{Grid, Mistake, SpatialTransform, Transform, above_zero, symmetric};

/// Rows by columns, `[z, y, x]`.
pub type Matrix = [[f64; 3]; 3];

/// Changes nothing.
pub const IDENTITY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Rotates the patch about its centre, about all axes at once, each angle uniform.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Rotation {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Largest angle about `[depth, height, width]` in either direction, in degrees. Within slices only the first one counts.
    pub degrees: [f64; 3],
}

impl Default for Rotation {
    fn default() -> Self {
        Self { probability: 0.2, degrees: [30.0; 3] }
    }
}

/// Enlarges or shrinks the content. The inverse of the factor is uniform, as in nnU-Net.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Zoom {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Smallest and largest factor: 2 makes structures twice as large. nnU-Net's 0.7…1.4 are inverse factors.
    pub factors: [f64; 2],
    /// Draw a factor per axis instead of one for all.
    pub per_axis: bool,
}

impl Default for Zoom {
    fn default() -> Self {
        Self { probability: 0.2, factors: [1.0 / 1.4, 1.0 / 0.7], per_axis: false }
    }
}

/// Shears every axis along every other one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Shear {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Largest angle in either direction, in degrees.
    #[schemars(range(min = 0.0, max = 45.0))]
    pub degrees: f64,
}

impl Default for Shear {
    fn default() -> Self {
        Self { probability: 0.2, degrees: 5.0 }
    }
}

/// Shifts the content, so that a patch centred on a structure shows it off-centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Translation {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Largest distance along `[depth, height, width]` in either direction.
    pub range_mm: [f64; 3],
}

impl Default for Translation {
    fn default() -> Self {
        Self { probability: 0.2, range_mm: [10.0; 3] }
    }
}

impl Transform for Rotation {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }

    fn mistakes(&self) -> Vec<Mistake> {
        symmetric("degrees", self.degrees)
    }
}

impl SpatialTransform for Rotation {
    /// About depth first, then height, then width (nnU-Net's order).
    fn draw(&self, grid: Grid, dice: &mut Dice, draft: &mut Draft) {
        let about = |axis: usize, dice: &mut Dice| {
            let most = if grid.in_plane && axis > 0 { 0.0 } else { self.degrees[axis] };
            rotation(axis, dice.between([-most, most]))
        };
        let [depth, height, width] = [about(0, dice), about(1, dice), about(2, dice)];
        draft.outer = product(draft.outer, product(width, product(height, depth)));
    }
}

impl Transform for Zoom {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("factors", self.factors)
    }
}

impl SpatialTransform for Zoom {
    fn draw(&self, grid: Grid, dice: &mut Dice, draft: &mut Draft) {
        // The step in the case per step in the patch.
        let range = self.factors.map(|factor| 1.0 / factor);
        let all = dice.between(range);
        let mut matrix = IDENTITY;
        for (axis, row) in matrix.iter_mut().enumerate().skip(usize::from(grid.in_plane)) {
            row[axis] = if self.per_axis { dice.between(range) } else { all };
        }
        draft.inner = product(matrix, draft.inner);
    }
}

impl Transform for Shear {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }
}

impl SpatialTransform for Shear {
    fn draw(&self, grid: Grid, dice: &mut Dice, draft: &mut Draft) {
        let mut matrix = IDENTITY;
        for (row, values) in matrix.iter_mut().enumerate() {
            for (column, value) in values.iter_mut().enumerate().filter(|(column, _)| *column != row) {
                let angle = dice.between([-self.degrees, self.degrees]);
                if !(grid.in_plane && (row == 0 || column == 0)) {
                    *value = angle.to_radians().tan();
                }
            }
        }
        draft.outer = product(draft.outer, matrix);
    }
}

impl Transform for Translation {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }

    fn mistakes(&self) -> Vec<Mistake> {
        symmetric("range-mm", self.range_mm)
    }
}

impl SpatialTransform for Translation {
    fn draw(&self, grid: Grid, dice: &mut Dice, draft: &mut Draft) {
        for axis in 0..3 {
            let distance = dice.between([-self.range_mm[axis], self.range_mm[axis]]);
            draft.moved_mm[axis] += if grid.in_plane && axis == 0 { 0.0 } else { distance };
        }
    }
}

/// A rotation about one axis, in the plane of the other two in their order.
pub(super) fn rotation(axis: usize, degrees: f64) -> Matrix {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let [first, second] = [[1, 2], [0, 2], [0, 1]][axis];
    let mut matrix = IDENTITY;
    matrix[first][first] = cosine;
    matrix[second][second] = cosine;
    matrix[first][second] = -sine;
    matrix[second][first] = sine;
    matrix
}

/// The map that applies `right` first.
pub(super) fn product(left: Matrix, right: Matrix) -> Matrix {
    let axes = [0, 1, 2];
    axes.map(|row| axes.map(|column| axes.map(|k| left[row][k] * right[k][column]).iter().sum()))
}
