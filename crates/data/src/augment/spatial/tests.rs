//! Hand-computed maps, properties, and batchgeneratorsv2 and SciPy (`tests/reference/augment.py`).

use std::collections::BTreeMap;

use ndarray::{Array3, Array4, s};
use proptest::prelude::*;
use serde::Deserialize;

use super::affine::rotation;
use super::*;
use crate::augment::patch::{Patch, Source};
use crate::random;

fn through(map: Map, image: &Array4<f32>, labels: &Array3<u16>, origin: [isize; 3], size: [usize; 3]) -> Patch {
    let locations = BTreeMap::new();
    // The map knows the spacing already.
    let source = Source {
        image: image.view(),
        labels: labels.view(),
        spacing_mm: [f64::NAN; 3],
        locations: &locations,
        near: None,
    };
    resample(source, origin, size, map)
}

fn numbered(shape: [usize; 3]) -> (Array4<f32>, Array3<u16>) {
    let [d, h, w] = shape;
    let number = |z: usize, y: usize, x: usize| (z * h + y) * w + x + 1;
    let image = Array4::from_shape_fn((2, d, h, w), |(c, z, y, x)| (number(z, y, x) * (1 + c)) as f32);
    (image, Array3::from_shape_fn(shape, |(z, y, x)| number(z, y, x) as u16))
}

fn linear(matrix: Matrix, spacing_mm: [f64; 3]) -> Map {
    Map::new(matrix, [0.0; 3], None, spacing_mm)
}

#[test]
fn a_quarter_turn_about_depth_permutes_voxels_exactly() {
    for size in [5, 6] {
        let (image, labels) = numbered([2, size, size]);
        let patch = through(linear(rotation(0, 90.0), [1.0; 3]), &image, &labels, [0; 3], [2, size, size]);
        // The place (y, x) shows what lies at (−x, y) around the middle.
        for ((z, y, x), label) in patch.labels.indexed_iter() {
            assert_eq!(*label, labels[[z, size - 1 - x, y]], "{z} {y} {x}");
            assert_eq!(patch.image[[1, z, y, x]], image[[1, z, size - 1 - x, y]]);
        }
    }
}

#[test]
fn turns_exchange_millimetres_not_voxels() {
    // Slices of 2 mm, voxels of 1 mm: a quarter turn about the width leads one slice up to two voxels along the height.
    let image = Array4::from_shape_fn((1, 9, 17, 3), |(_, _, y, _)| y as f32);
    let labels = Array3::zeros([9, 17, 3]);
    let patch = through(linear(rotation(2, 90.0), [2.0, 1.0, 1.0]), &image, &labels, [0; 3], [9, 17, 3]);
    for z in 0..9 {
        // Middle slice 4, middle row 8, whose place along the depth is the middle slice.
        assert_eq!(patch.image[[0, z, 8, 1]], 8.0 + 2.0 * (z as f32 - 4.0), "slice {z}");
    }
}

#[test]
fn zoom_of_two_samples_every_half_voxel() {
    let mut rng = random::stream(1, "test", 0, 0);
    let zoom = Zoom { probability: 1.0, factors: [2.0, 2.0], per_axis: false };
    let spatial = Spatial { zoom: Some(zoom), ..Spatial::default() };
    let map = spatial.draw([1, 1, 5], [1.0; 3], &mut Dice::new(&mut rng, None)).unwrap();
    let (image, labels) = (Array4::from_shape_fn((1, 1, 1, 5), |at| (at.3 * at.3) as f32), Array3::zeros([1, 1, 5]));
    let patch = through(map, &image, &labels, [0; 3], [1, 1, 5]);
    // Places 1, 1½, 2, 2½, 3 of 0, 1, 4, 9, 16.
    assert_eq!(patch.image.as_slice().unwrap(), [1.0, 2.5, 4.0, 6.5, 9.0]);
}

