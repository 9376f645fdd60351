//! Segmentations come back to the grid of their image, in every orientation.

use super::*;
use crate::dataset::TargetStructure;
use crate::preprocess::Orientation;
use crate::preprocess::case::prepare_case;
use crate::preprocess::spec::{Crop, ImageInterpolation, LabelInterpolation, PreprocessPlan};
use crate::volume::{Geometry, Volume};
use proptest::prelude::*;

fn target(overlapping: bool, values: &[u16]) -> Target {
    let structure = |&value: &u16| TargetStructure::new(format!("s{value}"), &[value]);
    Target { overlapping, ..Target::of(values.iter().map(structure).collect()) }
}

fn plan(spacing_mm: Option<[f64; 3]>) -> PreprocessPlan {
    PreprocessPlan {
        orientation: Orientation::Canonical,
        crop: Crop::Nonzero,
        body_threshold: None,
        spacing_mm,
        shape: None,
        image_interpolation: ImageInterpolation::Linear,
        label_interpolation: LabelInterpolation::OneHotLinear,
        anisotropy_threshold: 3.0,
        intensity: vec![],
    }
}

/// A 4×5×6 grid in every axis order and direction.
fn orientations() -> Vec<Geometry> {
    let columns = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let oriented = |world: [usize; 3], signs: usize| {
        let mut affine = [[0.0; 4]; 3];
        for axis in 0..3 {
            affine[world[axis]][axis] = if signs >> axis & 1 == 1 { -1.5 } else { 2.0 + axis as f64 };
        }
        Geometry { shape: [4, 5, 6], affine, has_spacing: true }
    };
    columns.into_iter().flat_map(|world| (0..8).map(move |signs| oriented(world, signs))).collect()
}

fn one_hot(labels: &Array3<u16>, values: &[u16]) -> Array4<f32> {
    let (depth, height, width) = labels.dim();
    Array4::from_shape_fn([values.len(), depth, height, width], |(output, z, y, x)| {
        f32::from(u8::from(labels[[z, y, x]] == values[output]))
    })
}

/// A case whose image is nonzero at labelled voxels and at one further voxel.
fn case(labels: Vec<u16>, geometry: Geometry) -> (Volume, LabelMap) {
    let voxels = Array3::from_shape_vec(geometry.shape, labels).unwrap();
    let mut image = voxels.mapv(f32::from).insert_axis(Axis(0));
    image[[0, 1, 1, 1]] = 9.0;
    (Volume { voxels: image, geometry: geometry.clone() }, LabelMap { voxels, geometry })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn labels_come_back_from_every_orientation(labels in prop::collection::vec(prop_oneof![Just(0u16), Just(2), Just(7)], 120)) {
        for geometry in orientations() {
            let (image, label) = case(labels.clone(), geometry);
            let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
            let outputs = one_hot(&prepared.labels.unwrap(), &[0, 2, 7]);
            let back = restore_segmentation(&Outputs::Probabilities(outputs), &target(false, &[2, 7]), 0.5, &prepared.origin).unwrap();
            prop_assert_eq!(back, Segmentation::Labels(label));
        }
    }
}

#[test]
fn overlapping_masks_come_back_too() {
    for geometry in orientations() {
        let (image, label) = case((0..120).map(|index| index % 3).collect(), geometry.clone());
        let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
        let outputs = one_hot(&prepared.labels.unwrap(), &[1, 2]);
        let back =
            restore_segmentation(&Outputs::Probabilities(outputs), &target(true, &[1, 2]), 0.5, &prepared.origin)
                .unwrap();
        let Segmentation::Masks { masks, geometry: restored } = back else { panic!("masks expected") };
        assert_eq!(restored, geometry);
        for (mask, value) in masks.outer_iter().zip([1, 2]) {
            assert_eq!(mask, label.voxels.mapv(|label| u8::from(label == value)));
        }
    }
}

#[test]
fn a_resampled_block_comes_back_where_it_was() {
    let geometry = Geometry::axis_aligned([24, 30, 28], [1.5, 1.0, 1.0]);
    let mut voxels = Array3::<u16>::zeros(geometry.shape);
    voxels.slice_mut(ndarray::s![6..18, 8..20, 6..18]).fill(1);
    let image = Volume { voxels: Array4::ones([1, 24, 30, 28]), geometry: geometry.clone() };
    let label = LabelMap { voxels, geometry };
    let prepared = prepare_case(&plan(Some([1.0, 2.0, 1.4])), &image, Some(&label)).unwrap();
    let outputs = one_hot(&prepared.labels.unwrap(), &[0, 1]);
    let back =
        restore_segmentation(&Outputs::Probabilities(outputs), &target(false, &[1]), 0.5, &prepared.origin).unwrap();
    let Segmentation::Labels(back) = back else { panic!("labels expected") };
    let same = back.voxels.iter().zip(&label.voxels).filter(|(a, b)| **a == 1 && **b == 1).count();
    let dice = 2.0 * same as f64 / (back.voxels.iter().chain(&label.voxels).filter(|v| **v == 1).count()) as f64;
    assert!(dice > 0.97, "Dice {dice}");
}

#[test]
fn slices_come_back_to_where_they_were() {
    let geometry = Geometry::axis_aligned([6, 3, 3], [2.0, 1.0, 1.0]);
    let mut voxels = Array4::zeros([1, 6, 3, 3]);
    voxels.slice_mut(ndarray::s![.., 1..5, .., ..]).fill(1.0);
    let image = Volume { voxels, geometry };
    let restored = |spacing: f64, slices: &[f32]| {
        let prepared = prepare_case(&plan(Some([spacing, 1.0, 1.0])), &image, None).unwrap();
        let slices = ArrayView2::from_shape((1, slices.len()), slices).unwrap();
        restore_slices(slices, &prepared.origin).into_raw_vec_and_offset().0
    };
    assert_eq!(restored(2.0, &[0.1, 0.2, 0.3, 0.4]), [0.0, 0.1, 0.2, 0.3, 0.4, 0.0]);
    // Half and twice as many slices.
    assert_eq!(restored(4.0, &[0.1, 0.3]), [0.0, 0.1, 0.1, 0.3, 0.3, 0.0]);
    assert_eq!(restored(1.0, &[0.1, 0.3, 0.2, 0.1, 0.0, 0.0, 0.5, 0.9]), [0.0, 0.3, 0.2, 0.0, 0.9, 0.0]);
    // Three slices for four: the second overlaps the first and the second.
    assert_eq!(restored(8.0 / 3.0, &[0.5, 0.1, 0.7]), [0.0, 0.5, 0.5, 0.7, 0.7, 0.0]);
}

#[test]
fn outputs_of_another_case_are_refused() {
    let (image, label) = case(vec![1; 120], orientations().remove(0));
    let prepared = prepare_case(&plan(None), &image, Some(&label)).unwrap();
    let wrong = Outputs::Probabilities(Array4::zeros([2, 1, 1, 1]));
    assert!(restore_segmentation(&wrong, &target(false, &[1]), 0.5, &prepared.origin).is_err());
    assert!(restore_probabilities(&[(&wrong, &prepared.origin)], &target(false, &[1])).is_err());
}
