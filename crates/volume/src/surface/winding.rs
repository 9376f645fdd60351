//! The generalised winding number of triangles (Jacobson et al. 2013): how often they enclose a point, a fraction where they leave gaps.
//! It is 1 inside a closed surface, 0 outside, 2 where two overlap, and in between near holes.

use std::f64::consts::PI;

use super::mesh::{Surface, area_vector, minus};
use super::taylor::Taylor;
use crate::geometry::{dot, norm};

/// Triangles per leaf.
const LEAF: usize = 1;
/// A group of triangles is replaced by its expansion beyond this many of its radii. Barill et al. use 2 with one more term.
const FAR: f64 = 4.0;

/// Winding numbers of the triangles of one surface, by a tree (Barill et al. 2018, "Fast winding numbers for soups and
/// clouds", with dipoles and quadrupoles).
#[derive(Debug)]
pub struct WindingNumber {
    /// In the order of the tree's leaves.
    triangles: Vec<[[f64; 3]; 3]>,
    nodes: Vec<Node>,
}

/// A group of triangles: a range, and either two children or none.
#[derive(Debug)]
pub(super) struct Node {
    range: std::ops::Range<usize>,
    /// Index of the second child; the first one follows its parent. `None` for leaves.
    second: Option<usize>,
    /// Mean of the triangles' centres, weighted by area.
    pub centre: [f64; 3],
    /// Largest distance of a corner from the centre.
    pub radius: f64,
    /// Sum of the area vectors.
    pub dipole: [f64; 3],
    /// `quadrupole[i][j]`: sum of area vector i times offset j of the triangle from the centre.
    quadrupole: [[f64; 3]; 3],
}

impl WindingNumber {
    /// Builds the tree.
    pub fn new(surface: &Surface) -> Self {
        Self::of_triangles(surface.corners().collect())
    }

    pub(super) fn of_triangles(triangles: Vec<[[f64; 3]; 3]>) -> Self {
        let mut tree = Self { nodes: Vec::with_capacity(triangles.len() / 2), triangles };
        if !tree.triangles.is_empty() {
            tree.grow(0..tree.triangles.len());
        }
        tree
    }

    pub(super) fn is_empty(&self) -> bool {
        self.triangles.is_empty()
    }

    /// Adds the node of a range with its children, split at the median along the longest side.
    fn grow(&mut self, range: std::ops::Range<usize>) {
        let index = self.nodes.len();
        self.nodes.push(Node::new(range.clone(), &self.triangles));
        if range.len() <= LEAF {
            return;
        }
        let triangles = &mut self.triangles[range.clone()];
        let axis = longest_axis(triangles);
        let place = |triangle: &[[f64; 3]; 3]| triangle.iter().map(|corner| corner[axis]).sum::<f64>();
        let half = triangles.len() / 2;
        triangles.select_nth_unstable_by(half, |a, b| place(a).total_cmp(&place(b)));
        let middle = range.start + half;
        self.grow(range.start..middle);
        self.nodes[index].second = Some(self.nodes.len());
        self.grow(middle..range.end);
    }

    /// The winding number at a point in millimetres, within about 0.01 of [`exact`](Self::exact).
    pub fn at(&self, place: [f64; 3]) -> f64 {
        self.sum(&self.roots(), place)
    }

    /// The winding number as the sum over all triangles.
    pub fn exact(&self, place: [f64; 3]) -> f64 {
        self.triangles.iter().map(|triangle| solid_angle(*triangle, place)).sum::<f64>() / (4.0 * PI)
    }

    /// The group of all triangles, for [`gather`](Self::gather).
    pub(super) fn roots(&self) -> Vec<usize> {
        if self.is_empty() { Vec::new() } else { vec![0] }
    }

