use std::collections::BTreeMap;

use ndarray::{Array3, Array4};

use super::*;
use crate::dataset::TargetStructure;
use crate::evaluate::metric::{DICE, IOU};

fn target(structures: &[(&str, &[u16])], overlapping: bool) -> Target {
    let structures = structures.iter().map(|(name, values)| TargetStructure::new(*name, values));
    Target { overlapping, ..Target::of(structures.collect()) }
}

fn map(shape: [usize; 3], voxels: &[u16]) -> LabelMap {
    let voxels = Array3::from_shape_vec(shape, voxels.to_vec()).unwrap();
    LabelMap { voxels, geometry: Geometry::axis_aligned(shape, [2.0, 1.0, 0.5]) }
}

fn counts(score: &Score) -> [u64; 4] {
    let counts = score.counts;
    [counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative]
}

fn value(score: &Score, column: &str) -> Option<f64> {
    score[MetricId::all().find(|metric| metric.column == column).unwrap()]
}

#[test]
fn every_structure_is_counted_and_every_combination_of_empty_is_flagged() {
    // 1 overlaps, 2 is missed, 3 is a false positive, 4 is absent
    let reference = map([2, 2, 3], &[1, 1, 2, 0, 0, 0, 1, 1, 2, 0, 0, 0]);
    let prediction = map([2, 2, 3], &[1, 0, 0, 1, 3, 0, 1, 0, 0, 0, 0, 3]);
    let target = target(&[("a", &[1]), ("b", &[2]), ("c", &[3]), ("d", &[4])], false);
    let scores = score("case", &target, &reference, &Segmentation::Labels(prediction), &Evaluate::default()).unwrap();
    let found: Vec<_> = scores.iter().map(|s| (counts(s), s.reference_empty(), s.prediction_empty())).collect();
    let expected = [
        ([2, 1, 2, 7], false, false),
        ([0, 0, 2, 10], false, true),
        ([0, 2, 0, 10], true, false),
        ([0, 0, 0, 12], true, true),
    ];
    assert_eq!(found, expected);
    let dice: Vec<_> = scores.iter().map(|s| s[DICE]).collect();
    assert_eq!(dice, [Some(4.0 / 7.0), Some(0.0), Some(0.0), None]);
    // one voxel is 1 mm³ = 0.001 mL
    let volumes = (scores[0].reference_ml, scores[0].prediction_ml, value(&scores[0], "volume_difference_ml"));
    assert_eq!(volumes, (Some(0.004), Some(0.003), Some(-0.001)));
}

#[test]
fn merged_structures_take_any_of_their_values() {
    let reference = map([1, 1, 4], &[1, 2, 0, 3]);
    let prediction = map([1, 1, 4], &[2, 1, 1, 0]);
    let target = target(&[("bone", &[1, 2]), ("other", &[3])], false);
    let scores = score("case", &target, &reference, &Segmentation::Labels(prediction), &Evaluate::default()).unwrap();
    assert_eq!(scores[0][DICE], Some(0.8));
    assert!(scores[1].prediction_empty());
}

#[test]
fn masks_may_overlap() {
    let reference = map([1, 1, 4], &[1, 2, 0, 0]);
    let target = target(&[("part", &[1]), ("whole", &[1, 2])], true);
    let masks = Array4::from_shape_vec([2, 1, 1, 4], vec![1, 0, 0, 0, 1, 1, 1, 0]).unwrap();
    let prediction = Segmentation::Masks { masks, geometry: reference.geometry.clone() };
    let scores = score("case", &target, &reference, &prediction, &Evaluate::default()).unwrap();
    assert_eq!((scores[0][DICE], scores[1][IOU]), (Some(1.0), Some(2.0 / 3.0)));
    let one = Segmentation::Masks { masks: Array4::zeros([1, 1, 1, 4]), geometry: reference.geometry.clone() };
    let error = score("case", &target, &reference, &one, &Evaluate::default()).unwrap_err();
    assert_eq!(error, ScoreError::Masks { case: "case".into(), found: 1, expected: 2 });
}

