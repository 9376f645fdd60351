//! Topology of a surface.

use rayon::prelude::*;

use super::mesh::Surface;
use super::sets::Sets;

/// Whether a surface is closed, and its number of connected components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Edges with one triangle, which border holes.
    pub open_edges: usize,
    /// Edges with more than two triangles, where a surface touches itself.
    pub non_manifold_edges: usize,
    /// Edges whose two triangles face different sides.
    pub misoriented_edges: usize,
    /// Connected components.
    pub components: usize,
}

impl Topology {
    /// Counts edges and components. Points with equal coordinates count as one only after [`Surface::welded`].
    pub fn of(surface: &Surface) -> Self {
        let mut topology = Self { components: components(surface), ..Self::default() };
        for edge in edges(surface) {
            match (edge.forward, edge.backward) {
                (1, 1) => {}
                (1, 0) | (0, 1) => topology.open_edges += 1,
                (2, 0) | (0, 2) => topology.misoriented_edges += 1,
                _ => topology.non_manifold_edges += 1,
            }
        }
        topology
    }

    /// Whether every edge has two triangles that face the same side.
    pub fn is_closed_manifold(&self) -> bool {
        self.open_edges == 0 && self.non_manifold_edges == 0 && self.misoriented_edges == 0
    }
}

/// An edge between two points, and how many triangles run along it in each direction.
pub(super) struct Edge {
    /// Point numbers, the smaller first.
    pub points: [u32; 2],
    /// Triangles that run from the first point to the second.
    pub forward: usize,
    /// Triangles that run from the second point to the first.
    pub backward: usize,
}

/// Every edge once, in the order of its point numbers.
pub(super) fn edges(surface: &Surface) -> Vec<Edge> {
    let mut sides: Vec<([u32; 2], bool)> = Vec::with_capacity(3 * surface.triangles().len());
    for &[a, b, c] in surface.triangles() {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            sides.push(([from.min(to), from.max(to)], from < to));
        }
    }
    sides.par_sort_unstable();
    let same_edge = sides.chunk_by(|one, other| one.0 == other.0);
    let edge = |sides: &[([u32; 2], bool)]| {
        let forward = sides.iter().filter(|(_, forward)| *forward).count();
        Edge { points: sides[0].0, forward, backward: sides.len() - forward }
    };
    same_edge.map(edge).collect()
}

fn components(surface: &Surface) -> usize {
    let mut sets = Sets::new(surface.points().len());
    for &[a, b, c] in surface.triangles() {
        sets.unite(a, b);
        sets.unite(a, c);
    }
    let mut used = vec![false; surface.points().len()];
    for &[a, ..] in surface.triangles() {
        used[sets.root(a) as usize] = true;
    }
    used.into_iter().filter(|&used| used).count()
}
