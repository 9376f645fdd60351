//! Position and orientation of a voxel grid in the patient.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Axes are sheared when the cosine of the angle between two of them is larger: header rounding stays well below.
const SHEAR_COSINE: f64 = 1e-3;

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
        [2, 1, 0].map(|axis| norm(self.column(axis)))
    }

    /// The same axes with another spacing `[z, y, x]` in millimetres: for files that state none.
    #[must_use]
    pub fn with_spacing(mut self, spacing_mm: [f64; 3]) -> Self {
        let own = self.spacing_mm();
        for row in &mut self.affine {
            for (axis, (wanted, found)) in spacing_mm.iter().zip(own).rev().enumerate() {
                if found > 0.0 {
                    row[axis] *= wanted / found;
                }
            }
        }
        self.has_spacing = true;
        self
    }

    /// Volume of one voxel in cubic millimetres: |det| of the affine, which also holds for sheared grids.
    pub fn voxel_mm3(&self) -> f64 {
        self.determinant().abs()
    }

    /// Number of voxels.
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// World millimetres `[x, y, z]` of a point given as fractional indices `[z, y, x]`.
    pub fn to_world(&self, voxel: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = voxel;
        self.affine.map(|row| row[0] * x + row[1] * y + row[2] * z + row[3])
    }

    /// Fractional indices `[z, y, x]` of a point in world millimetres, `None` if the affine has no inverse.
    pub fn to_voxel(&self, world_mm: [f64; 3]) -> Option<[f64; 3]> {
        let inverse = self.inverse_linear()?;
        let origin = self.column(3);
        let offset = [0, 1, 2].map(|axis| world_mm[axis] - origin[axis]);
        let [x, y, z] = inverse.map(|row| dot(row, offset));
        Some([z, y, x])
    }

    /// Length of the longest diagonal of the box that the voxels fill, edges included, in millimetres.
    pub fn diagonal_mm(&self) -> f64 {
        let [z, y, x] = self.shape.map(|count| count as f64);
        [[x, y, z], [-x, y, z], [x, -y, z], [x, y, -z]]
            .map(|size| norm(self.affine.map(|row| row[0] * size[0] + row[1] * size[1] + row[2] * size[2])))
            .into_iter()
            .fold(0.0, f64::max)
    }

    /// Smallest and largest world coordinates `[x, y, z]` of the box around all voxels, edges included, in millimetres.
    pub fn bounds_mm(&self) -> [[f64; 3]; 2] {
        let corners = (0..8_usize).map(|corner| {
            let edge = |axis: usize| if corner >> axis & 1 == 1 { self.shape[axis] as f64 - 0.5 } else { -0.5 };
            self.to_world([edge(0), edge(1), edge(2)])
        });
        let start = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
        corners.fold(start, |[low, high], corner| {
            [[0, 1, 2].map(|axis| low[axis].min(corner[axis])), [0, 1, 2].map(|axis| high[axis].max(corner[axis]))]
        })
    }

    /// Whether the voxel axes are not at right angles (gantry tilt): spacing then does not describe the grid.
    pub fn is_sheared(&self) -> bool {
        let [x, y, z] = self.directions();
        [dot(x, y), dot(x, z), dot(y, z)].iter().any(|cosine| cosine.abs() > SHEAR_COSINE)
    }

    /// Largest angle between a voxel axis and the world axis nearest to it, in degrees; 0 for an axis-aligned grid.
    pub fn obliqueness_deg(&self) -> f64 {
        let directions = self.directions();
        let smallest = super::Axes::of(self)
            .world
            .iter()
            .zip(directions)
            .map(|(&world, direction)| direction[world].abs())
            .fold(1.0, f64::min);
        smallest.min(1.0).acos().to_degrees()
    }

    /// World directions in which the x, y and z indices increase, as nibabel's `aff2axcodes`: `"RAS"`, `"LPI"`, …
    pub fn orientation(&self) -> String {
        let axes = super::Axes::of(self);
        axes.world
            .iter()
            .zip(axes.flipped)
            .map(|(&world, flipped)| ["LPI", "RAS"][usize::from(!flipped)].as_bytes()[world] as char)
            .collect()
    }

    /// Whether the voxels of the two grids coincide. Where one has no spacing, only shapes are compared.
    ///
    /// `tolerance` is the largest accepted distance between corresponding corners, as a fraction of the smallest spacing.
    ///
    /// # Errors
    /// What differs (shape, spacing, direction or origin), followed by both grids.
    pub fn same_grid(&self, other: &Self, tolerance: f64) -> Result<(), String> {
        let both = |difference: String| format!("{difference} ({self}; and {other})");
        if self.shape != other.shape {
            return Err(both(format!("shape {:?} and {:?} [z, y, x]", self.shape, other.shape)));
        }
        if !self.has_spacing || !other.has_spacing {
            return Ok(());
        }
        let smallest = self.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
        let distance = self.corner_distance_mm(other);
        if distance <= tolerance * smallest {
            return Ok(());
        }
        Err(both(self.difference(other, tolerance * smallest)))
    }

    /// Unit vectors of the voxel axes x, y, z in world coordinates.
    pub(super) fn directions(&self) -> [[f64; 3]; 3] {
        [0, 1, 2].map(|axis| {
            let column = self.column(axis);
            let length = norm(column);
            column.map(|part| if length > 0.0 { part / length } else { 0.0 })
        })
    }

    /// One column of the affine: the step along voxel axis x, y, z, or the origin.
    pub(super) fn column(&self, index: usize) -> [f64; 3] {
        self.affine.map(|row| row[index])
    }

    fn determinant(&self) -> f64 {
        dot(self.column(0), cross(self.column(1), self.column(2)))
    }

    fn inverse_linear(&self) -> Option<[[f64; 3]; 3]> {
        let determinant = self.determinant();
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let [x, y, z] = [0, 1, 2].map(|axis| self.column(axis));
        Some([cross(y, z), cross(z, x), cross(x, y)].map(|row| row.map(|part| part / determinant)))
    }

    fn corner_distance_mm(&self, other: &Self) -> f64 {
        let last = self.shape.map(|count| count.saturating_sub(1) as f64);
        (0..8_usize)
            .map(|corner| [0, 1, 2].map(|axis| if corner >> axis & 1 == 1 { last[axis] } else { 0.0 }))
            .map(|corner| distance(self.to_world(corner), other.to_world(corner)))
            .fold(0.0, f64::max)
    }

    /// Describes the most obvious difference between two grids of the same shape.
    fn difference(&self, other: &Self, tolerance_mm: f64) -> String {
        let longest = self.shape.into_iter().max().unwrap_or(1) as f64;
        let (mine, theirs) = (self.spacing_mm(), other.spacing_mm());
        if (0..3).any(|axis| (mine[axis] - theirs[axis]).abs() * longest > tolerance_mm) {
            return format!("spacing {} and {} mm [z, y, x]", numbers(mine), numbers(theirs));
        }
        if self.orientation() != other.orientation() {
            return format!("orientation {} and {}", self.orientation(), other.orientation());
        }
        if distance(self.column(3), other.column(3)) > tolerance_mm {
            return format!("origin {} and {} mm [x, y, z]", numbers(self.column(3)), numbers(other.column(3)));
        }
        format!("axis directions, up to {:.2} mm at the corners", self.corner_distance_mm(other))
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shape {:?}", self.shape)?;
        if !self.has_spacing {
            return write!(f, ", no physical size");
        }
        let (spacing, origin) = (numbers(self.spacing_mm()), numbers(self.column(3)));
        write!(f, ", spacing {spacing} mm, origin {origin} mm [x, y, z], {}", self.orientation())?;
        if self.obliqueness_deg() > 0.1 { write!(f, ", {:.1}° oblique", self.obliqueness_deg()) } else { Ok(()) }
    }
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    norm([a[0] - b[0], a[1] - b[1], a[2] - b[2]])
}

