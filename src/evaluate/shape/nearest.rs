//! Exact Euclidean distances from the surface elements of one mask to those of another.
//!
//! Separable as in Meijster, Roerdink and Hesselink (2000) and Felzenszwalb and Huttenlocher (2012): first the steps along the first axis to
//! the nearest element, for all corners, then one plane at a time. Masks that agree well have most elements near the other surface:
//! within a plane these are found by looking at neighbours in the order of their distance. What remains after as many looks as a
//! transform of the plane costs is found by lower envelopes of parabolas.

use super::elements::Elements;
use crate::volume::envelope::Envelope;

/// No element along this line.
const NONE: u16 = u16::MAX;

/// Neighbours within this many steps are looked at.
const REACH: i32 = 32;

/// Looks per corner of a plane before it is transformed.
const LOOKS: usize = 4;

/// Steps within a plane, by their distance.
pub struct Steps {
    /// Square of the distance, steps along the second and the third axis; ascending.
    sorted: Vec<(f64, i32, i32)>,
    /// Square of the distance up to which all steps are listed.
    complete: f64,
}

impl Steps {
    /// Of a grid with this spacing along the second and the third axis.
    pub fn new([vertical, horizontal]: [f64; 2]) -> Self {
        let square = |y: i32, x: i32| (f64::from(y) * vertical).powi(2) + (f64::from(x) * horizontal).powi(2);
        let all = (-REACH..=REACH).flat_map(|y| (-REACH..=REACH).map(move |x| (square(y, x), y, x)));
        let complete = (f64::from(REACH + 1) * vertical.min(horizontal)).powi(2);
        let mut sorted: Vec<_> = all.filter(|(square, ..)| *square < complete).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        Self { sorted, complete }
    }
}

/// For each surface element of `from` the distance to the nearest of `to`, and its code.
pub(super) fn distances(from: &Elements, to: &Elements, spacing: [f64; 3], steps: &Steps) -> Vec<(f64, u8)> {
    let columns = columns(to);
    let [planes, height, width] = from.size;
    let squares: Vec<f64> = (0..planes).map(|count| (count as f64 * spacing[0]).powi(2)).collect();
    let mut plane = Plane { columns: &[], size: [height, width], squares: &squares, spacing: [spacing[1], spacing[2]] };
    let mut found = Vec::new();
    let mut far = Vec::new();
    for (index, columns) in columns.chunks_exact((height * width).max(1)).enumerate() {
        plane.columns = columns;
        let mut looks = LOOKS * height * width;
        from.each(from.plane(index), |at, code| match plane.look(at, steps, &mut looks) {
            Some(square) => found.push((square.sqrt(), code)),
            None => far.push((at, code)),
        });
        if !far.is_empty() {
            plane.transform(&far, &mut found);
            far.clear();
        }
    }
    found
}

/// Steps along the first axis from each corner to the nearest surface element. An image has fewer than 65,535 slices.
fn columns(to: &Elements) -> Vec<u16> {
    let area = to.size[1] * to.size[2];
    let mut steps: Vec<u16> = to.codes.iter().map(|code| if to.on_surface(*code) { 0 } else { NONE }).collect();
    for plane in 1..to.size[0] {
        let (before, after) = steps.split_at_mut(plane * area);
        relax(&mut after[..area], &before[(plane - 1) * area..]);
    }
    for plane in (1..to.size[0]).rev() {
        let (before, after) = steps.split_at_mut(plane * area);
        relax(&mut before[(plane - 1) * area..], &after[..area]);
    }
    steps
}

fn relax(plane: &mut [u16], neighbour: &[u16]) {
    plane.iter_mut().zip(neighbour).for_each(|(it, neighbour)| *it = (*it).min(neighbour.saturating_add(1)));
}

/// A plane of corners.
struct Plane<'a> {
    /// Steps along the first axis.
    columns: &'a [u16],
    size: [usize; 2],
    /// Squares of the distances of these steps.
    squares: &'a [f64],
    spacing: [f64; 2],
}

impl Plane<'_> {
    /// Square of the distance from a corner, if it is found by as many looks as are left.
    fn look(&self, at: usize, steps: &Steps, looks: &mut usize) -> Option<f64> {
        let [height, width] = self.size;
        let (y, x) = ((at / width) as i32, (at % width) as i32);
        let mut best = f64::INFINITY;
        for (count, &(in_plane, dy, dx)) in steps.sorted.iter().enumerate() {
            if in_plane >= best {
                *looks = looks.saturating_sub(count);
                return Some(best);
            }
            if count > *looks {
                *looks = 0;
                return None;
            }
            let (y, x) = (y + dy, x + dx);
            if y < 0 || x < 0 || y >= height as i32 || x >= width as i32 {
                continue;
            }
            let along = self.columns[y as usize * width + x as usize];
            if along != NONE {
                best = best.min(in_plane + self.squares[usize::from(along)]);
            }
        }
        *looks = looks.saturating_sub(steps.sorted.len());
        (best <= steps.complete).then_some(best)
    }

    /// Distances from all corners of the list, by two passes of lower envelopes.
    fn transform(&self, corners: &[(usize, u8)], found: &mut Vec<(f64, u8)>) {
        let [height, width] = self.size;
        let mut vertical = vec![f64::INFINITY; height * width];
        let mut envelope = Envelope::default();
        for x in 0..width {
            envelope.build(
                self.spacing[0],
                (0..height).filter_map(|y| {
                    let along = self.columns[y * width + x];
                    (along != NONE).then(|| (y, self.squares[usize::from(along)]))
                }),
            );
            envelope.evaluate(0..height, |y, square| vertical[y * width + x] = square);
        }
        for row in corners.chunk_by(|(one, _), (other, _)| one / width == other / width) {
            let start = row[0].0 / width * width;
            let known = vertical[start..start + width].iter().copied().enumerate();
            envelope.build(self.spacing[1], known.filter(|(_, square)| square.is_finite()));
            let mut codes = row.iter().map(|(_, code)| *code);
            envelope.evaluate(row.iter().map(|(at, _)| at - start), |_, square| {
                found.extend(codes.next().map(|code| (square.sqrt(), code)));
            });
        }
    }
}

#[cfg(test)]
mod tests;
