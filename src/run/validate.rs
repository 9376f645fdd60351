//! Scores a network in training on the validation cases: whole volumes by sliding window, on the prepared grid.

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use ndarray::{Array3, ArrayView4, Axis};

use crate::dataset::Target;
use crate::evaluate::{self, Score};
use crate::model::{Interface, Network};
use crate::predict::{PredictPlan, Predictor};
use crate::preprocess::PreparedCase;
use crate::train::{TrainError, Validation};
use crate::volume::{Geometry, LabelMap, Segmentation};

/// What validation needs besides the network.
pub struct Validator<'a> {
    /// The validation cases.
    pub cases: Vec<&'a PreparedCase>,
    /// Windows and blending; mirroring is left out, it costs more than a choice of epoch is worth.
    pub plan: PredictPlan,
    /// Structures.
    pub target: &'a Target,
    /// Channels in and out.
    pub interface: Interface,
    /// Where to compute.
    pub device: &'a Device,
    /// Stop after the current windows.
    pub cancelled: &'a AtomicBool,
}

impl Validator<'_> {
    /// Mean Dice and IoU over cases, per structure.
    ///
    /// # Errors
    /// A case cannot be read, or validation was stopped.
    pub fn validate(&self, network: &Network) -> Result<Validation, TrainError> {
        let predictor = Predictor {
            network,
            device: self.device,
            plan: &self.plan,
            overlapping: self.target.overlapping,
            outputs: self.interface.outputs,
            pass: None,
        };
        let mut scores = Vec::new();
        for case in &self.cases {
            let prepared = case.load()?;
            let Some(probabilities) = predictor.probabilities(prepared.image.view(), self.cancelled) else {
                return Err(TrainError::Stopped);
            };
            let Some(labels) = prepared.labels else { continue };
            let shape = labels.dim();
            let geometry = Geometry::axis_aligned([shape.0, shape.1, shape.2], [1.0; 3]);
            let reference = LabelMap { voxels: labels, geometry: geometry.clone() };
            let prediction = decode(probabilities.view(), self.target, self.plan.threshold, geometry);
            let case_scores = evaluate::score(&case.name, self.target, &reference, &prediction);
            scores.extend(case_scores.map_err(|error| TrainError::Validation(error.to_string()))?);
        }
        Ok(self.means(&scores))
    }

    fn means(&self, scores: &[Score]) -> Validation {
        let mean = |metric: fn(&Score) -> Option<f64>| -> Vec<Option<f64>> {
            let of = |name: &str| {
                let values: Vec<_> = scores.iter().filter(|score| score.structure == name).map(metric).collect();
                Validation::mean(&values)
            };
            self.target.structures.iter().map(|structure| of(&structure.name)).collect()
        };
        Validation { dice: mean(|score| score.dice), iou: mean(|score| score.iou) }
    }
}

/// The segmentation that probabilities stand for, on their own grid.
fn decode(probabilities: ArrayView4<f32>, target: &Target, threshold: f64, geometry: Geometry) -> Segmentation {
    if target.overlapping {
        let masks = probabilities.mapv(|probability| u8::from(f64::from(probability) > threshold));
        return Segmentation::Masks { masks, geometry };
    }
    let mut best = probabilities.index_axis(Axis(0), 0).to_owned();
    let mut voxels = Array3::<u16>::zeros(best.dim());
    for (output, structure) in probabilities.outer_iter().skip(1).zip(&target.structures) {
        ndarray::Zip::from(&mut voxels).and(&mut best).and(&output).for_each(|label, best, &probability| {
            if probability > *best {
                (*label, *best) = (structure.value, probability);
            }
        });
    }
    Segmentation::Labels(LabelMap { voxels, geometry })
}
