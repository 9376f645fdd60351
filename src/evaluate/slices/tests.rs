//! Values computed by hand, and properties of the area under the ROC curve.

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::dataset::TargetStructure;

/// Two of four are above 0.5; one negative slice has a higher probability than a positive one.
const SLICES: [(f64, bool); 4] = [(0.9, true), (0.6, false), (0.4, true), (0.1, false)];

#[test]
fn numbers_by_hand() {
    let summary = SliceSummary::of("liver", &[(SLICES.to_vec(), 0.5)]);
    assert_eq!((summary.true_positive, summary.false_positive), (1, 1));
    assert_eq!((summary.false_negative, summary.true_negative), (1, 1));
    assert_eq!((summary.sensitivity, summary.specificity, summary.accuracy), (Some(0.5), Some(0.5), Some(0.5)));
    // Pairs of a positive and a negative slice: 0.9 exceeds both, 0.4 one of two.
    assert_eq!(summary.auc, Some(0.75));
    assert_eq!(roc(&SLICES), [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]);
}

#[test]
fn every_fold_decides_by_its_own_threshold() {
    let folds = [(SLICES[..2].to_vec(), 0.95), (SLICES[2..].to_vec(), 0.05)];
    let summary = SliceSummary::of("liver", &folds);
    assert_eq!((summary.true_positive, summary.false_negative), (1, 1));
    assert_eq!((summary.false_positive, summary.true_negative), (1, 1));
    assert_eq!((summary.auc, summary.thresholds), (Some(0.75), [0.05, 0.95]));
}

#[test]
fn ties_count_half_and_a_single_class_has_no_curve() {
    assert_eq!(auc(&[(0.5, true), (0.5, false), (0.5, false)]), Some(0.5));
    assert_eq!(auc(&[(0.7, true), (0.2, true)]), None);
    assert_eq!(auc(&[]), None);
    assert!(roc(&[(0.7, false)]).is_empty());
    let none = SliceSummary::of("liver", &[(vec![(0.7, false)], 0.5)]);
    assert_eq!((none.sensitivity, none.specificity), (None, Some(0.0)));
}

/// SciPy 1.17.1: `mannwhitneyu(present, absent).statistic / 16`.
#[test]
fn the_area_is_the_mann_whitney_statistic() {
    let scores = [0.1, 0.4, 0.35, 0.8, 0.35, 0.35, 0.9, 0.7];
    let truth = [false, false, true, true, false, true, true, false];
    let slices: Vec<(f64, bool)> = scores.into_iter().zip(truth).collect();
    assert_eq!(auc(&slices), Some(0.6875));
}

#[test]
fn thresholds_reach_the_requested_sensitivity() {
    assert_eq!(threshold_for(&SLICES, 0.5), Some(0.9));
    assert_eq!(threshold_for(&SLICES, 0.51), Some(0.4));
    assert_eq!(threshold_for(&SLICES, 1.0), Some(0.4));
    assert_eq!(threshold_for(&SLICES[3..], 1.0), None);
}

#[test]
fn slices_show_a_structure_if_any_of_their_voxels_does() {
    let structure = |value: u16| TargetStructure::new(value.to_string(), &[value]);
    let structures = vec![structure(1), structure(2)];
    let target = Target { independent: true, ignore: Some(9), ..Target::of(structures) };
    let labels = Array3::from_shape_vec((3, 1, 2), vec![1, 0, 2, 9, 0, 0]).unwrap();
    let [yes, no] = [Some(true), Some(false)];
    let expected = ndarray::arr2(&[[yes, None, no], [no, yes, no]]);
    assert_eq!(presence(&target, labels.view()), expected);
}

proptest! {
    #[test]
    fn the_area_is_that_under_the_roc_curve(slices in prop::collection::vec((0u8..20, any::<bool>()), 2..60)) {
        let slices: Vec<(f64, bool)> = slices.into_iter().map(|(p, present)| (f64::from(p) / 20.0, present)).collect();
        let points = roc(&slices);
        let area: f64 = points.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]) / 2.0).sum();
        match auc(&slices) {
            Some(auc) => prop_assert!((auc - area).abs() < 1e-12, "{auc} {area}"),
            None => prop_assert!(points.is_empty()),
        }
    }

    #[test]
    fn a_threshold_reaches_the_requested_sensitivity(slices in prop::collection::vec((0u8..20, any::<bool>()), 1..60), part in 0.0..=1.0f64) {
        let slices: Vec<(f64, bool)> = slices.into_iter().map(|(p, present)| (f64::from(p) / 20.0, present)).collect();
        if let Some(threshold) = threshold_for(&slices, part) {
            let found = SliceSummary::of("", &[(slices, threshold)]).sensitivity.unwrap();
            prop_assert!(found >= part - 1e-9);
        }
    }
}
