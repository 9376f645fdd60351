//! Mesh simplification by edge collapses, those with the least error first (Garland & Heckbert 1997, "Surface simplification using
//! quadric error metrics").

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::mesh::{Surface, area_vector, minus};
use super::quadric::Quadric;
use super::topology::edges;
use crate::geometry::{cross, dot, norm};

/// Weight of the planes through open edges that keep rims in place.
const RIM: f64 = 1000.0;
/// Neighbours that a point may come to have. A surface of noise is full of handles, which are kept: its last points would gather thousands
/// of neighbours, each of which is considered again with every collapse. With this many, a surface that is all handles keeps about 5 % more
/// triangles than it must (Euler: `F = 2V + 4g` with `F ≤ 64 V / 3`).
const MOST_NEIGHBOURS: usize = 64;
/// A triangle's normal may not turn further than to this cosine.
const LARGEST_TURN: f64 = 0.2;

/// Target of a decimation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimation {
    /// Number of triangles. More remain where any further collapse would flip a triangle, make the surface touch itself or join too many
    /// triangles in one point.
    pub triangles: usize,
}

/// The surface with fewer triangles. Holes, handles and components are preserved, and a closed surface stays closed; edges with more than
/// two triangles are not collapsed.
pub fn decimate(surface: &Surface, options: &Decimation) -> Surface {
    let mut work = Work::new(surface);
    while work.alive > options.triangles {
        let Some(step) = work.waiting.pop() else { break };
        if work.is_current(&step) {
            let (_, place) = work.best(step.edge);
            if work.is_allowed(step.edge, place) {
                work.collapse(step.edge, place);
            }
        }
    }
    work.finish()
}

/// An edge that may be collapsed, and the cost of that.
struct Step {
    cost: f64,
    edge: [u32; 2],
    /// How often each end had moved when the cost was computed.
    moves: [u32; 2],
}

struct Work {
    origin: [f64; 3],
    points: Vec<[f64; 3]>,
    quadrics: Vec<Quadric>,
    moves: Vec<u32>,
    triangles: Vec<Option<[u32; 3]>>,
    /// Triangles around each point.
    around: Vec<Vec<u32>>,
    alive: usize,
    waiting: BinaryHeap<Step>,
}

impl Work {
    fn new(surface: &Surface) -> Self {
        // Relative to the centre, because squares of large coordinates lose precision.
        let origin = surface.bounds_mm().map_or([0.0; 3], |[low, high]| [0, 1, 2].map(|a| (low[a] + high[a]) / 2.0));
        let points: Vec<[f64; 3]> = surface.points().iter().map(|point| minus(*point, origin)).collect();
        let count = points.len();
        let mut work = Self {
            origin,
            quadrics: vec![Quadric::default(); count],
            moves: vec![0; count],
            triangles: surface.triangles().iter().copied().map(Some).collect(),
            around: vec![Vec::new(); count],
            alive: surface.triangles().len(),
            waiting: BinaryHeap::new(),
            points,
        };
        for (number, triangle) in surface.triangles().iter().enumerate() {
            let vector = area_vector(work.corners(*triangle));
            let area = norm(vector);
            triangle.iter().for_each(|&point| work.around[point as usize].push(number as u32));
            if area > 0.0 {
                let quadric = Quadric::plane(vector.map(|part| part / area), work.points[triangle[0] as usize], area);
                triangle.iter().for_each(|&point| work.add(point, &quadric));
            }
        }
        let edges = edges(surface);
        edges.iter().filter(|edge| edge.forward + edge.backward == 1).for_each(|edge| work.add_wall(edge.points));
        edges.iter().for_each(|edge| work.consider(edge.points));
        work
    }

    fn corners(&self, triangle: [u32; 3]) -> [[f64; 3]; 3] {
        triangle.map(|point| self.points[point as usize])
    }

    fn add(&mut self, point: u32, quadric: &Quadric) {
        let sum = &mut self.quadrics[point as usize];
        *sum = sum.plus(quadric);
    }

    /// Adds a plane through an open edge, perpendicular to its triangle.
    fn add_wall(&mut self, [a, b]: [u32; 2]) {
        let Some(&number) = self.shared(a, b).first() else { return };
        let Some(triangle) = self.triangles[number as usize] else { return };
        let along = minus(self.points[b as usize], self.points[a as usize]);
        let normal = cross(along, area_vector(self.corners(triangle)));
        let length = norm(normal);
        if length > 0.0 {
            let unit = normal.map(|part| part / length);
            let wall = Quadric::plane(unit, self.points[a as usize], RIM * dot(along, along));
            [a, b].into_iter().for_each(|point| self.add(point, &wall));
        }
    }

    /// Triangles with both points.
    fn shared(&self, a: u32, b: u32) -> Vec<u32> {
        let has_b = |number: &u32| self.triangles[*number as usize].is_some_and(|triangle| triangle.contains(&b));
        self.around[a as usize].iter().copied().filter(has_b).collect()
    }

    /// Adds an edge to the candidates.
    fn consider(&mut self, edge: [u32; 2]) {
        let (cost, _) = self.best(edge);
        self.waiting.push(Step { cost, edge, moves: edge.map(|point| self.moves[point as usize]) });
    }

