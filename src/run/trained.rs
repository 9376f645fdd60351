//! A finished run as a tool: its network (or those of an ensemble) and its plan, ready for images that it has never seen.


use burn::tensor::Device;
use ndarray::Array2;

use super::error::RunError;
use super::finder::Finder;
use super::store::RunFolder;
use crate::Cancel;
use crate::dataset::Case;
use crate::model::{self, Network};
use crate::plan::Plan;
use crate::predict::spec::Weights;
use crate::predict::{self, PredictError, Predictor};
use crate::preprocess::{self, CaseError, Prepared, restore_slices};
use crate::train::checkpoint;
use crate::volume::{Segmentation, Volume};

/// Trained networks with the plans that they were trained by.
pub struct Trained {
    /// Everything that the run was told.
    pub plan: Plan,
    /// Which checkpoint the weights come from.
    pub weights: Weights,
    /// One network, or those whose probabilities are averaged.
    members: Vec<Member>,
    device: Device,
}

/// One network of a run or of an ensemble.
struct Member {
    plan: Plan,
    weights: Weights,
    network: Network,
    /// What says where it looks.
    finder: Option<Finder>,
}

/// Why one case could not be segmented.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Its files cannot be read, or not be prepared as the plan says.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// It has another number of channels than the training images.
    #[error("the image has {found} channels, the network takes {expected}")]
    Channels {
        /// Channels of the image.
        found: usize,
        /// Channels of the network.
        expected: usize,
    },
    /// The network.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

impl Trained {
    /// Reads plan and weights of a run folder: of the best epoch where the plan asks for it and there is one, else of the
    /// last step. The networks of an ensemble, and the first one of a cascade, lie in the folders beside.
    ///
    /// # Errors
    /// `plan.toml` or weights are missing, damaged, or do not belong together.
    pub fn open(folder: &RunFolder, device: &Device) -> Result<Self, RunError> {
        let plan = folder.read_plan().map_err(RunError::file(folder.plan()))?;
        let folders: Vec<RunFolder> = match plan.members.is_empty() {
            true => vec![folder.clone()],
            false => plan.members.iter().map(|id| folder.sibling(id)).collect(),
        };
        Self::of(plan, &folders, device)
    }

    /// The mean of several runs that find the same structures, as `plan` says which.
    ///
    /// # Errors
    /// As [`Trained::open`].
    pub fn of(plan: Plan, folders: &[RunFolder], device: &Device) -> Result<Self, RunError> {
        let members = folders.iter().map(|folder| Member::open(folder, device)).collect::<Result<Vec<_>, _>>()?;
        let weights = members.first().map_or(plan.predict.weights, |member| member.weights);
        Ok(Self { plan, weights, members, device: device.clone() })
    }

    /// Averages over the flips of every axis that training mirrored, but for the width where one side of a pair is segmented without
    /// the other; false if no axis is left.
    pub fn mirror(&mut self) -> bool {
        // Every member, not only the first that can.
        let each: Vec<bool> = self.members.iter_mut().map(Member::mirror).collect();
        each.contains(&true)
    }

    /// Whether it classifies slices, and segments nothing.
    pub fn classifies(&self) -> bool {
        self.plan.model.slices().is_some()
    }

    /// Segments one case on the grid of its image; labels are not looked at.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn segment(&self, case: &Case, cancelled: &Cancel) -> Result<Segmentation, SegmentError> {
        let image = self.read(case)?;
        let each = self.members.iter().map(|member| {
            let prepared = preprocess::prepare_case(&member.plan.preprocess, &image, None)?;
            let look = member.finder.as_ref().map(|finder| finder.look(case, cancelled)).transpose()?;
            let region = look.and_then(|look| look.region(&prepared.origin));
            let found = member.predictor(&self.device).probabilities(prepared.image.view(), region.as_ref(), cancelled);
            Ok((found.ok_or(PredictError::Cancelled)?, prepared.origin))
        });
        let each = each.collect::<Result<Vec<_>, SegmentError>>()?;
        Ok(predict::decode(&each, &self.plan.target, &self.plan.predict)?)
    }

    /// Probabilities `[structure, z]` that the slices of a case's canonical image show the structures, and the distance of the
    /// slices in mm; 1 without spacing.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn slices(&self, case: &Case, cancelled: &Cancel) -> Result<(Array2<f32>, f64), SegmentError> {
        let image = self.read(case)?;
        let each = self.members.iter().map(|member| {
            let Prepared { image, origin, .. } = preprocess::prepare_case(&member.plan.preprocess, &image, None)?;
            let slices = member.predictor(&self.device).slices(image.view(), cancelled);
            Ok(restore_slices(slices.ok_or(PredictError::Cancelled)?.view(), &origin))
        });
        let each = each.collect::<Result<Vec<Array2<f32>>, SegmentError>>()?;
        let count = each.len().max(1) as f32;
        let mean = each.into_iter().reduce(|sum, slices| sum + slices).unwrap_or_default() / count;
        Ok((mean, image.geometry.to_canonical().spacing_mm()[0]))
    }

    fn read(&self, case: &Case) -> Result<Volume, SegmentError> {
        let unlabelled = Case { label: None, ..case.clone() };
        let (image, _) = preprocess::source::read_case(&unlabelled)?;
        let (found, expected) = (image.voxels.dim().0, self.plan.channels);
        if found != expected {
            return Err(SegmentError::Channels { found, expected });
        }
        Ok(image)
    }
}

impl Member {
    fn open(folder: &RunFolder, device: &Device) -> Result<Self, RunError> {
        let plan = folder.read_plan().map_err(RunError::file(folder.plan()))?;
        let empty = model::build(&plan.model, plan.interface(), plan.train.precision, plan.seed, device);
        let best = folder.best_weights();
        let weights = if best.is_file() { plan.predict.weights } else { Weights::Last };
        let network = match weights {
            Weights::Best => checkpoint::import(&best, empty)?,
            Weights::Last if folder.last_weights().is_file() => checkpoint::load_model(&folder.last_weights(), empty)?,
            Weights::Last => {
                let text = format!("{}: no weights yet; `segspec run` trains them", folder.path().display());
                return Err(RunError::NothingThere(text));
            }
        };
        let finder = Finder::open(&plan, folder, device)?;
        Ok(Self { plan, weights, network, finder })
    }

    fn mirror(&mut self) -> bool {
        let augment = &self.plan.train.augment;
        let (axes, outputs) = predict::mirroring(&augment.mirror_axes, &augment.mirrored_values, &self.plan.target);
        (self.plan.predict.mirror_axes, self.plan.predict.mirrored_outputs) = (axes, outputs);
        !self.plan.predict.mirror_axes.is_empty()
    }

    fn predictor<'a>(&'a self, device: &'a Device) -> Predictor<'a> {
        Predictor {
            network: &self.network,
            device,
            plan: &self.plan.predict,
            sigmoid: self.plan.target.sigmoid(),
            outputs: self.plan.target.outputs(),
            pass: None,
        }
    }
}
