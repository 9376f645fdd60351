//! The focal loss: cross-entropy that down-weights well-classified voxels.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::term::{Mistake, Term, WeightList};
use super::{Batch, Truth, per_output, sum_all, sum_voxels};
use crate::backend::soft;

/// The focal loss: softmax for mutually exclusive structures, sigmoid per structure if they overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Focal {
    /// Factor of this term.
    pub weight: f64,
    /// Exponent of (1 − probability of the true class); 0 is plain cross-entropy.
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// Weight of structures; background (or, if structures overlap, voxels outside the structure) gets 1 − `alpha`. Default: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Weight per class: background first (unless structures overlap), then the structures in order. Default: all 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
}

impl Default for Focal {
    fn default() -> Self {
        Self { weight: 1.0, gamma: 2.0, alpha: None, class_weights: None }
    }
}

impl Term for Focal {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn weight_lists(&self) -> Vec<WeightList<'_>> {
        let list = |weights| WeightList { key: "class-weights", kind: "class", weights };
        self.class_weights.as_deref().map(list).into_iter().collect()
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let wrong = self.alpha.filter(|alpha| !(0.0..=1.0).contains(alpha));
        let mistake = |alpha: f64| Mistake {
            key: "alpha",
            message: format!("`alpha` must be between 0 and 1, got {alpha}"),
            help: "structures get alpha, background 1 − alpha: use a number from 0 to 1, for example 0.25",
        };
        wrong.map(mistake).into_iter().collect()
    }
}

/// Mean over voxels (and structures, if they overlap) of `−w (1 − p)^γ log p`, where p is the probability of the true class. Shape
/// `[1]`.
///
/// Source: Lin et al., Focal Loss for Dense Object Detection (ICCV 2017); as MONAI's `FocalLoss`, except that MONAI's softmax form
/// also divides by the number of classes.
pub fn focal(batch: &Batch, term: &Focal) -> Tensor<1> {
    let ones = vec![1.0; batch.outputs()];
    let of_other = vec![if batch.overlapping { 1.0 } else { 0.0 }; batch.outputs()];
    let likelihoods =
        soft::likelihoods(batch.logits.clone(), batch.truth.clone(), batch.overlapping, [&ones, &of_other]);
    let values = focused(likelihoods, term.gamma);
    let known = batch.known().clamp_min(1.0);
    let (of_true, of_other) = weights(batch, term);
    if term.alpha.is_none() && term.class_weights.is_none() {
        return sum_all(values) / known;
    }
    match &batch.classes {
        Truth::Classes(classes) => {
            let device = batch.device();
            let weights: Vec<f32> = of_true.iter().map(|weight| *weight as f32).collect();
            let weights = Tensor::<1>::from_data(TensorData::new(weights, [batch.outputs()]), &device);
            let of_voxels = weights.select(0, classes.clone().clamp_min(0).reshape([-1])).reshape(values.dims());
            sum_all(values * of_voxels) / known
        }
        Truth::Masks(masks) => {
            let masks = masks.clone().clamp_min(0.0);
            let inside = sum_voxels(values.clone() * masks.clone()) * per_output(&of_true, &batch.device());
            let outside = sum_voxels(values * (masks.neg() + 1.0)) * per_output(&of_other, &batch.device());
            (inside + outside).sum() / known
        }
    }
}

/// `−(1 − p)^γ log p` of log-likelihoods.
fn focused(likelihoods: Tensor<5>, gamma: f64) -> Tensor<5> {
    let away = likelihoods.clone().exp().neg() + 1.0;
    let values = likelihoods.neg();
    match gamma {
        0.0 => values,
        1.0 => away * values,
        2.0 => away.clone() * away * values,
        // Below an exponent of 1 the slope is infinite at 0, which a perfect prediction reaches.
        gamma if gamma < 1.0 => away.clamp_min(1e-7).powf_scalar(gamma) * values,
        gamma => away.powf_scalar(gamma) * values,
    }
}

/// Weights per output inside and outside its structure.
fn weights(batch: &Batch, term: &Focal) -> (Vec<f64>, Vec<f64>) {
    let weights = term.class_weights.clone().unwrap_or_else(|| vec![1.0; batch.outputs()]);
    let Some(alpha) = term.alpha else { return (weights.clone(), weights) };
    let background = |index: usize| !batch.overlapping && index == 0;
    let of_true = weights.iter().enumerate();
    let of_true = of_true.map(|(index, weight)| weight * if background(index) { 1.0 - alpha } else { alpha });
    (of_true.collect(), weights.iter().map(|weight| weight * (1.0 - alpha)).collect())
}
