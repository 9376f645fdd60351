//! Resamples a patch once through a map: images linearly, labels by the largest sum of the weights of the eight surrounding voxels.
//!
//! Positions are rounded to 1/65536 voxel, so that whole voxels are hit exactly, sums of weights are whole numbers, and ties are exact.

use ndarray::{Array3, Array4};

use super::Map;
use crate::augment::patch::{Patch, Source};

/// Fractional bits of a position.
const FRACTION: u32 = 16;
const ONE: i32 = 1 << FRACTION;

/// Added to positions to make them positive, so that truncation rounds down; patches and cases are far smaller.
const OFFSET: f64 = 16384.0;

/// The patch of `size` at `origin`, resampled through the map. Outside the case, images are 0 and labels background, as in patches that
/// are only cut: in a normalised image 0 is a common value (the mean, or the lower end of a window), and prediction pads with it, too.
pub fn resample(source: Source, origin: [isize; 3], size: [usize; 3], mut map: Map) -> Patch {
    let (image, labels) = (source.image.as_standard_layout(), source.labels.as_standard_layout());
    let (channels, depth, height, width) = image.dim();
    let shape = [depth, height, width];
    let mut patch = Patch { image: Array4::zeros((channels, size[0], size[1], size[2])), labels: Array3::zeros(size) };
    let (Some(from_image), Some(from_labels)) = (image.as_slice(), labels.as_slice()) else { return patch };
    let voxels = size.iter().product::<usize>();
    let (Some(to_image), Some(to_labels)) = (patch.image.as_slice_mut(), patch.labels.as_slice_mut()) else {
        return patch;
    };
    if from_labels.is_empty() || voxels == 0 {
        return patch;
    }
    let mut places = Places::new(origin, size, &map);
    for (row, to_labels) in to_labels.chunks_exact_mut(size[2]).enumerate() {
        places.enter(&mut map, row / size[1], row % size[1]);
        label_row(from_labels, shape, &places, to_labels);
        let images = from_image.chunks_exact(from_labels.len()).zip(to_image.chunks_exact_mut(voxels));
        for (from, to) in images {
            image_row(from, shape, &places, &mut to[row * size[2]..(row + 1) * size[2]]);
        }
    }
    patch
}

/// Positions in the case of one row of the patch, in units of 1/65536 voxel, from −16384.
struct Places {
    at: [Vec<i32>; 3],
    displacement: [Vec<f32>; 3],
    /// Position of the patch's first voxel, without displacement.
    start: [f64; 3],
}

impl Places {
    fn new(origin: [isize; 3], size: [usize; 3], map: &Map) -> Self {
        let middle = size.map(|voxels| (voxels as f64 - 1.0) / 2.0);
        let start = [0, 1, 2].map(|axis| {
            let turned: f64 = (0..3).map(|other| map.linear[axis][other] * middle[other]).sum();
            origin[axis] as f64 + middle[axis] - turned - map.shift[axis]
        });
        Self {
            at: [0, 1, 2].map(|_| vec![0; size[2]]),
            displacement: [0, 1, 2].map(|_| vec![0.0; if map.field.is_some() { size[2] } else { 0 }]),
            start,
        }
    }

    fn enter(&mut self, map: &mut Map, z: usize, y: usize) {
        let moved = map.field.as_mut().map(|field| {
            if y == 0 {
                field.enter_slice(z);
            }
            field.enter_row(y);
            field.write(&mut self.displacement);
        });
        for (axis, at) in self.at.iter_mut().enumerate() {
            let [along_z, along_y, along_x] = map.linear[axis];
            let first = self.start[axis] + along_z * z as f64 + along_y * y as f64;
            match moved {
                None => at.iter_mut().enumerate().for_each(|(x, at)| *at = fixed(first + along_x * x as f64)),
                Some(()) => {
                    let [dz, dy, dx] = &self.displacement;
                    let [by_z, by_y, by_x] = map.to_voxels[axis];
                    let moves = dz.iter().zip(dy).zip(dx);
                    for ((x, at), ((dz, dy), dx)) in at.iter_mut().enumerate().zip(moves) {
                        let moved = by_z * f64::from(*dz) + by_y * f64::from(*dy) + by_x * f64::from(*dx);
                        *at = fixed(first + along_x * x as f64 + moved);
                    }
                }
            }
        }
    }
}

fn fixed(place: f64) -> i32 {
    ((place + OFFSET) * f64::from(ONE) + 0.5) as i32
}

/// The voxel below a position, the one above it (the same for a whole position), and the weight of the one above in 1/65536. Negative
/// indices wrap to huge numbers.
fn around(at: i32) -> (usize, usize, i32) {
    let weight = at & (ONE - 1);
    let low = ((at >> FRACTION) - OFFSET as i32) as isize as usize;
    (low, low.wrapping_add(usize::from(weight != 0)), weight)
}

