//! The table of marching cubes, generated from one rule: on a face whose diagonal corners are inside and the other two outside, the
//! inside is connected. Neighbouring cubes then agree on every face, and the surface is closed (Montani, Scateni & Scopigno 1994, with
//! the rule for the other diagonal). Structures one voxel thin stay connected.
//!
//! Corners are numbered by their bits: 1 = x, 2 = y, 4 = z. The edge from corner `c` along axis `a` (0 = x) has the number
//! `a * 8 + c`, which encodes its position.

/// Triangles of one cube as edge numbers, counter-clockwise as seen from outside the mask.
pub(super) type Triangles = Vec<[u8; 3]>;

/// The triangles for each of the 256 sets of inside corners (bit `c` set: corner `c` is inside).
pub(super) fn table() -> Vec<Triangles> {
    (0..=u8::MAX).map(|inside| loops(inside).iter().flat_map(|edges| triangulate(edges)).collect()).collect()
}

/// Corners of the faces, counter-clockwise as seen from outside the cube.
const FACES: [[u8; 4]; 6] = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

fn edge(one: u8, other: u8) -> u8 {
    (one ^ other).trailing_zeros() as u8 * 8 + one.min(other)
}

/// The two corners of an edge.
fn ends(edge: u8) -> [u8; 2] {
    [edge % 8, (edge % 8) | (1 << (edge / 8))]
}

/// Closed polygons around the inside corners. On each face, a line leads from the edge where the face's border enters the mask back to
/// the edge where it left it.
fn loops(inside: u8) -> Vec<Vec<u8>> {
    let is_inside = |corner: u8| inside >> corner & 1 == 1;
    let mut next = [None; 24];
    for face in FACES {
        for place in 0..4 {
            let step = |by: usize| [face[(place + by) % 4], face[(place + by + 1) % 4]];
            let [from, to] = step(0);
            if is_inside(from) || !is_inside(to) {
                continue;
            }
            // Backwards along the border, around the corners outside.
            let left = [3, 2, 1].map(step).into_iter().find(|[from, to]| is_inside(*from) && !is_inside(*to));
            if let Some([a, b]) = left {
                next[edge(from, to) as usize] = Some(edge(a, b));
            }
        }
    }
    let mut found = Vec::new();
    for start in 0..24_u8 {
        let mut polygon = Vec::new();
        let mut here = start;
        while let Some(following) = next[here as usize].take() {
            polygon.push(here);
            here = following;
        }
        if !polygon.is_empty() {
            found.push(polygon);
        }
    }
    found
}

/// Triangulates a polygon by short diagonals, none of which lies in a face of the cube: the neighbouring cube could have the same one, and
/// four triangles would meet there.
fn triangulate(polygon: &[u8]) -> Triangles {
    let count = polygon.len();
    // best[i][j]: smallest cost of the part from corner i to corner j, and the corner that forms a triangle with both.
    let mut best = vec![vec![(0.0_f64, 0); count]; count];
    for span in 2..count {
        for from in 0..count - span {
            let to = from + span;
            let diagonal = if span == count - 1 { 0.0 } else { cost(polygon[from], polygon[to]) };
            let choices = (from + 1..to).map(|middle| (best[from][middle].0 + best[middle][to].0 + diagonal, middle));
            best[from][to] = choices.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, from));
        }
    }
    let mut triangles = Vec::new();
    let mut waiting = vec![(0, count - 1)];
    while let Some((from, to)) = waiting.pop() {
        if to - from < 2 {
            continue;
        }
        let middle = best[from][to].1;
        triangles.push([polygon[from], polygon[middle], polygon[to]]);
        waiting.extend([(from, middle), (middle, to)]);
    }
    triangles
}

/// Squared length of a diagonal between the middles of two edges, infinite within a face.
fn cost(one: u8, other: u8) -> f64 {
    let corners = [ends(one), ends(other)].concat();
    let all = corners.iter().fold(7, |bits, corner| bits & corner);
    let any = corners.iter().fold(0, |bits, corner| bits | corner);
    if all != 0 || any != 7 {
        return f64::INFINITY;
    }
    let [a, b] = [middle(one), middle(other)];
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum()
}

/// Middle of an edge in the unit cube, `[x, y, z]`.
pub(super) fn middle(edge: u8) -> [f64; 3] {
    let [low, high] = ends(edge);
    [0, 1, 2].map(|axis| f64::from((low >> axis & 1) + (high >> axis & 1)) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_set_of_corners_needs_a_diagonal_within_a_face() {
        for triangles in table() {
            let mut sides: Vec<[u8; 2]> = Vec::new();
            for [a, b, c] in triangles {
                sides.extend([[a, b], [b, c], [c, a]]);
            }
            for &[a, b] in &sides {
                let is_diagonal = sides.contains(&[b, a]);
                assert!(!is_diagonal || cost(a, b).is_finite(), "{a} {b}");
                assert_eq!(sides.iter().filter(|side| **side == [a, b]).count(), 1);
            }
        }
    }

    #[test]
    fn known_sets_have_the_known_numbers_of_triangles() {
        let table = table();
        // Lorensen & Cline's cases 0 to 6 and 13 with the inside joined on shared faces.
        for (inside, count) in [(0, 0), (255, 0), (1, 1), (3, 2), (7, 3), (15, 2), (0b1000_0001, 2), (0b1001, 4)] {
            assert_eq!(table[inside].len(), count, "{inside:#b}");
        }
        assert_eq!(table[0b0110_1001].len(), 4, "checkerboard: the outside corners are cut off");
    }
}