    /// Adds to a polynomial around a point what groups of triangles contribute up to `radius` from there. Returns the groups that are too
    /// close, split as far as useful.
    pub(super) fn gather(&self, groups: &[usize], sum: &mut Taylor, radius: f64) -> Vec<usize> {
        let mut near = Vec::new();
        let mut waiting = groups.to_vec();
        while let Some(index) = waiting.pop() {
            let node = &self.nodes[index];
            match node.second {
                _ if sum.add(node, radius) => {}
                Some(second) if node.radius > radius => waiting.extend([index + 1, second]),
                _ => near.push(index),
            }
        }
        near
    }

    /// What groups of triangles contribute to the winding number at a point.
    pub(super) fn sum(&self, groups: &[usize], place: [f64; 3]) -> f64 {
        let mut sum = 0.0;
        let mut waiting = groups.to_vec();
        while let Some(index) = waiting.pop() {
            let node = &self.nodes[index];
            let far = norm(minus(node.centre, place)) > FAR * node.radius;
            match node.second {
                _ if far => sum += node.expansion(place),
                Some(second) => waiting.extend([index + 1, second]),
                None => sum += self.sum_of(node, place),
            }
        }
        sum / (4.0 * PI)
    }

    fn sum_of(&self, node: &Node, place: [f64; 3]) -> f64 {
        self.triangles[node.range.clone()].iter().map(|triangle| solid_angle(*triangle, place)).sum()
    }
}

impl Node {
    fn new(range: std::ops::Range<usize>, triangles: &[[[f64; 3]; 3]]) -> Self {
        let triangles = &triangles[range.clone()];
        let middle = |triangle: &[[f64; 3]; 3]| mean(triangle);
        let areas: Vec<f64> = triangles.iter().map(|triangle| norm(area_vector(*triangle))).collect();
        let area: f64 = areas.iter().sum();
        let weighted = |axis: usize| -> f64 {
            triangles.iter().zip(&areas).map(|(triangle, area)| area * middle(triangle)[axis]).sum()
        };
        let centre =
            if area > 0.0 { [0, 1, 2].map(|axis| weighted(axis) / area) } else { mean(triangles.as_flattened()) };
        let (mut dipole, mut quadrupole, mut radius) = ([0.0; 3], [[0.0; 3]; 3], 0.0_f64);
        for triangle in triangles {
            let (vector, offset) = (area_vector(*triangle), minus(middle(triangle), centre));
            for i in 0..3 {
                dipole[i] += vector[i];
                (0..3).for_each(|j| quadrupole[i][j] += vector[i] * offset[j]);
            }
            radius = triangle.iter().fold(radius, |radius, corner| radius.max(norm(minus(*corner, centre))));
        }
        Self { range, second: None, centre, radius, dipole, quadrupole }
    }

    /// Solid angle of the group, seen from a distance: Taylor series of `n · r / |r|³` around the centre.
    pub fn expansion(&self, place: [f64; 3]) -> f64 {
        let r = minus(self.centre, place);
        let square = dot(r, r);
        let cube = square * square.sqrt();
        let trace = self.quadrupole[0][0] + self.quadrupole[1][1] + self.quadrupole[2][2];
        let along = dot(r, self.quadrupole.map(|row| dot(row, r)));
        dot(self.dipole, r) / cube + trace / cube - 3.0 * along / (cube * square)
    }
}

fn mean(points: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64)
}

fn longest_axis(triangles: &[[[f64; 3]; 3]]) -> usize {
    let extent = |axis: usize| {
        let places = triangles.as_flattened().iter().map(|corner| corner[axis]);
        places.clone().fold(f64::MIN, f64::max) - places.fold(f64::MAX, f64::min)
    };
    (0..3).max_by(|&a, &b| extent(a).total_cmp(&extent(b))).unwrap_or(0)
}

/// Signed solid angle of a triangle seen from a point, positive from behind (van Oosterom & Strackee 1983).
fn solid_angle(triangle: [[f64; 3]; 3], place: [f64; 3]) -> f64 {
    let [a, b, c] = triangle.map(|corner| minus(corner, place));
    let [la, lb, lc] = [a, b, c].map(norm);
    let volume = dot(a, crate::geometry::cross(b, c));
    let below = la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb;
    2.0 * volume.atan2(below)
}
