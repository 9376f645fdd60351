//! Losses against values from PyTorch and MONAI (`tests/reference/loss.py`), and properties.

use std::collections::BTreeMap;

use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};
use serde::Deserialize;

use super::spec::{BinaryCrossEntropy, CrossEntropy, Empty, Focal, Overlap, Tversky};
use super::*;

#[derive(Deserialize)]
struct Reference {
    shape: [usize; 5],
    logits: Vec<f32>,
    class_weights: Vec<f64>,
    positive_weights: Vec<f64>,
    cases: Vec<Case>,
}

/// One kind of truth, the value of every term, and its gradient.
#[derive(Deserialize)]
struct Case {
    name: String,
    overlapping: bool,
    truth: Vec<i32>,
    expected: BTreeMap<String, f64>,
    gradients: BTreeMap<String, Vec<f32>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/reference/loss.json")).unwrap()
}

impl Reference {
    fn logits(&self, device: &Device) -> Tensor<5> {
        Tensor::from_data(TensorData::new(self.logits.clone(), self.shape), device)
    }

    fn truth(&self, case: &Case, device: &Device) -> Truth {
        let [batch, _, z, y, x] = self.shape;
        match case.overlapping {
            true => {
                let masks = case.truth.iter().map(|value| *value as f32).collect();
                Truth::Masks(Tensor::from_data(TensorData::new::<f32, _>(masks, self.shape), device))
            }
            false => {
                let classes = TensorData::new(case.truth.clone(), [batch, 1, z, y, x]);
                Truth::Classes(Tensor::<5, Int>::from_data(classes, device))
            }
        }
    }

    /// The terms of the reference script, by its names.
    fn term(&self, name: &str) -> Loss {
        let weights = || Some(self.class_weights.clone());
        let positive = || Some(self.positive_weights.clone());
        let entropy = |class_weights, label_smoothing, top_k_fraction| {
            Loss::CrossEntropy(CrossEntropy { weight: 1.0, class_weights, label_smoothing, top_k_fraction })
        };
        let smooth = |class_weights, positive_weights, label_smoothing, top_k_fraction| {
            Loss::BinaryCrossEntropy(BinaryCrossEntropy {
                weight: 1.0,
                class_weights,
                positive_weights,
                label_smoothing,
                top_k_fraction,
            })
        };
        let binary = |class_weights, positive_weights, top| smooth(class_weights, positive_weights, 0.0, top);
        let focal = |gamma, alpha, class_weights| Loss::Focal(Focal { weight: 1.0, gamma, alpha, class_weights });
        let overlap = |batch, background, empty| Overlap { batch, background, empty, ..Overlap::default() };
        let plain = |batch| overlap(batch, false, Empty::Count);
        let tversky = |batch, exponent, empty| {
            let (false_positives, false_negatives) = (0.3, 0.7);
            Loss::Tversky(Tversky { false_positives, false_negatives, exponent, batch, empty, ..Tversky::default() })
        };
        match name {
            "cross_entropy" => entropy(None, 0.0, None),
            "cross_entropy_weighted" => entropy(weights(), 0.0, None),
            "cross_entropy_smooth" => entropy(None, 0.1, None),
            "cross_entropy_weighted_smooth" => entropy(weights(), 0.3, None),
            "cross_entropy_top" => entropy(None, 0.0, Some(0.1)),
            "cross_entropy_top_weighted" => entropy(weights(), 0.0, Some(0.25)),
            "cross_entropy_top_smooth" => entropy(weights(), 0.2, Some(0.5)),
            "binary_cross_entropy" => binary(None, None, None),
            "binary_cross_entropy_weighted" => binary(weights(), None, None),
            "binary_cross_entropy_positive" => binary(None, positive(), None),
            "binary_cross_entropy_both" => binary(weights(), positive(), None),
            "binary_cross_entropy_smooth" => smooth(None, None, 0.1, None),
            "binary_cross_entropy_smooth_both" => smooth(weights(), positive(), 0.3, None),
            "binary_cross_entropy_smooth_top" => smooth(weights(), positive(), 0.2, Some(0.25)),
            "binary_cross_entropy_top" => binary(None, positive(), Some(0.1)),
            "focal" => focal(2.0, None, None),
            "focal_alpha" => focal(3.0, Some(0.25), None),
            "focal_weighted" => focal(1.5, None, weights()),
            "focal_half" => focal(0.5, None, None),
            "focal_zero" => focal(0.0, None, None),
            "dice_batch" => Loss::Dice(plain(true)),
            "dice_sample" => Loss::Dice(plain(false)),
            "dice_sample_skip" => Loss::Dice(overlap(false, false, Empty::Skip)),
            "dice_background" => Loss::Dice(overlap(true, true, Empty::Count)),
            "jaccard_batch" => Loss::Jaccard(plain(true)),
            "jaccard_sample" => Loss::Jaccard(plain(false)),
            "jaccard_sample_background" => Loss::Jaccard(overlap(false, true, Empty::Count)),
            "generalized_dice_batch" => Loss::GeneralizedDice(plain(true)),
            "generalized_dice_sample" => Loss::GeneralizedDice(plain(false)),
            "tversky_batch" => tversky(true, 1.0, Empty::Count),
            "tversky_batch_skip" => tversky(true, 1.0, Empty::Skip),
            "tversky_sample" => tversky(false, 1.0, Empty::Count),
            "focal_tversky" => tversky(true, 0.75, Empty::Count),
            _ => panic!("no term `{name}`"),
        }
    }
}

