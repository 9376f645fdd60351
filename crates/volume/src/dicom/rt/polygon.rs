//! Pixels whose centres lie inside polygons, by the even-odd rule.

/// Coordinates are rounded to this fraction of a pixel, so that corners that are meant to lie on pixel centres do.
const GRAIN: f64 = (1_u64 << 20) as f64;

/// A corner `[y, x]` in pixels; whole numbers are centres.
pub(super) type Corner = [f64; 2];

/// Rounds a coordinate to the grain.
pub(super) fn snapped(value: f64) -> f64 {
    (value * GRAIN).round() / GRAIN
}

/// Inverts the pixels inside one closed polygon: what lies inside an odd number of polygons remains. A centre on the boundary belongs
/// to one of the two sides, so that polygons which share an edge share no pixel.
pub(super) fn invert(corners: &[Corner], [rows, columns]: [usize; 2], mask: &mut [u8]) {
    let lowest = corners.iter().map(|corner| corner[0]).fold(f64::INFINITY, f64::min);
    let highest = corners.iter().map(|corner| corner[0]).fold(f64::NEG_INFINITY, f64::max);
    let [first, last] = [lowest, highest].map(|y| y.ceil().clamp(0.0, rows as f64) as usize);
    if first >= last {
        return;
    }
    // Each edge that a row crosses inverts everything to its right: flags first, then a sum along the row.
    let width = columns + 1;
    let mut flips = vec![0_u8; (last - first) * width];
    let following = corners.iter().skip(1).chain(corners.first());
    for (&a, &b) in corners.iter().zip(following) {
        // In one order, so that a path there and back crosses a row at the same place twice.
        let [low, high] = if a <= b { [a, b] } else { [b, a] };
        let from = low[0].ceil().clamp(first as f64, last as f64) as usize;
        let to = high[0].ceil().clamp(first as f64, last as f64) as usize;
        for row in from..to {
            let part = (row as f64 - low[0]) / (high[0] - low[0]);
            let column = (low[1] + (high[1] - low[1]) * part).ceil().clamp(0.0, columns as f64) as usize;
            flips[(row - first) * width + column] ^= 1;
        }
    }
    for (flips, row) in flips.chunks_exact(width).zip(mask[first * columns..].chunks_exact_mut(columns)) {
        let mut inside = 0;
        for (flip, pixel) in flips.iter().zip(row) {
            inside ^= flip;
            *pixel ^= inside;
        }
    }
}

/// Twice the signed area, in pixels.
pub(super) fn doubled_area(corners: &[Corner]) -> f64 {
    let following = corners.iter().skip(1).chain(corners.first());
    corners.iter().zip(following).map(|(a, b)| a[1] * b[0] - b[1] * a[0]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(polygons: &[&[Corner]]) -> Vec<String> {
        let mut mask = vec![0; 6 * 8];
        polygons.iter().for_each(|polygon| invert(polygon, [6, 8], &mut mask));
        let letter = |&inside: &u8| if inside == 1 { '#' } else { '.' };
        mask.chunks(8).map(|row| row.iter().map(letter).collect()).collect()
    }

    const SQUARE: [Corner; 4] = [[0.5, 0.5], [0.5, 6.5], [4.5, 6.5], [4.5, 0.5]];
    const HOLE: [Corner; 4] = [[1.5, 2.5], [3.5, 2.5], [3.5, 4.5], [1.5, 4.5]];
    const RING: [&str; 6] = ["........", ".######.", ".##..##.", ".##..##.", ".######.", "........"];

    #[test]
    fn holes_are_inner_contours_or_keyholes_in_either_direction() {
        assert_eq!(filled(&[&SQUARE, &HOLE]), RING);
        assert_eq!(filled(&[&HOLE, &SQUARE]), RING);
        let backwards: Vec<Corner> = HOLE.iter().rev().copied().collect();
        assert_eq!(filled(&[&SQUARE, &backwards]), RING);
        // Slanted and along a row of centres, where rounding would show.
        for gate in [[0.5, 0.5], [2.0, 0.5]] {
            let mut keyhole = vec![gate];
            keyhole.extend(if gate[0] == 0.5 { &SQUARE[1..] } else { &SQUARE[3..] });
            if gate[0] != 0.5 {
                keyhole = vec![gate, SQUARE[0], SQUARE[1], SQUARE[2], SQUARE[3]];
            }
            keyhole.push(gate);
            keyhole.extend(HOLE);
            keyhole.push(HOLE[0]);
            assert_eq!(filled(&[&keyhole]), RING, "{gate:?}");
        }
    }

    #[test]
    fn centres_on_the_boundary_belong_to_one_side_and_what_lies_outside_is_cut() {
        let [left, right] = [0.0, 3.0].map(|x| [[1.0, x], [1.0, x + 3.0], [4.0, x + 3.0], [4.0, x]]);
        assert_eq!(filled(&[&left])[1..4], ["###.....", "###.....", "###....."]);
        assert_eq!(filled(&[&left, &right])[1], "######..");
        let large = [[-9.0, -9.0], [-9.0, 90.0], [90.0, 90.0], [90.0, -9.0]];
        assert!(filled(&[&large]).iter().all(|row| row == "########"));
        assert!(filled(&[&[[2.0, 20.0], [4.0, 21.0], [3.0, 22.0]]]).iter().all(|row| row == "........"));
        assert!(filled(&[&[[2.0, 2.0]], &[[1.0, 1.0], [3.0, 3.0]], &[]]).iter().all(|row| row == "........"));
    }
}
