//! Scores a network in training on the validation cases: whole volumes by sliding window, on the prepared grid.

use burn::tensor::Device;
use ndarray::{Array3, ArrayView4, Axis};

use crate::Cancel;
use crate::dataset::Target;
use crate::evaluate::{self, DICE, IOU, MetricId, Score};
use crate::model::{Interface, Network};
use crate::predict::{PredictPlan, Predictor, Region};
use crate::preprocess::{Prepared, PreparedCase};
use crate::train::{LoadedCase, TrainError, Validation};
use crate::volume::{Geometry, LabelMap, Segmentation};

/// What validation needs besides the network.
pub struct Validator<'a> {
    /// The validation cases.
    pub cases: Vec<&'a PreparedCase>,
    /// Windows and blending; mirroring is left out, it costs more than a choice of epoch is worth.
    pub plan: PredictPlan,
    /// Structures.
    pub target: &'a Target,
    /// Whether the network classifies slices.
    pub of_slices: bool,
    /// Of a cascade's second network: how far around the structures it looks.
    pub near_mm: Option<f64>,
    /// Channels in and out.
    pub interface: Interface,
    /// Where to compute.
    pub device: &'a Device,
    /// Stop after the current windows.
    pub cancelled: &'a Cancel,
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
            sigmoid: self.target.sigmoid(),
            outputs: self.interface.outputs,
            pass: None,
        };
        if self.of_slices {
            return self.validate_slices(&predictor);
        }
        let mut scores = Vec::new();
        for case in &self.cases {
            let prepared = case.load()?;
            let region = self.region(&prepared);
            let image = prepared.image.view();
            let Some(probabilities) = predictor.probabilities(image, region.as_ref(), self.cancelled) else {
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

    /// Where a second network of a cascade is to look: near the reference's structures, as in training.
    fn region(&self, prepared: &Prepared) -> Option<Region> {
        let near_mm = self.near_mm?;
        let case = LoadedCase::from(prepared.clone());
        let structures: Vec<Vec<u16>> = self.target.structures.iter().map(|it| it.values.clone()).collect();
        let near = case.source_near(Some(near_mm), &structures).near?;
        Some(Region::Box(near.map(|[first, end]| first..end)))
    }

    /// Dice (which for slices is the F1 score) and IoU of the slices of all cases together, per structure.
    fn validate_slices(&self, predictor: &Predictor) -> Result<Validation, TrainError> {
        let mut slices: Vec<Vec<(f64, bool)>> = vec![Vec::new(); self.target.structures.len()];
        for case in &self.cases {
            let prepared = case.load()?;
            let found = predictor.slices(prepared.image.view(), self.cancelled).ok_or(TrainError::Stopped)?;
            let Some(labels) = prepared.labels else { continue };
            let present = evaluate::slices::presence(self.target, labels.view());
            for ((structure, slice), probability) in found.indexed_iter() {
                let known = present[[structure, slice]].map(|present| (f64::from(*probability), present));
                slices[structure].extend(known);
            }
        }
        let counts = slices.iter().map(|slices| evaluate::slices::counts(slices, self.plan.threshold));
        let counts: Vec<_> = counts.collect();
        Ok(Validation {
            dice: counts.iter().map(evaluate::Overlap::dice).collect(),
            iou: counts.iter().map(evaluate::Overlap::iou).collect(),
        })
    }

    fn means(&self, scores: &[Score]) -> Validation {
        let mean = |metric: MetricId| -> Vec<Option<f64>> {
            let of = |name: &str| {
                let values: Vec<_> =
                    scores.iter().filter(|score| score.structure == name).map(|score| score[metric]).collect();
                Validation::mean(&values)
            };
            self.target.structures.iter().map(|structure| of(&structure.name)).collect()
        };
        Validation { dice: mean(DICE), iou: mean(IOU) }
    }
}

/// The segmentation that probabilities stand for, on their own grid.
fn decode(probabilities: ArrayView4<f32>, target: &Target, threshold: f64, geometry: Geometry) -> Segmentation {
    if target.overlapping {
        let masks = probabilities.mapv(|probability| u8::from(f64::from(probability) > threshold));
        return Segmentation::Masks { masks, geometry };
    }
    let mut best = match target.sigmoid() {
        true => Array3::from_elem(geometry.shape, threshold as f32),
        false => probabilities.index_axis(Axis(0), 0).to_owned(),
    };
    let mut voxels = Array3::<u16>::zeros(best.dim());
    let background = usize::from(!target.sigmoid());
    for (output, structure) in probabilities.outer_iter().skip(background).zip(&target.structures) {
        ndarray::Zip::from(&mut voxels).and(&mut best).and(&output).for_each(|label, best, &probability| {
            if probability > *best {
                (*label, *best) = (structure.value, probability);
            }
        });
    }
    Segmentation::Labels(LabelMap { voxels, geometry })
}