    /// The best point to collapse an edge to, and the cost of that.
    fn best(&self, edge: [u32; 2]) -> (f64, [f64; 3]) {
        let [a, b] = edge.map(|point| self.points[point as usize]);
        let quadric = self.quadrics[edge[0] as usize].plus(&self.quadrics[edge[1] as usize]);
        let middle = [0, 1, 2].map(|axis| (a[axis] + b[axis]) / 2.0);
        let near = |place: &[f64; 3]| norm(minus(*place, middle)) <= norm(minus(a, b));
        if let Some(place) = quadric.smallest().filter(near) {
            return (quadric.at(place), place);
        }
        let cheaper = |one: (f64, [f64; 3]), other: (f64, [f64; 3])| if other.0 < one.0 { other } else { one };
        [a, b].into_iter().fold((quadric.at(middle), middle), |best, place| cheaper(best, (quadric.at(place), place)))
    }

    fn is_current(&self, step: &Step) -> bool {
        step.edge.map(|point| self.moves[point as usize]) == step.moves
    }

    /// Points that share a triangle with a point, in order.
    fn neighbours(&self, point: u32) -> Vec<u32> {
        let triangles = self.around[point as usize].iter().filter_map(|&number| self.triangles[number as usize]);
        let mut found: Vec<u32> = triangles.flatten().filter(|&other| other != point).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a point lies on a rim or on an edge with more than two triangles.
    fn is_rim(&self, point: u32, neighbours: &[u32]) -> bool {
        neighbours.len() != self.around[point as usize].len()
    }

    /// Whether a collapse preserves the topology: the ends of the edge share no neighbours but those of its own triangles, rims are not
    /// joined across the surface, and no triangle flips.
    fn is_allowed(&self, [a, b]: [u32; 2], place: [f64; 3]) -> bool {
        let shared = self.shared(a, b);
        let (of_a, of_b) = (self.neighbours(a), self.neighbours(b));
        let common: Vec<u32> = of_a.iter().copied().filter(|point| of_b.binary_search(point).is_ok()).collect();
        let on_rim = self.is_rim(a, &of_a) && self.is_rim(b, &of_b);
        // The union of both, without the two ends.
        let joined = (of_a.len() + of_b.len()).saturating_sub(common.len() + 2);
        joined <= MOST_NEIGHBOURS
            && common.len() == shared.len()
            && (shared.len() == 2 && !on_rim || shared.len() == 1)
            && common.iter().all(|&point| self.around[point as usize].len() > 3)
            && [(a, b), (b, a)].into_iter().all(|(moved, other)| self.keeps_its_side(moved, other, place))
    }

    /// Whether the triangles around `moved`, without those of `other`, keep facing the same side.
    fn keeps_its_side(&self, moved: u32, other: u32, place: [f64; 3]) -> bool {
        let triangles = self.around[moved as usize].iter().filter_map(|&number| self.triangles[number as usize]);
        triangles.filter(|triangle| !triangle.contains(&other)).all(|triangle| {
            let before = area_vector(self.corners(triangle));
            let after = triangle.map(|point| if point == moved { place } else { self.points[point as usize] });
            let after = area_vector(after);
            norm(before) == 0.0 || dot(before, after) > LARGEST_TURN * norm(before) * norm(after)
        })
    }

    fn collapse(&mut self, [a, b]: [u32; 2], place: [f64; 3]) {
        for number in self.shared(a, b) {
            let Some(triangle) = self.triangles[number as usize].take() else { continue };
            triangle.iter().for_each(|&point| self.around[point as usize].retain(|&other| other != number));
            self.alive -= 1;
        }
        let moving = std::mem::take(&mut self.around[b as usize]);
        for &number in &moving {
            if let Some(triangle) = &mut self.triangles[number as usize] {
                *triangle = triangle.map(|point| if point == b { a } else { point });
            }
        }
        self.around[a as usize].extend(moving);
        self.points[a as usize] = place;
        self.quadrics[a as usize] = self.quadrics[a as usize].plus(&self.quadrics[b as usize]);
        self.moves[a as usize] += 1;
        self.moves[b as usize] = u32::MAX;
        for neighbour in self.neighbours(a) {
            self.consider([a.min(neighbour), a.max(neighbour)]);
        }
    }

    fn finish(self) -> Surface {
        let mut numbers = vec![u32::MAX; self.points.len()];
        let mut points = Vec::new();
        let mut triangles = Vec::with_capacity(self.alive);
        for triangle in self.triangles.into_iter().flatten() {
            triangles.push(triangle.map(|point| {
                let number = &mut numbers[point as usize];
                if *number == u32::MAX {
                    *number = points.len() as u32;
                    points.push([0, 1, 2].map(|axis| self.points[point as usize][axis] + self.origin[axis]));
                }
                *number
            }));
        }
        Surface::trusted(points, triangles)
    }
}

/// The cheapest collapse is the greatest; point numbers decide ties.
impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |step: &Self| (step.edge, step.moves);
        other.cost.total_cmp(&self.cost).then_with(|| key(other).cmp(&key(self)))
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Step {}
