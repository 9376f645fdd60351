//! Signed distances from the points of one surface to another.

use rstar::{AABB, PointDistance, RTree, RTreeObject};

use super::shells::Mask;
use crate::volume::surface::Surface;

/// A triangle of a surface with its number.
struct Face {
    corners: [[f64; 3]; 3],
    number: usize,
}

impl RTreeObject for Face {
    type Envelope = AABB<[f64; 3]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_points(&self.corners)
    }
}

impl PointDistance for Face {
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        let nearest = nearest(*point, &self.corners).0;
        square(minus(*point, nearest))
    }
}

/// A surface to which distances are measured.
pub(super) struct Measured<'a> {
    tree: RTree<Face>,
    normals: Vec<[f64; 3]>,
    surface: &'a Surface,
    mask: &'a Mask,
    /// Beyond this distance the mask tells inside from outside.
    step: f64,
}

impl<'a> Measured<'a> {
    /// A surface and the mask that it was extracted from.
    pub(super) fn new(surface: &'a Surface, mask: &'a Mask) -> Self {
        let faces = surface.corners().enumerate().map(|(number, corners)| Face { corners, number }).collect();
        let step = mask.geometry.spacing_mm().into_iter().fold(0.0, f64::max);
        Self { tree: RTree::bulk_load(faces), normals: surface.normals(), surface, mask, step }
    }

    /// Distance of a point to the surface in mm, positive outside.
    pub(super) fn signed(&self, point: [f64; 3]) -> f64 {
        let Some(face) = self.tree.nearest_neighbor(point) else { return 0.0 };
        let (place, weights) = nearest(point, &face.corners);
        let away = minus(point, place);
        let distance = square(away).sqrt();
        let outside = if distance > self.step {
            !self.mask.holds(point)
        } else {
            // The normals of the corners, weighted as the place lies among them, vary steadily over the surface.
            let corners = self.surface.triangles()[face.number];
            let normal = [0, 1, 2].map(|axis| {
                corners.iter().zip(weights).map(|(corner, weight)| self.normals[*corner as usize][axis] * weight).sum()
            });
            dot(away, normal) >= 0.0
        };
        if outside { distance } else { -distance }
    }
}

/// The place of a triangle nearest to a point, and the weights of its corners there (Ericson 2005, "Real-time collision detection", 5.1.5).
fn nearest(point: [f64; 3], &[a, b, c]: &[[f64; 3]; 3]) -> ([f64; 3], [f64; 3]) {
    let (ab, ac) = (minus(b, a), minus(c, a));
    let [ap, bp, cp] = [a, b, c].map(|corner| minus(point, corner));
    let (d1, d2, d3, d4, d5, d6) = (dot(ab, ap), dot(ac, ap), dot(ab, bp), dot(ac, bp), dot(ab, cp), dot(ac, cp));
    let (va, vb, vc) = (d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2);
    let weights = if d1 <= 0.0 && d2 <= 0.0 {
        [1.0, 0.0, 0.0]
    } else if d3 >= 0.0 && d4 <= d3 {
        [0.0, 1.0, 0.0]
    } else if d6 >= 0.0 && d5 <= d6 {
        [0.0, 0.0, 1.0]
    } else if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        let part = d1 / (d1 - d3);
        [1.0 - part, part, 0.0]
    } else if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        let part = d2 / (d2 - d6);
        [1.0 - part, 0.0, part]
    } else if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        let part = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        [0.0, 1.0 - part, part]
    } else {
        [va, vb, vc].map(|value| value / (va + vb + vc))
    };
    ([0, 1, 2].map(|axis| a[axis] * weights[0] + b[axis] * weights[1] + c[axis] * weights[2]), weights)
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|axis| a[axis] - b[axis])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn square(a: [f64; 3]) -> f64 {
    dot(a, a)
}
