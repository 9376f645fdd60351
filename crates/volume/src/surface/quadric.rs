//! Sum of squared distances to planes, as a quadratic function of the position (Garland & Heckbert 1997).

use crate::geometry::{cross, dot};

/// `p · a p + 2 b · p + c`; `a` is symmetric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quadric {
    a: [[f64; 3]; 3],
    b: [f64; 3],
    c: f64,
}

impl Quadric {
    /// `weight` times the squared distance to the plane through a point with a unit normal.
    pub fn plane(normal: [f64; 3], through: [f64; 3], weight: f64) -> Self {
        let offset = -dot(normal, through);
        let a = normal.map(|row| normal.map(|column| weight * row * column));
        Self { a, b: normal.map(|part| weight * offset * part), c: weight * offset * offset }
    }

    pub fn plus(&self, other: &Self) -> Self {
        let sum = |a: [f64; 3], b: [f64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let a = [0, 1, 2].map(|row| sum(self.a[row], other.a[row]));
        Self { a, b: sum(self.b, other.b), c: self.c + other.c }
    }

    /// The sum at a point; 0 where rounding makes it slightly negative.
    pub fn at(&self, place: [f64; 3]) -> f64 {
        let image = self.a.map(|row| dot(row, place));
        (dot(place, image) + 2.0 * dot(self.b, place) + self.c).max(0.0)
    }

    /// The minimum; `None` where the planes leave a direction free.
    pub fn smallest(&self) -> Option<[f64; 3]> {
        let [x, y, z] = self.a;
        let determinant = dot(x, cross(y, z));
        let scale = (self.a[0][0] + self.a[1][1] + self.a[2][2]) / 3.0;
        // Below this, the minimum is determined by rounding errors.
        if determinant.is_nan() || determinant <= 1e-6 * scale.powi(3) {
            return None;
        }
        let inverse = [cross(y, z), cross(z, x), cross(x, y)].map(|row| row.map(|part| part / determinant));
        // The matrix is symmetric, and so is its inverse.
        Some(inverse.map(|row| -dot(row, self.b)))
    }
}
