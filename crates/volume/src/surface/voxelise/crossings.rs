//! How often a closed surface encloses each voxel centre: signed crossings along the rows of the grid.
//!
//! Rounding cannot make a row leak. Whether a row meets a triangle is decided edge by edge, from values that the two triangles of an edge
//! share exactly; for a closed surface, the signs of every row therefore sum to 0.

use super::super::mesh::minus;

/// A triangle's corners `[x, y, z]` in voxel indices.
type Triangle = [[f64; 3]; 3];

/// Where an edge crosses a slice, and whether it goes upwards.
struct Cut {
    x: f64,
    y: f64,
    up: bool,
}

/// Adds to `counts[z, y, x]`, for the slices from `first` on, how often the triangles enclose the voxel's centre shifted by `shift`
/// `[x, y, z]`, times `sign`.
pub(super) fn count(
    triangles: &[Triangle],
    shift: [f64; 3],
    first: usize,
    shape: [usize; 3],
    sign: i32,
    counts: &mut [i32],
) {
    let [depth, height, width] = shape;
    for triangle in triangles {
        let triangle = &triangle.map(|corner| minus(corner, shift));
        let heights = triangle.map(|corner| corner[2]);
        let low = heights.into_iter().fold(f64::INFINITY, f64::min);
        let high = heights.into_iter().fold(f64::NEG_INFINITY, f64::max);
        for slice in not_above(low, first + depth).max(first)..not_above(high, first + depth) {
            let [Some(one), Some(other)] = cuts(triangle, slice as f64) else { continue };
            let rows = &mut counts[(slice - first) * height * width..][..height * width];
            cross_rows(&one, &other, sign, width, rows);
        }
    }
    for row in counts.chunks_exact_mut(width.max(1)) {
        let mut sum = 0;
        for count in row {
            sum += *count;
            *count = sum;
        }
    }
}

/// Number of whole numbers from 0 that lie below a coordinate, at most `limit`.
fn below(place: f64, limit: usize) -> usize {
    (place.ceil() as usize).min(limit)
}

/// Number of whole numbers from 0 that lie below a coordinate or at it, at most `limit`.
fn not_above(place: f64, limit: usize) -> usize {
    if place < 0.0 { 0 } else { (place.floor() as usize).saturating_add(1).min(limit) }
}

/// The two points where a triangle's edges cross a slice, `None` where it stays on one side. Corners in the slice count as above it.
fn cuts(triangle: &Triangle, slice: f64) -> [Option<Cut>; 2] {
    let mut cuts = [None, None];
    let mut found = 0;
    for place in 0..3 {
        let (from, to) = (triangle[place], triangle[(place + 1) % 3]);
        let up = to[2] >= slice;
        if (from[2] >= slice) == up {
            continue;
        }
        // From the lower end, the same for both triangles of the edge.
        let (low, high) = if up { (from, to) } else { (to, from) };
        let part = (slice - low[2]) / (high[2] - low[2]);
        let [x, y] = [0, 1].map(|axis| low[axis] + (high[axis] - low[axis]) * part);
        cuts[found] = Some(Cut { x, y, up });
        found = (found + 1).min(1);
    }
    cuts
}

/// Marks, in each row between two cuts, the first voxel after the crossing.
fn cross_rows(one: &Cut, other: &Cut, sign: i32, width: usize, rows: &mut [i32]) {
    let (low, high) = if one.y <= other.y { (one, other) } else { (other, one) };
    let height = rows.len() / width.max(1);
    // Seen along the row, a triangle whose farther cut goes upwards faces the row's end: the voxels after it are outside.
    let step = if high.up { -sign } else { sign };
    for y in below(low.y, height)..below(high.y, height) {
        let part = (y as f64 - low.y) / (high.y - low.y);
        let x = low.x + (high.x - low.x) * part;
        let column = below(x, width);
        if column < width {
            rows[y * width + column] += step;
        }
    }
}