fn image_row(from: &[f32], shape: [usize; 3], places: &Places, to: &mut [f32]) {
    let [depth, height, width] = shape;
    let [at_z, at_y, at_x] = &places.at;
    for (((to, &z), &y), &x) in to.iter_mut().zip(at_z).zip(at_y).zip(at_x) {
        let ((z0, z1, fz), (y0, y1, fy), (x0, x1, fx)) = (around(z), around(y), around(x));
        let part = |weight: i32| weight as f32 * (1.0 / ONE as f32);
        let mix = |low: f32, high: f32, weight: f32| low + (high - low) * weight;
        if z0.max(z1) < depth && y0.max(y1) < height && x0.max(x1) < width {
            let line = |z: usize, y: usize| {
                let start = (z * height + y) * width;
                mix(from[start + x0], from[start + x1], part(fx))
            };
            let slice = |z: usize| mix(line(z, y0), line(z, y1), part(fy));
            let below = slice(z0);
            *to = if z1 == z0 { below } else { mix(below, slice(z1), part(fz)) };
            continue;
        }
        let value = |z: usize, y: usize, x: usize| match z < depth && y < height && x < width {
            true => from[(z * height + y) * width + x],
            false => 0.0,
        };
        let line = |z: usize, y: usize| mix(value(z, y, x0), value(z, y, x1), part(fx));
        let slice = |z: usize| mix(line(z, y0), line(z, y1), part(fy));
        *to = mix(slice(z0), slice(z1), part(fz));
    }
}

fn label_row(from: &[u16], shape: [usize; 3], places: &Places, to: &mut [u16]) {
    let [depth, height, width] = shape;
    let [at_z, at_y, at_x] = &places.at;
    for (((to, &z), &y), &x) in to.iter_mut().zip(at_z).zip(at_y).zip(at_x) {
        let ((z0, z1, fz), (y0, y1, fy), (x0, x1, fx)) = (around(z), around(y), around(x));
        let inside = z0.max(z1) < depth && y0.max(y1) < height && x0.max(x1) < width;
        let value = |z: usize, y: usize, x: usize| match inside || (z < depth && y < height && x < width) {
            true => from[(z * height + y) * width + x],
            false => 0,
        };
        let first = value(z0, y0, x0);
        let corners = [
            first,
            value(z0, y0, x1),
            value(z0, y1, x0),
            value(z0, y1, x1),
            value(z1, y0, x0),
            value(z1, y0, x1),
            value(z1, y1, x0),
            value(z1, y1, x1),
        ];
        let differ = corners.iter().fold(0, |differ, corner| differ | (corner ^ first));
        *to = if differ == 0 { first } else { vote(corners, [fz, fy, fx]) };
    }
}

/// The label with the largest sum of weights; in a tie that of the nearest voxel, else the smallest.
fn vote(corners: [u16; 8], weights: [i32; 3]) -> u16 {
    let side = |bit: usize, weight: i32, corner: usize| match corner >> bit & 1 {
        0 => (ONE - weight) as u64,
        _ => weight as u64,
    };
    let [z, y, x] = weights;
    let weight = |corner: usize| side(2, z, corner) * side(1, y, corner) * side(0, x, corner);
    let each: [u64; 8] = std::array::from_fn(weight);
    let score =
        |label: u16| -> u64 { (0..8).filter(|corner| corners[*corner] == label).map(|corner| each[corner]).sum() };
    let half = ONE / 2;
    let nearest = usize::from(z >= half) << 2 | usize::from(y >= half) << 1 | usize::from(x >= half);
    let mut winner = (corners[nearest], score(corners[nearest]));
    let nearest = winner;
    for label in corners {
        let score = score(label);
        let beats_a_tie = score == winner.1 && winner.0 != nearest.0 && label < winner.0;
        if score > winner.1 || beats_a_tie {
            winner = (label, score);
        }
    }
    winner.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_sum_of_weights_wins_and_ties_go_to_the_nearest() {
        let quarter = ONE / 4;
        // Three voxels of label 3 share what the nearest, label 9, has less of.
        assert_eq!(vote([9, 3, 3, 3, 9, 3, 3, 3], [0, ONE * 3 / 8, ONE * 3 / 8]), 3);
        assert_eq!(vote([9, 3, 3, 3, 9, 3, 3, 3], [0, quarter, quarter]), 9);
        assert_eq!(vote([5, 2, 5, 2, 5, 2, 5, 2], [0, 0, ONE / 2]), 2);
        assert_eq!(vote([2, 5, 2, 5, 2, 5, 2, 5], [0, 0, ONE / 2]), 5);
    }

    #[test]
    fn places_are_exact_on_whole_voxels() {
        for voxel in [-3.0f64, 0.0, 1.0, 511.0] {
            let (low, high, weight) = around(fixed(voxel + 1e-9));
            assert_eq!((low as isize, high as isize, weight), (voxel as isize, voxel as isize, 0));
        }
        let (low, high, weight) = around(fixed(-0.25));
        assert_eq!((low as isize, high as isize, weight), (-1, 0, ONE * 3 / 4));
    }
}
