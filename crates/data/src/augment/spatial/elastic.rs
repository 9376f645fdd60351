//! A smooth deformation: random displacements at the points of a coarse grid, cubic B-splines in between (Rueckert et al. 1999).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Draft;
use crate::augment::dice::Dice;
use crate::augment::transform::{Grid, Mistake, SpatialTransform, Transform, symmetric};

/// Displacements above this fraction of the grid's spacing can fold space (Choi and Lee 2000: 0.40 in 3D).
const MAX_DISPLACEMENT: f64 = 0.4;

/// Deforms the patch smoothly by a grid of B-splines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Elastic {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Distance between control points along `[depth, height, width]`.
    pub spacing_mm: [f64; 3],
    /// Largest displacement of a control point in either direction, each uniform; above 0.4 of the spacing, space may fold.
    pub displacement_mm: [f64; 3],
}

impl Default for Elastic {
    fn default() -> Self {
        Self { probability: 0.2, spacing_mm: [32.0; 3], displacement_mm: [8.0; 3] }
    }
}

impl Transform for Elastic {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn is_planar(&self) -> bool {
        true
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let folds = (0..3).filter_map(|axis| self.folds(axis));
        symmetric("displacement-mm", self.displacement_mm).into_iter().chain(folds).collect()
    }
}

impl SpatialTransform for Elastic {
    /// Within slices, displacements are the same in every slice, and none is along the depth.
    fn draw(&self, Grid { size, spacing_mm, in_plane }: Grid, dice: &mut Dice, draft: &mut Draft) {
        let axis = |axis: usize| match in_plane && axis == 0 {
            true => Axis::constant(size[0]),
            false => Axis::new(size[axis], spacing_mm[axis], self.spacing_mm[axis]),
        };
        let axes = [axis(0), axis(1), axis(2)];
        let count = axes[0].points * axes[1].points * axes[2].points;
        let control = [0, 1, 2].map(|component| {
            let most = if in_plane && component == 0 { 0.0 } else { self.displacement_mm[component] };
            (0..count).map(|_| dice.anywhere([-most, most]) as f32).collect()
        });
        draft.field = Some(Field::new(axes, control));
    }
}

impl Elastic {
    /// What is wrong with the grid along an axis.
    fn folds(&self, axis: usize) -> Option<Mistake> {
        let (spacing, displacement) = (self.spacing_mm[axis], self.displacement_mm[axis]);
        let (most, item) = (MAX_DISPLACEMENT * spacing, Some(axis));
        if spacing <= 0.0 {
            let message = format!("`spacing-mm` must be above 0, got {spacing}");
            let help = "use the distance of control points, for example 32".into();
            return Some(Mistake { key: "spacing-mm", item, message, help });
        }
        let message = format!("displacements of {displacement} mm can fold a grid with a spacing of {spacing} mm");
        let help = format!("use at most {most} mm here, 0.4 of the spacing");
        (displacement > most + 1e-9).then_some(Mistake { key: "displacement-mm", item, message, help })
    }
}

/// Control points along one axis, and the four weights of each voxel.
struct Axis {
    points: usize,
    /// The first of the four points around each voxel.
    first: Vec<usize>,
    weights: Vec<[f32; 4]>,
}

impl Axis {
    /// Intervals of the grid that cover the voxel centres, with the patch in their middle.
    fn new(voxels: usize, voxel_mm: f64, spacing_mm: f64) -> Self {
        let extent = voxels.saturating_sub(1) as f64 * voxel_mm;
        let intervals = ((extent / spacing_mm).ceil() as usize).max(1);
        let margin = (intervals as f64 * spacing_mm - extent) / 2.0;
        let place = |voxel: usize| {
            let at = (voxel as f64 * voxel_mm + margin) / spacing_mm;
            let first = (at as usize).min(intervals - 1);
            (first, basis(at - first as f64))
        };
        let (first, weights) = (0..voxels).map(place).unzip();
        Self { points: intervals + 3, first, weights }
    }

    /// One value for all voxels.
    fn constant(voxels: usize) -> Self {
        Self { points: 4, first: vec![0; voxels], weights: vec![[1.0, 0.0, 0.0, 0.0]; voxels] }
    }
}

/// The four cubic B-splines that are not zero at `t` in 0…1 between the second and the third control point.
fn basis(t: f64) -> [f32; 4] {
    let s = 1.0 - t;
    let (t2, s2) = (t * t, s * s);
    let inner = |near: f64, square: f64| (4.0 - 6.0 * square + 3.0 * square * near) / 6.0;
    [s2 * s / 6.0, inner(t, t2), inner(s, s2), t2 * t / 6.0].map(|weight| weight as f32)
}

