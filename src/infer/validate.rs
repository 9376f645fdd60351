//! Scores a network in training on the validation cases: whole volumes by sliding window, on the prepared grid.

use burn::tensor::Device;

use crate::Cancel;
use crate::dataset::Target;
use crate::evaluate::{self, DICE, IOU, MetricId, Score};
use crate::model::{Network, Task};
use crate::plan::Training;
use crate::predict::spec::{Averaged, Weights};
use crate::predict::{PredictPlan, Predictor, Region};
use crate::preprocess::restore::restore_segmentation;
use crate::preprocess::{Origin, Prepared, PreparedCase};
use crate::train::{LoadedCase, TrainError, Validation};
use crate::volume::{Geometry, LabelMap};

/// Inputs of validation, besides the network.
pub struct Validator<'a> {
    /// The validation cases.
    pub cases: Vec<&'a PreparedCase>,
    /// Task of the network.
    pub task: Task,
    /// The training, with its validation settings.
    pub training: &'a Training,
    /// The structures.
    pub target: &'a Target,
    /// Device.
    pub device: &'a Device,
    /// Stops after the current windows.
    pub cancelled: &'a Cancel,
}

impl Validator<'_> {
    /// Mean Dice and IoU over cases, per structure; over slices for slice classifiers.
    ///
    /// # Errors
    /// A case cannot be read, or validation was stopped.
    pub fn validate(&self, network: &Network) -> Result<Validation, TrainError> {
        let plan = self.plan();
        let predictor = Predictor {
            network,
            device: self.device,
            plan: &plan,
            sigmoid: self.target.sigmoid(),
            outputs: self.target.outputs(),
            pass: None,
            guidance: self.training.no_clicks(self.target),
            watch: None,
        };
        match self.task {
            Task::Segment => self.segment(&predictor),
            Task::ClassifySlices => self.classify(&predictor),
        }
    }

    /// Windows and blending; no mirroring, which costs too much for selecting an epoch.
    pub fn plan(&self) -> PredictPlan {
        let train = &self.training.train;
        let validation = train.validation;
        PredictPlan {
            weights: Weights::Last,
            patch_size: train.patch_size,
            overlap: validation.overlap,
            blend: validation.blend,
            averaged: Averaged::Probabilities,
            mirror_axes: Vec::new(),
            mirrored_outputs: Vec::new(),
            batch_size: validation.batch_size,
            threshold: validation.threshold,
            largest_component: Vec::new(),
            largest_union: Vec::new(),
        }
    }

    fn segment(&self, predictor: &Predictor) -> Result<Validation, TrainError> {
        let mut scores = Vec::new();
        for case in &self.cases {
            let prepared = case.load()?;
            let region = self.region(&prepared);
            let image = prepared.image.view();
            let Some(outputs) = predictor.outputs(image, region.as_ref(), self.cancelled) else {
                return Err(TrainError::Stopped);
            };
            let Some(labels) = prepared.labels else { continue };
            let (depth, height, width) = labels.dim();
            let geometry = Geometry::axis_aligned([depth, height, width], [1.0; 3]);
            let reference = LabelMap { voxels: labels, geometry: geometry.clone() };
            let (origin, threshold) = (Origin::identity(geometry), predictor.plan.threshold);
            let wrong = |error: &dyn std::fmt::Display| TrainError::Validation(error.to_string());
            let prediction = restore_segmentation(&outputs, self.target, threshold, &origin);
            let prediction = prediction.map_err(|error| wrong(&error))?;
            let of_case = evaluate::score_overlap(&case.name, self.target, &reference, &prediction);
            scores.extend(of_case.map_err(|error| wrong(&error))?);
        }
        Ok(self.means(&scores))
    }

    /// Region of the second stage of a cascade: near the reference's structures, as in training.
    fn region(&self, prepared: &Prepared) -> Option<Region> {
        let near_mm = self.training.train.near_mm?;
        let case = LoadedCase::from(prepared.clone());
        let structures: Vec<Vec<u16>> = self.target.structures.iter().map(|it| it.values.clone()).collect();
        let near = case.source_near(Some(near_mm), &structures).near?;
        Some(Region::Box(near.map(|[first, end]| first..end)))
    }

    /// Dice (for slices the F1 score) and IoU over the slices of all cases, per structure.
    fn classify(&self, predictor: &Predictor) -> Result<Validation, TrainError> {
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
        let counts = slices.iter().map(|slices| evaluate::slices::counts(slices, predictor.plan.threshold));
        let counts: Vec<_> = counts.collect();
        Ok(Validation {
            dice: counts.iter().map(evaluate::Overlap::dice).collect(),
            iou: counts.iter().map(evaluate::Overlap::iou).collect(),
        })
    }

    fn means(&self, scores: &[Score]) -> Validation {
        let mean = |metric: MetricId| -> Vec<Option<f64>> {
            let of = |name: &str| {
                let of_structure = scores.iter().filter(|score| score.structure == name);
                let values: Vec<_> = of_structure.map(|score| score[metric]).collect();
                Validation::mean(&values)
            };
            self.target.structures.iter().map(|structure| of(&structure.name)).collect()
        };
        Validation { dice: mean(DICE), iou: mean(IOU) }
    }
}