#[test]
fn whole_voxels_of_translation_are_a_shifted_cut_with_zeros_outside() {
    let (image, labels) = numbered([4, 5, 6]);
    let map = Map::new(IDENTITY, [2.0, -1.0, 4.0], None, [2.0, 1.0, 2.0]);
    let patch = through(map, &image, &labels, [0; 3], [4, 5, 6]);
    let (moved, seen) = (s![.., 1.., ..4, 2..], s![.., ..3, 1.., ..4]);
    assert_eq!(patch.image.slice(moved), image.slice(seen));
    assert_eq!(patch.labels.slice(s![1.., ..4, 2..]), labels.slice(s![..3, 1.., ..4]));
    assert_eq!(patch.image.iter().filter(|value| **value == 0.0).count(), 2 * (4 * 5 * 6 - 3 * 4 * 4));
    assert_eq!(patch.labels.iter().filter(|value| **value == 0).count(), 4 * 5 * 6 - 3 * 4 * 4);
}

#[test]
fn in_plane_maps_stay_in_their_slice() {
    let everything = Spatial {
        in_plane: true,
        rotation: Some(Rotation { probability: 1.0, degrees: [90.0; 3] }),
        zoom: Some(Zoom { probability: 1.0, factors: [0.5, 2.0], per_axis: true }),
        shear: Some(Shear { probability: 1.0, degrees: 20.0 }),
        translation: Some(Translation { probability: 1.0, range_mm: [30.0, 3.0, 3.0] }),
        elastic: Some(Elastic { probability: 1.0, spacing_mm: [8.0; 3], displacement_mm: [3.0; 3] }),
    };
    // Slices that are constant stay what they are, where the map stays inside.
    let image = Array4::from_shape_fn((1, 3, 200, 200), |(_, z, _, _)| 1.0 + z as f32);
    let labels = Array3::from_shape_fn([3, 200, 200], |(z, _, _)| 1 + z as u16);
    for seed in 0..10 {
        let mut rng = random::stream(seed, "test", 0, 0);
        let map = everything.draw([3, 20, 20], [5.0, 1.0, 1.0], &mut Dice::new(&mut rng, None)).unwrap();
        let patch = through(map, &image, &labels, [0, 90, 90], [3, 20, 20]);
        for ((z, _, _), label) in patch.labels.indexed_iter() {
            assert_eq!(usize::from(*label), 1 + z);
        }
        for ((_, z, _, _), value) in patch.image.indexed_iter() {
            assert!((*value - (1 + z) as f32).abs() < 1e-5);
        }
    }
}

#[derive(Deserialize)]
struct Reference {
    shape: [usize; 3],
    image: Vec<f32>,
    labels: Vec<u16>,
    affine: Vec<Affine>,
    elastic: Deformed,
}

#[derive(Deserialize)]
struct Affine {
    degrees: [f64; 3],
    step: f64,
    matrix: Vec<f64>,
    image: Vec<f32>,
    labels: Vec<u16>,
}

#[derive(Deserialize)]
struct Deformed {
    voxel_mm: [f64; 3],
    grid_mm: [f64; 3],
    control: [Vec<f32>; 3],
    displacement: [Vec<f32>; 3],
    image: Vec<f32>,
}

fn reference() -> (Reference, Array4<f32>, Array3<u16>) {
    let reference: Reference =
        serde_json::from_str(include_str!("../../../../../tests/reference/augment.json")).unwrap();
    let [d, h, w] = reference.shape;
    let image = Array4::from_shape_vec((1, d, h, w), reference.image.clone()).unwrap();
    let labels = Array3::from_shape_vec(reference.shape, reference.labels.clone()).unwrap();
    (reference, image, labels)
}

fn assert_close<'a>(found: impl IntoIterator<Item = &'a f32>, expected: &[f32], tolerance: f32, what: &str) {
    let found: Vec<f32> = found.into_iter().copied().collect();
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(worst < tolerance, "{what}: differs by {worst}");
}

#[test]
fn affine_maps_equal_those_of_batchgeneratorsv2() {
    let (reference, image, labels) = reference();
    assert!(reference.affine.len() >= 5);
    for Affine { degrees, step, matrix, image: expected, labels: classes } in reference.affine {
        let turned = [0, 1, 2].map(|axis| rotation(axis, degrees[axis]));
        let zoomed = [0, 1, 2].map(|row| [0, 1, 2].map(|column| if row == column { step } else { 0.0 }));
        // Their turn about the middle axis goes the other way round.
        let turned = [turned[0], rotation(1, -degrees[1]), turned[2]];
        let ours = product(product(turned[2], product(turned[1], turned[0])), zoomed);
        ours.iter().flatten().zip(&matrix).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{ours:?} {matrix:?}"));
        let patch = through(linear(ours, [1.0; 3]), &image, &labels, [0; 3], reference.shape);
        assert_close(&patch.image, &expected, 2e-4, &format!("{degrees:?} {step}"));
        // Theirs collapses near ties by its 16-bit scores.
        let differ = patch.labels.iter().zip(&classes).filter(|(a, b)| a != b).count();
        assert!(differ <= 2, "{degrees:?} {step}: {differ} labels of {}", classes.len());
    }
}

