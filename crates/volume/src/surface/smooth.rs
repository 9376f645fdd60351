//! Smoothing without shrinkage (Taubin 1995, "A signal processing approach to fair surface design").

use rayon::prelude::*;

use super::mesh::Surface;

/// Taubin's low-pass filter: each iteration moves every point by `lambda` towards the mean of its neighbours and then by
/// `mu` away from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taubin {
    /// Number of pairs of steps.
    pub iterations: usize,
    /// Fraction of the way to the mean of the neighbours, from 0 to 1.
    pub lambda: f64,
    /// Fraction of the way back, negative and of larger magnitude than `lambda`: frequencies below `1 / lambda + 1 / mu` stay.
    pub mu: f64,
    /// How far a point may move along each axis, in the surface's own units. Below a third of a voxel, structures one voxel thin are
    /// preserved (after Gibson 1998, "Constrained elastic surface nets").
    pub reach: f64,
}

impl Default for Taubin {
    /// For surfaces in units of voxels: removes the steps and keeps larger details.
    fn default() -> Self {
        Self { iterations: 10, lambda: 0.5, mu: -0.53, reach: 0.3 }
    }
}

/// Smooths in place; triangles stay. All neighbours have the same weight.
pub fn smooth(surface: &mut Surface, options: &Taubin) {
    let neighbours = Neighbours::of(surface);
    let start = surface.points().to_vec();
    let bounded = |point: [f64; 3], start: [f64; 3]| {
        [0, 1, 2].map(|axis| start[axis] + (point[axis] - start[axis]).clamp(-options.reach, options.reach))
    };
    for _ in 0..options.iterations {
        for part in [options.lambda, options.mu] {
            let moved = neighbours.step(surface.points(), part);
            *surface.points_mut() =
                moved.into_iter().zip(&start).map(|(point, start)| bounded(point, *start)).collect();
        }
    }
}

/// The neighbours of point n are `numbers[starts[n]..starts[n + 1]]`.
struct Neighbours {
    starts: Vec<usize>,
    numbers: Vec<u32>,
}

impl Neighbours {
    fn of(surface: &Surface) -> Self {
        let mut pairs: Vec<[u32; 2]> = Vec::with_capacity(6 * surface.triangles().len());
        for &[a, b, c] in surface.triangles() {
            pairs.extend([[a, b], [b, a], [b, c], [c, b], [c, a], [a, c]]);
        }
        pairs.par_sort_unstable();
        pairs.dedup();
        let points = surface.points().len() as u32;
        let starts = (0..=points).map(|point| pairs.partition_point(|pair| pair[0] < point)).collect();
        Self { starts, numbers: pairs.into_iter().map(|[_, neighbour]| neighbour).collect() }
    }

    fn step(&self, points: &[[f64; 3]], part: f64) -> Vec<[f64; 3]> {
        let moved = |(index, point): (usize, &[f64; 3])| {
            let neighbours = &self.numbers[self.starts[index]..self.starts[index + 1]];
            if neighbours.is_empty() {
                return *point;
            }
            let mut sum = [0.0; 3];
            for &neighbour in neighbours {
                let place = points[neighbour as usize];
                sum = [0, 1, 2].map(|axis| sum[axis] + place[axis]);
            }
            let count = neighbours.len() as f64;
            [0, 1, 2].map(|axis| point[axis] + part * (sum[axis] / count - point[axis]))
        };
        points.par_iter().enumerate().map(moved).collect()
    }
}