/// Value and gradient of one term.
fn both_ways(term: Loss, logits: Tensor<5>, truth: &Truth) -> (f64, Vec<f32>) {
    let logits = logits.require_grad();
    let value = total(&[term], logits.clone(), truth);
    let gradient = logits.grad(&value.backward()).unwrap().into_data().convert::<f32>();
    (f64::from(value.into_scalar::<f32>()), gradient.try_into_vec().unwrap())
}

/// Random truths, degenerate ones (an absent class, one that fills the patch, one of a single voxel), and partly unlabelled ones.
#[test]
fn every_term_and_its_gradient_agree_with_pytorch_and_monai() {
    let reference = reference();
    let device = Device::flex().autodiff();
    let mut compared = 0;
    for case in &reference.cases {
        let truth = reference.truth(case, &device);
        for (name, expected) in &case.expected {
            let (value, gradient) = both_ways(reference.term(name), reference.logits(&device), &truth);
            assert!((value - expected).abs() < 1e-5, "{}, {name}: {value} instead of {expected}", case.name);
            for (ours, theirs) in gradient.iter().zip(&case.gradients[name]) {
                assert!((ours - theirs).abs() < 1e-5, "{}, {name}: gradient {ours} instead of {theirs}", case.name);
            }
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}

/// Unlabelled voxels have no gradient, whatever the prediction.
#[test]
fn unlabelled_voxels_have_no_gradient() {
    let reference = reference();
    let device = Device::flex().autodiff();
    for case in reference.cases.iter().filter(|case| case.name.contains("not known")) {
        let voxels: usize = reference.shape[2..].iter().product();
        for name in case.expected.keys() {
            let (_, gradient) =
                both_ways(reference.term(name), reference.logits(&device), &reference.truth(case, &device));
            for (index, slope) in gradient.iter().enumerate() {
                let (patch, voxel) = (index / (3 * voxels), index % voxels);
                let place = if case.overlapping { index } else { patch * voxels + voxel };
                assert!(case.truth[place] >= 0 || *slope == 0.0, "{}, {name}", case.name);
            }
        }
    }
}

#[test]
fn without_labelled_voxels_every_term_is_finite_and_has_no_gradient() {
    let reference = reference();
    let device = Device::flex().autodiff();
    for case in reference.cases.iter().filter(|case| case.name.starts_with("random")) {
        let (expected, gradients) = (BTreeMap::new(), BTreeMap::new());
        let (name, overlapping, truth) = (String::new(), case.overlapping, vec![-1; case.truth.len()]);
        let nothing = Case { name, overlapping, truth, expected, gradients };
        for name in case.expected.keys() {
            let truth = reference.truth(&nothing, &device);
            let (value, gradient) = both_ways(reference.term(name), reference.logits(&device), &truth);
            assert!(value.is_finite() && gradient.iter().all(|slope| *slope == 0.0), "{name}: {value}");
        }
    }
}

#[test]
fn deep_supervision_at_one_size_is_the_plain_loss() {
    let reference = reference();
    let (terms, device) = (default_terms(false), Device::flex());
    let truth = reference.truth(&reference.cases[0], &device);
    let plain = total(&terms, reference.logits(&device), &truth).into_scalar::<f32>();
    let deep = supervised(&terms, Supervised::halving(vec![reference.logits(&device)]), &truth).into_scalar::<f32>();
    assert_eq!(plain, deep);
}

/// Logits of ±10 000, also from networks in 16 bits: value and gradient of every term stay finite, on every kind of truth.
#[test]
fn extreme_logits_stay_finite() {
    let reference = reference();
    let device = Device::flex().autodiff();
    let signs = segspec_testing::drawn(reference.shape, [0.5, 0.3], &device).sub_scalar(0.5).sign();
    for case in &reference.cases {
        for dtype in [FloatDType::F32, FloatDType::F16, FloatDType::BF16] {
            for name in case.expected.keys() {
                let logits = signs.clone().mul_scalar(1e4).cast(dtype);
                let (value, gradient) = both_ways(reference.term(name), logits, &reference.truth(case, &device));
                let finite = value.is_finite() && gradient.iter().all(|slope| slope.is_finite());
                assert!(finite, "{}, {name}, {dtype:?}: {value}", case.name);
            }
        }
    }
}

/// Without smoothing, a structure that is neither present nor predicted does not give 0 / 0.
#[test]
fn an_absent_structure_without_smoothing_is_finite() {
    let device = Device::flex().autodiff();
    let logits = Tensor::<5>::from_data(TensorData::new(vec![1e4f32, -1e4], [1, 2, 1, 1, 1]), &device);
    let truth = Truth::Classes(Tensor::<5, Int>::zeros([1, 1, 1, 1, 1], &device));
    let shape = Overlap { smooth: 0.0, ..Overlap::default() };
    let terms = [Loss::Dice(shape), Loss::Jaccard(shape), Loss::GeneralizedDice(shape)];
    let tversky = Loss::Tversky(Tversky { smooth: 0.0, ..Tversky::default() });
    for term in terms.into_iter().chain([tversky]) {
        let (value, gradient) = both_ways(term.clone(), logits.clone(), &truth);
        assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{term:?}: {value}");
    }
}

#[test]
fn terms_are_added_with_their_weights() {
    let reference = reference();
    let device = Device::flex();
    let truth = reference.truth(&reference.cases[0], &device);
    let value = |terms: &[Loss]| total(terms, reference.logits(&device), &truth).into_scalar::<f32>();
    let dice = Loss::Dice(Overlap { weight: 0.25, ..Overlap::default() });
    let entropy = Loss::CrossEntropy(CrossEntropy { weight: 3.0, ..CrossEntropy::default() });
    let expected = 0.25 * value(&[reference.term("dice_batch")]) + 3.0 * value(&[reference.term("cross_entropy")]);
    assert!((value(&[dice, entropy]) - expected).abs() < 1e-6);
}
