//! The winding number of distant triangles around a point, as a polynomial of second degree.

use std::f64::consts::PI;

use super::mesh::minus;
use super::winding::Node;
use crate::geometry::{dot, norm};

/// A group of triangles is expanded where its radius and that of the ball together are less than this fraction of their distance.
const OPENING: f64 = 0.3;

/// Value, gradient and second derivatives at a point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taylor {
    centre: [f64; 3],
    value: f64,
    gradient: [f64; 3],
    hessian: [[f64; 3]; 3],
}

impl Taylor {
    /// The same polynomial around another point.
    pub fn moved_to(&self, centre: [f64; 3]) -> Self {
        let step = minus(centre, self.centre);
        let bend = self.hessian.map(|row| dot(row, step));
        let gradient = [0, 1, 2].map(|axis| self.gradient[axis] + bend[axis]);
        Self { centre, value: self.at(centre), gradient, hessian: self.hessian }
    }

    /// Adds a group of triangles, for points up to `radius` from the centre; false if the group is too close.
    pub fn add(&mut self, node: &Node, radius: f64) -> bool {
        let r = minus(node.centre, self.centre);
        let square = dot(r, r);
        let distance = square.sqrt();
        if node.radius + radius >= OPENING * distance {
            return false;
        }
        self.value += node.expansion(self.centre) / (4.0 * PI);
        let cube = 4.0 * PI * distance * square;
        let (fifth, seventh) = (cube * square, cube * square * square);
        let n = node.dipole;
        let along = dot(n, r);
        for i in 0..3 {
            self.gradient[i] += 3.0 * along * r[i] / fifth - n[i] / cube;
            for j in 0..3 {
                let same = if i == j { along } else { 0.0 };
                self.hessian[i][j] +=
                    15.0 * along * r[i] * r[j] / seventh - 3.0 * (n[i] * r[j] + r[i] * n[j] + same) / fifth;
            }
        }
        true
    }

    /// The polynomial at a point.
    pub fn at(&self, place: [f64; 3]) -> f64 {
        let step = minus(place, self.centre);
        self.value + dot(self.gradient, step) + dot(step, self.hessian.map(|row| dot(row, step))) / 2.0
    }

    /// Largest deviation of the polynomial from its value at the centre within a radius.
    pub fn swing(&self, radius: f64) -> f64 {
        let bend = norm(self.hessian.map(norm));
        norm(self.gradient) * radius + bend * radius * radius / 2.0
    }

    /// The value at the centre.
    pub fn middle(&self) -> f64 {
        self.value
    }
}
