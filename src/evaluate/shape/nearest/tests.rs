use super::*;
use crate::evaluate::shape::{Crop, PREDICTION, REFERENCE};

/// Masks of random blobs, near each other or far apart.
fn crop(size: [usize; 3], spacing: [f64; 3], flat: bool, seed: u64, far: bool) -> Crop {
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut voxels = vec![0; size.iter().product()];
    let last = size[2] - 1;
    for (index, voxel) in voxels.iter_mut().enumerate() {
        let x = index % size[2];
        let (near_start, near_end) = (x < size[2] / 3, x > last - size[2] / 3);
        let chance = |there: bool| if far && !there { 0.0 } else { 0.4 };
        *voxel |= if random() < chance(near_start) { REFERENCE } else { 0 };
        *voxel |= if random() < chance(near_end) { PREDICTION } else { 0 };
    }
    Crop { size, spacing, flat, voxels }
}

fn brute_force(from: &Elements, to: &Elements, spacing: [f64; 3]) -> Vec<f64> {
    let places = |elements: &Elements| {
        let [_, height, width] = elements.size;
        let mut places = Vec::new();
        elements.each(&elements.codes, |at, _| places.push([at / (height * width), at / width % height, at % width]));
        places
    };
    let targets = places(to);
    let distance = |one: &[usize; 3], other: &[usize; 3]| {
        (0..3).map(|axis| ((one[axis] as f64 - other[axis] as f64) * spacing[axis]).powi(2)).sum::<f64>()
    };
    let nearest = |one: &[usize; 3]| targets.iter().map(|other| distance(one, other)).fold(f64::INFINITY, f64::min);
    places(from).iter().map(|place| nearest(place).sqrt()).collect()
}

#[test]
fn distances_are_those_of_all_pairs_near_and_far() {
    for (seed, size) in [[5, 6, 9], [1, 12, 40], [9, 3, 100], [3, 4, 5]].into_iter().enumerate() {
        for far in [false, true] {
            for spacing in [[1.0, 1.0, 1.0], [5.0, 0.7, 0.8], [0.4, 1.3, 2.5]] {
                let crop = crop(size, spacing, size[0] == 1, seed as u64 + 1, far);
                let (one, other) = (Elements::of(&crop, REFERENCE), Elements::of(&crop, PREDICTION));
                let steps = Steps::new([spacing[1], spacing[2]]);
                let mut found: Vec<f64> = distances(&one, &other, spacing, &steps).iter().map(|it| it.0).collect();
                let mut expected = brute_force(&one, &other, spacing);
                found.sort_by(f64::total_cmp);
                expected.sort_by(f64::total_cmp);
                assert_eq!(found.len(), expected.len());
                let close = found.iter().zip(&expected).all(|(one, other)| (one - other).abs() < 1e-9);
                assert!(close, "{size:?} {spacing:?} {far}");
            }
        }
    }
}
