//! Losses against values from PyTorch (`tests/reference/loss.py`), and properties.

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Reference {
    shape: [usize; 5],
    logits: Vec<f32>,
    classes: Vec<i64>,
    masks: Vec<f32>,
    class_weights: Vec<f64>,
    expected: std::collections::BTreeMap<String, f64>,
    gradients: std::collections::BTreeMap<String, Vec<f32>>,
    degenerate: std::collections::BTreeMap<String, Degenerate>,
}

/// Truth of a kind that divides by nothing, and what each term makes of it.
#[derive(Deserialize)]
struct Degenerate {
    classes: Vec<i64>,
    expected: std::collections::BTreeMap<String, f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/loss.json")).unwrap()
}

fn logits(reference: &Reference, device: &Device) -> Tensor<5> {
    Tensor::from_data(TensorData::new(reference.logits.clone(), reference.shape), device)
}

fn truth(reference: &Reference, overlapping: bool) -> Truth {
    let device = Device::flex();
    let [b, _, d, h, w] = reference.shape;
    match overlapping {
        true => Truth::Masks(Tensor::from_data(TensorData::new(reference.masks.clone(), reference.shape), &device)),
        false => Truth::Classes(Tensor::<5, Int>::from_data(
            TensorData::new(reference.classes.clone(), [b, 1, d, h, w]),
            &device,
        )),
    }
}

fn dice(batch: bool, background: bool) -> Loss {
    Loss::Dice { weight: 1.0, batch, smooth: 1e-5, background }
}

fn jaccard(batch: bool, background: bool) -> Loss {
    Loss::Jaccard { weight: 1.0, batch, smooth: 1e-5, background }
}

fn generalized(batch: bool) -> Loss {
    Loss::GeneralizedDice { weight: 1.0, batch, smooth: 1e-5, background: false }
}

fn tversky(batch: bool, exponent: f64) -> Loss {
    let (false_positives, false_negatives) = (0.3, 0.7);
    Loss::Tversky { weight: 1.0, false_positives, false_negatives, exponent, batch, smooth: 1e-5, background: false }
}

#[test]
fn every_term_agrees_with_pytorch() {
    let reference = reference();
    let weights = || Some(reference.class_weights.clone());
    let cases = [
        ("cross_entropy", false, Loss::CrossEntropy { weight: 1.0, class_weights: None }),
        ("cross_entropy_weighted", false, Loss::CrossEntropy { weight: 1.0, class_weights: weights() }),
        ("binary_cross_entropy", true, Loss::BinaryCrossEntropy { weight: 1.0, class_weights: None }),
        ("binary_cross_entropy_weighted", true, Loss::BinaryCrossEntropy { weight: 1.0, class_weights: weights() }),
        ("dice_batch", false, dice(true, false)),
        ("dice_sample", false, dice(false, false)),
        ("dice_background", false, dice(true, true)),
        ("dice_sigmoid", true, dice(true, false)),
        ("jaccard_batch", false, jaccard(true, false)),
        ("jaccard_sample_background", false, jaccard(false, true)),
        ("jaccard_sigmoid", true, jaccard(false, false)),
        ("generalized_dice_batch", false, generalized(true)),
        ("generalized_dice_sample", false, generalized(false)),
        ("tversky_batch", false, tversky(true, 1.0)),
        ("tversky_sample", false, tversky(false, 1.0)),
        ("tversky_sigmoid", true, tversky(false, 1.0)),
        ("focal_tversky", false, tversky(true, 0.75)),
    ];
    for (name, overlapping, term) in cases {
        let value = total(&[term], logits(&reference, &Device::flex()), &truth(&reference, overlapping));
        let value = f64::from(value.into_scalar::<f32>());
        let expected = reference.expected[name];
        assert!((value - expected).abs() < 1e-5, "{name}: {value} instead of {expected}");
    }
}

#[test]
fn gradients_agree_with_pytorch() {
    let reference = reference();
    let cases = [
        ("cross_entropy", Loss::CrossEntropy { weight: 1.0, class_weights: None }),
        ("dice_batch", dice(true, false)),
        ("jaccard_batch", jaccard(true, false)),
        ("generalized_dice_batch", generalized(true)),
        ("tversky_batch", tversky(true, 1.0)),
        ("focal_tversky", tversky(true, 0.75)),
    ];
    for (name, term) in cases {
        let expected = &reference.gradients[name];
        let logits = logits(&reference, &Device::flex().autodiff()).require_grad();
        let classes = match truth(&reference, false) {
            Truth::Classes(classes) => classes,
            Truth::Masks(_) => unreachable!("asked for classes"),
        };
        let classes = Truth::Classes(Tensor::from_data(classes.into_data(), &Device::flex().autodiff()));
        let gradients = total(&[term], logits.clone(), &classes).backward();
        let gradient = logits.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        for (ours, theirs) in gradient.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-6, "{name}: {ours} instead of {theirs}");
        }
    }
}

#[test]
fn deep_supervision_at_one_size_is_the_plain_loss() {
    let reference = reference();
    let (terms, truth) = (default_terms(false), truth(&reference, false));
    let plain = total(&terms, logits(&reference, &Device::flex()), &truth).into_scalar::<f32>();
    let deep =
        supervised(&terms, Supervised::halving(vec![logits(&reference, &Device::flex())]), &truth).into_scalar::<f32>();
    assert_eq!(plain, deep);
}

#[test]
fn extreme_logits_stay_finite() {
    let reference = reference();
    let huge = logits(&reference, &Device::flex()).mul_scalar(1e4);
    for overlapping in [false, true] {
        let value = total(&default_terms(overlapping), huge.clone(), &truth(&reference, overlapping));
        assert!(value.into_scalar::<f32>().is_finite());
    }
}

/// A class that is nowhere, one that is everywhere, and one of a single voxel.
#[test]
fn degenerate_truths_agree_with_pytorch() {
    let reference = reference();
    let [b, _, d, h, w] = reference.shape;
    for (name, degenerate) in &reference.degenerate {
        let device = Device::flex().autodiff();
        let classes = TensorData::new(degenerate.classes.clone(), [b, 1, d, h, w]);
        let truth = Truth::Classes(Tensor::<5, Int>::from_data(classes, &device));
        for (term, loss) in [
            ("cross_entropy", Loss::CrossEntropy { weight: 1.0, class_weights: None }),
            ("dice_batch", dice(true, false)),
            ("jaccard_batch", jaccard(true, false)),
            ("generalized_dice_batch", generalized(true)),
            ("tversky_batch", tversky(true, 1.0)),
            ("focal_tversky", tversky(true, 0.75)),
        ] {
            let logits = logits(&reference, &device).require_grad();
            let value = total(&[loss], logits.clone(), &truth);
            let gradient = logits.grad(&value.backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
            assert!(gradient.iter().all(|slope| slope.is_finite()), "{name}, {term}");
            let (value, expected) = (f64::from(value.into_scalar::<f32>()), degenerate.expected[term]);
            assert!((value - expected).abs() < 1e-5, "{name}, {term}: {value} instead of {expected}");
        }
    }
}