fn numbers(values: [f64; 3]) -> String {
    let texts = values.map(|value| format!("{}", (value * 1e4).round() / 1e4));
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oblique() -> Geometry {
        let (sin, cos) = 20_f64.to_radians().sin_cos();
        let affine = [[-2.0 * cos, 3.0 * sin, 0.0, 10.0], [-2.0 * sin, -3.0 * cos, 0.0, 20.0], [0.0, 0.0, 5.0, 30.0]];
        Geometry { shape: [4, 6, 8], affine, has_spacing: true }
    }

    #[test]
    fn a_stated_spacing_keeps_the_axes() {
        let mut flipped = Geometry { has_spacing: false, ..Geometry::axis_aligned([1, 4, 6], [1.0; 3]) };
        flipped.affine[0][0] = -1.0;
        let spaced = flipped.clone().with_spacing([4.0, 0.5, 0.25]);
        assert!(spaced.has_spacing);
        assert_eq!((spaced.spacing_mm(), spaced.affine[0][0]), ([4.0, 0.5, 0.25], -0.25));
        assert_eq!(spaced.orientation(), flipped.orientation());
    }

    #[test]
    fn oblique_grid_has_its_spacing_angle_and_nearest_orientation() {
        let geometry = oblique();
        let spacing = geometry.spacing_mm();
        assert!((0..3).all(|axis| (spacing[axis] - [5.0, 3.0, 2.0][axis]).abs() < 1e-12));
        assert!((geometry.obliqueness_deg() - 20.0).abs() < 1e-9);
        assert_eq!(geometry.orientation(), "LPS");
        assert!((geometry.voxel_mm3() - 30.0).abs() < 1e-9);
        assert!(!geometry.is_sheared());
    }

    #[test]
    fn tilted_gantry_is_sheared() {
        let mut geometry = Geometry::axis_aligned([4, 4, 4], [5.0, 1.0, 1.0]);
        geometry.affine[1][2] = 5.0 * 10_f64.to_radians().tan();
        assert!(geometry.is_sheared());
    }

    #[test]
    fn world_and_voxel_are_inverse() {
        let voxel = [1.5, -2.0, 7.25];
        let back = oblique().to_voxel(oblique().to_world(voxel)).unwrap();
        assert!((0..3).all(|axis| (back[axis] - voxel[axis]).abs() < 1e-12), "{back:?}");
    }

    #[test]
    fn diagonal_of_a_box_of_3_4_12_mm_is_13_mm() {
        assert!((Geometry::axis_aligned([3, 2, 6], [1.0, 2.0, 2.0]).diagonal_mm() - 13.0).abs() < 1e-12);
    }

    #[test]
    fn different_grids_say_what_differs() {
        let geometry = oblique();
        let changed = |change: fn(&mut Geometry)| {
            let mut other = geometry.clone();
            change(&mut other);
            geometry.same_grid(&other, 0.1).unwrap_err()
        };
        assert!(geometry.same_grid(&geometry, 0.1).is_ok());
        assert!(changed(|other| other.shape[0] = 5).starts_with("shape [4, 6, 8] and [5, 6, 8]"));
        assert!(changed(|other| other.affine[2][2] = 4.0).starts_with("spacing [5, 3, 2] and [4, 3, 2] mm"));
        assert!(changed(|other| other.affine[0][3] = 11.0).starts_with("origin"));
        assert!(changed(|other| other.affine[2][2] = -5.0).starts_with("orientation LPS and LPI"));
        assert!(changed(|other| other.affine[0][2] = 0.2).starts_with("axis directions"));
        let both = "(shape [4, 6, 8], spacing [5, 3, 2] mm, origin [10, 20, 30] mm [x, y, z], LPS, 20.0° oblique; and shape [5, 6, 8], ";
        assert!(changed(|other| other.shape[0] = 5).contains(both));
    }

    #[test]
    fn header_rounding_is_no_difference() {
        let mut other = oblique();
        other.affine[0][3] += 0.05;
        assert!(oblique().same_grid(&other, 0.1).is_ok());
    }
}