#[test]
fn the_b_spline_equals_scipys() {
    let (reference, image, labels) = reference();
    let Deformed { voxel_mm, grid_mm, control, displacement, image: expected } = reference.elastic;
    let mut field = Field::over(reference.shape, voxel_mm, grid_mm, control);
    let [_, height, width] = reference.shape;
    let mut row = [0, 1, 2].map(|_| vec![0.0; width]);
    for start in (0..displacement[0].len()).step_by(width) {
        let (z, y) = (start / width / height, start / width % height);
        field.enter_slice(z);
        field.enter_row(y);
        field.write(&mut row);
        for (found, expected) in row.iter().zip(&displacement) {
            assert_close(found, &expected[start..start + width], 1e-5, &format!("row {z} {y}"));
        }
    }
    let map = Map::new(IDENTITY, [0.0; 3], Some(field), voxel_mm);
    let patch = through(map, &image, &labels, [0; 3], reference.shape);
    assert_close(&patch.image, &expected, 2e-4, "deformed image");
}

proptest! {
    #[test]
    fn strength_zero_is_the_identity(
        size in prop::array::uniform3(1usize..8), spacing in prop::array::uniform3(0.5f64..4.0), seed in 0u64..1000
    ) {
        let zero = Spatial {
            in_plane: false,
            rotation: Some(Rotation { probability: 1.0, degrees: [0.0; 3] }),
            zoom: Some(Zoom { probability: 1.0, factors: [1.0; 2], per_axis: true }),
            shear: Some(Shear { probability: 1.0, degrees: 0.0 }),
            translation: Some(Translation { probability: 1.0, range_mm: [0.0; 3] }),
            elastic: Some(Elastic { probability: 1.0, spacing_mm: [5.0; 3], displacement_mm: [0.0; 3] }),
        };
        let (image, labels) = numbered(size);
        let map = zero.draw(size, spacing, &mut Dice::new(&mut random::stream(seed, "test", 0, 0), None)).unwrap();
        let patch = through(map, &image, &labels, [0; 3], size);
        prop_assert_eq!(patch.image, image);
        prop_assert_eq!(patch.labels, labels);
    }

    #[test]
    fn no_label_and_no_intensity_appears_that_was_not_there(
        seed in 0u64..10_000, spacing in prop::array::uniform3(0.5f64..4.0)
    ) {
        let strong = Spatial {
            in_plane: false,
            rotation: Some(Rotation { probability: 0.8, degrees: [180.0; 3] }),
            zoom: Some(Zoom { probability: 0.8, factors: [0.4, 2.5], per_axis: true }),
            shear: Some(Shear { probability: 0.8, degrees: 30.0 }),
            translation: Some(Translation { probability: 0.8, range_mm: [10.0; 3] }),
            elastic: Some(Elastic { probability: 0.8, spacing_mm: [6.0; 3], displacement_mm: [6.0; 3] }),
        };
        let mut rng = random::stream(seed, "test", 0, 0);
        let Some(map) = strong.draw([6, 7, 8], spacing, &mut Dice::new(&mut rng, None)) else { return Ok(()) };
        let labels = Array3::from_shape_fn([9, 8, 7], |(z, y, x)| [0u16, 3, 400, 7][(z / 3 + y / 2 + x / 2) % 4]);
        let image = labels.mapv(f32::from).insert_axis(ndarray::Axis(0));
        let patch = through(map, &image, &labels, [1, 0, -1], [6, 7, 8]);
        prop_assert!(patch.labels.iter().all(|label| [0, 3, 400, 7].contains(label)));
        prop_assert!(patch.image.iter().all(|value| (0.0..=400.0).contains(value)));
    }
}
