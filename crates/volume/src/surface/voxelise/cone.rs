//! Closes holes by cones: triangles from every rim to the centre of its points.

use super::super::mesh::{Surface, area_vector, minus};
use super::super::sets::Sets;
use super::super::topology::Edge;
use crate::geometry::norm;

/// Longest edge of a cone's triangles in voxels, so that its winding number can be expanded a few voxels away.
const LONGEST_EDGE: f64 = 1.5;
/// Approximate limit of pieces, however large the holes.
const PIECES: f64 = 200_000.0;
/// Limit of pieces: beyond it, longer edges are allowed.
const MAX_PIECES: usize = 2 * PIECES as usize;
/// Degenerate triangles with distant collinear corners, which have no area, need more and more.
const MOST_TRIES: usize = 40;

/// Triangles in millimetres that make every edge run equally often in both directions. Empty for a closed surface, also for one that
/// touches itself along an edge.
pub(super) fn closing(surface: &Surface, edges: &[Edge]) -> Vec<[[f64; 3]; 3]> {
    let rim: Vec<&Edge> = edges.iter().filter(|edge| edge.forward != edge.backward).collect();
    if rim.is_empty() {
        return Vec::new();
    }
    let mut sets = Sets::new(surface.points().len());
    for edge in &rim {
        sets.unite(edge.points[0], edge.points[1]);
    }
    let apexes = middles(surface, &rim, &mut sets);
    let mut cone = Vec::with_capacity(rim.len());
    for edge in rim {
        let [low, high] = edge.points.map(|point| surface.points()[point as usize]);
        let apex = apexes[sets.root(edge.points[0]) as usize];
        // The closing triangle runs against the surplus triangles.
        let triangle = if edge.forward > edge.backward { [high, low, apex] } else { [low, high, apex] };
        cone.extend(std::iter::repeat_n(triangle, edge.forward.abs_diff(edge.backward)));
    }
    cone
}

/// Mean of the edges' ends for each connected rim, at the index of its set's root.
fn middles(surface: &Surface, rim: &[&Edge], sets: &mut Sets) -> Vec<[f64; 3]> {
    let mut sums = vec![[0.0; 3]; surface.points().len()];
    let mut counts = vec![0.0; surface.points().len()];
    for point in rim.iter().flat_map(|edge| edge.points) {
        let root = sets.root(point) as usize;
        let place = surface.points()[point as usize];
        sums[root] = [0, 1, 2].map(|axis| sums[root][axis] + place[axis]);
        counts[root] += 1.0;
    }
    sums.into_iter().zip(counts).map(|(sum, count): ([f64; 3], f64)| sum.map(|part| part / count.max(1.0))).collect()
}

/// Cuts triangles into pieces with short edges; `voxel_mm` is the size of a voxel.
pub(super) fn split(cone: Vec<[[f64; 3]; 3]>, voxel_mm: f64) -> Vec<[[f64; 3]; 3]> {
    let area: f64 = cone.iter().map(|triangle| norm(area_vector(*triangle))).sum();
    let mut longest = (LONGEST_EDGE * voxel_mm).max((area / PIECES).sqrt());
    for _ in 0..MOST_TRIES {
        if let Some(pieces) = pieces(&cone, longest, MAX_PIECES) {
            return pieces;
        }
        // A triangle left whole would be near to most of the grid.
        longest *= 1.5;
    }
    cone
}

/// The pieces with edges of at most `longest`; `None` if there are more than `most` of them.
fn pieces(cone: &[[[f64; 3]; 3]], longest: f64, most: usize) -> Option<Vec<[[f64; 3]; 3]>> {
    let most_strips = (PIECES / cone.len() as f64).max(1.0);
    let mut waiting = cone.to_vec();
    let mut pieces = Vec::with_capacity(waiting.len());
    while let Some(triangle) = waiting.pop() {
        let length = |place: usize| norm(minus(triangle[(place + 1) % 3], triangle[place]));
        let mut sides = [0, 1, 2].map(|place| (length(place), place));
        sides.sort_by(|one, other| one.0.total_cmp(&other.0));
        let [(short, first), _, (long, last)] = sides;
        let from = |place: usize| [0, 1, 2].map(|step| triangle[(place + step) % 3]);
        if long.is_nan() || long <= longest {
            pieces.push(triangle);
        } else if short <= longest {
            strips(from(first), (long / longest).ceil().min(most_strips), &mut pieces);
        } else {
            let [a, b, c] = from(last);
            let middle = between(a, b, 0.5);
            waiting.extend([[a, middle, c], [middle, b, c]]);
        }
        if pieces.len() + waiting.len() > most {
            return None;
        }
    }
    Some(pieces)
}

/// Cuts a needle, whose first edge is its short one, across.
fn strips([a, b, tip]: [[f64; 3]; 3], count: f64, pieces: &mut Vec<[[f64; 3]; 3]>) {
    let side = |part: f64| [between(a, tip, part / count), between(b, tip, part / count)];
    for strip in 0..count as usize {
        let ([a, b], [c, d]) = (side(strip as f64), side(strip as f64 + 1.0));
        pieces.extend([[a, b, d], [a, d, c]]);
    }
}

fn between(a: [f64; 3], b: [f64; 3], part: f64) -> [f64; 3] {
    [0, 1, 2].map(|axis| a[axis] + part * (b[axis] - a[axis]))
}