#[test]
fn other_grids_are_refused_and_rounding_in_the_header_is_not() {
    let reference = map([1, 2, 2], &[1, 1, 0, 0]);
    let target = target(&[("a", &[1])], false);
    let moved = |millimetres: f64| {
        let mut prediction = reference.clone();
        prediction.geometry.affine[2][3] = millimetres;
        score("case_7", &target, &reference, &Segmentation::Labels(prediction), &Evaluate::default())
    };
    assert!(moved(0.04).is_ok());
    let message = moved(5.0).unwrap_err().to_string();
    assert!(message.contains("case_7") && message.contains("5.000 mm"), "{message}");
    assert!(message.contains("origin [0, 0, 0] mm") && message.contains("origin [0, 0, 5] mm"), "{message}");
    let small = Segmentation::Labels(map([1, 1, 2], &[1, 0]));
    let message = score("case_7", &target, &reference, &small, &Evaluate::default()).unwrap_err().to_string();
    assert!(message.contains("[1, 2, 2] and [1, 1, 2]"), "{message}");
}

#[test]
fn without_spacing_there_are_no_millilitres() {
    let mut reference = map([1, 1, 2], &[1, 0]);
    reference.geometry.has_spacing = false;
    let scores = score(
        "case",
        &target(&[("a", &[1])], false),
        &reference,
        &Segmentation::Labels(reference.clone()),
        &Evaluate::default(),
    );
    let score = &scores.unwrap()[0];
    assert_eq!((score[DICE], score.reference_ml, value(score, "volume_difference_ml")), (Some(1.0), None, None));
    assert_eq!(value(score, "relative_volume_difference"), Some(0.0));
}

#[test]
fn counts_and_ratios_agree_with_numpy_and_scipy() {
    #[derive(serde::Deserialize)]
    struct Example {
        shape: [usize; 3],
        reference: Vec<u16>,
        prediction: Vec<u16>,
        structures: Vec<Expected>,
    }
    #[derive(serde::Deserialize)]
    struct Expected {
        value: u16,
        counts: [u64; 4],
        #[serde(flatten)]
        ratios: BTreeMap<String, Option<f64>>,
    }
    let examples: Vec<Example> = serde_json::from_str(include_str!("../../../tests/reference/overlap.json")).unwrap();
    assert!(examples.len() >= 5);
    for example in examples {
        let names: Vec<(String, Vec<u16>)> =
            example.structures.iter().map(|s| (s.value.to_string(), vec![s.value])).collect();
        let listed: Vec<(&str, &[u16])> =
            names.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
        let reference = map(example.shape, &example.reference);
        let prediction = Segmentation::Labels(map(example.shape, &example.prediction));
        let scores = score("case", &target(&listed, false), &reference, &prediction, &Evaluate::default()).unwrap();
        for (found, expected) in scores.iter().zip(&example.structures) {
            assert_eq!(counts(found), expected.counts);
            for (column, expected) in &expected.ratios {
                let found = value(found, column);
                assert_eq!(found.is_some(), expected.is_some(), "{column}");
                assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12, "{column}");
            }
        }
    }
}

/// The same counts as without the ignored voxels, in label maps and in masks.
#[test]
fn ignored_voxels_are_not_counted() {
    let reference = map([1, 2, 4], &[1, 1, 9, 9, 2, 0, 9, 0]);
    let prediction = map([1, 2, 4], &[1, 0, 1, 2, 2, 1, 0, 0]);
    let structures: [(&str, &[u16]); 2] = [("a", &[1]), ("b", &[2])];
    let ignoring = |overlapping| Target { ignore: Some(9), ..target(&structures, overlapping) };
    let labels =
        score("case", &ignoring(false), &reference, &Segmentation::Labels(prediction.clone()), &Evaluate::default())
            .unwrap();
    assert_eq!(labels.iter().map(counts).collect::<Vec<_>>(), [[1, 1, 1, 2], [1, 0, 0, 4]]);
    let masks = Array4::from_shape_fn([2, 1, 2, 4], |(structure, z, y, x)| {
        u8::from(usize::from(prediction.voxels[[z, y, x]]) == structure + 1)
    });
    let masks = Segmentation::Masks { masks, geometry: prediction.geometry };
    let masks = score("case", &ignoring(true), &reference, &masks, &Evaluate::default()).unwrap();
    assert_eq!(masks.iter().map(counts).collect::<Vec<_>>(), labels.iter().map(counts).collect::<Vec<_>>());
}