/// Displacements in mm, interpolated axis by axis: once per slice, once per row, then four products per voxel.
pub struct Field {
    axes: [Axis; 3],
    /// Per component, `[z, y, x]` of the control points.
    control: [Vec<f32>; 3],
    /// Per component, `[y, x]` of the control points.
    slice: [Vec<f32>; 3],
    /// Per component, `[x]` of the control points.
    row: [Vec<f32>; 3],
}

impl Field {
    fn new(axes: [Axis; 3], control: [Vec<f32>; 3]) -> Self {
        let [_, height, width] = [0, 1, 2].map(|axis: usize| axes[axis].points);
        let zeros = |count: usize| [0, 1, 2].map(|_| vec![0.0; count]);
        Self { slice: zeros(height * width), row: zeros(width), axes, control }
    }

    /// Interpolates along z for a slice.
    pub(super) fn enter_slice(&mut self, z: usize) {
        contract(&self.control, &mut self.slice, self.axes[0].first[z], self.axes[0].weights[z]);
    }

    /// Interpolates along y for a row of the slice.
    pub(super) fn enter_row(&mut self, y: usize) {
        contract(&self.slice, &mut self.row, self.axes[1].first[y], self.axes[1].weights[y]);
    }

    /// Displacements along the row, `[x]` of each component.
    pub(super) fn write(&self, displacement: &mut [Vec<f32>; 3]) {
        let along = &self.axes[2];
        for (values, row) in displacement.iter_mut().zip(&self.row) {
            for ((value, &first), weights) in values.iter_mut().zip(&along.first).zip(&along.weights) {
                let around = &row[first..first + 4];
                *value =
                    around[0] * weights[0] + around[1] * weights[1] + around[2] * weights[2] + around[3] * weights[3];
            }
        }
    }
}

/// Weighted sum of four neighbours along the first axis.
fn contract(from: &[Vec<f32>; 3], to: &mut [Vec<f32>; 3], first: usize, weights: [f32; 4]) {
    for (from, to) in from.iter().zip(to) {
        let count = to.len();
        to.fill(0.0);
        for (k, weight) in weights.into_iter().enumerate() {
            let source = &from[(first + k) * count..(first + k + 1) * count];
            to.iter_mut().zip(source).for_each(|(to, from)| *to += weight * from);
        }
    }
}

#[cfg(test)]
impl Field {
    /// A field of given displacements.
    pub(super) fn over(size: [usize; 3], voxel_mm: [f64; 3], grid_mm: [f64; 3], control: [Vec<f32>; 3]) -> Self {
        Self::new([0, 1, 2].map(|axis: usize| Axis::new(size[axis], voxel_mm[axis], grid_mm[axis])), control)
    }

    /// A field of one axis's control points along the width, the same in every row.
    pub(super) fn along_width(size: [usize; 3], spacing_mm: f64, control: impl Fn(usize) -> f32) -> Self {
        let axes = [Axis::constant(size[0]), Axis::constant(size[1]), Axis::new(size[2], 1.0, spacing_mm)];
        let points = axes[2].points;
        let zeros = vec![0.0; 16 * points];
        let along = (0..16 * points).map(|index| control(index % points)).collect();
        Self::new(axes, [zeros.clone(), zeros, along])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_the_cubic_b_spline() {
        // By hand: B(2−t… ) at the knots is 1/6, 4/6, 1/6, and 1/48, 23/48, 23/48, 1/48 in the middle.
        let close = |found: [f32; 4], expected: [f64; 4]| {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((f64::from(found) - expected).abs() < 1e-7, "{found} {expected}");
            }
        };
        close(basis(0.0), [1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0, 0.0]);
        close(basis(1.0), [0.0, 1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0]);
        close(basis(0.5), [1.0 / 48.0, 23.0 / 48.0, 23.0 / 48.0, 1.0 / 48.0]);
    }

    #[test]
    fn a_linear_grid_of_displacements_is_reproduced_exactly() {
        // B-splines reproduce lines: control value k gives k − 1 + margin at the first voxel, and grows by voxel over spacing.
        let size = [2, 2, 9];
        let mut field = Field::along_width(size, 5.0, |point| point as f32);
        let mut found = [0, 1, 2].map(|_| vec![0.0; 9]);
        field.enter_slice(1);
        field.enter_row(1);
        field.write(&mut found);
        // Extent 8 mm, two intervals of 5 mm, margin 1 mm: voxel x lies at (x + 1)/5 intervals behind the second point.
        for (x, value) in found[2].iter().enumerate() {
            assert!((f64::from(*value) - (1.0 + (x as f64 + 1.0) / 5.0)).abs() < 1e-5, "{x}: {value}");
        }
        assert!(found[0].iter().chain(&found[1]).all(|value| *value == 0.0));
    }
}
