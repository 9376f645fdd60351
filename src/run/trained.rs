//! A finished run as a tool: its network and its plan, ready for images that it has never seen.

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;

use super::error::RunError;
use super::store::RunFolder;
use crate::dataset::Case;
use crate::model::{self, Network};
use crate::plan::Plan;
use crate::predict::spec::Weights;
use crate::predict::{self, PredictError, Predictor};
use crate::preprocess::{self, CaseError};
use crate::train::checkpoint;
use crate::volume::Segmentation;

/// A network with the plan that it was trained by.
pub struct Trained {
    /// Everything that the run was told.
    pub plan: Plan,
    /// Which checkpoint the weights come from.
    pub weights: Weights,
    network: Network,
    device: Device,
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
    /// last step.
    ///
    /// # Errors
    /// `plan.toml` or the weights are missing, damaged, or do not belong together.
    pub fn open(folder: &RunFolder, device: &Device) -> Result<Self, RunError> {
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
        Ok(Self { plan, weights, network, device: device.clone() })
    }

    /// Averages over the flips of every axis that training mirrored, but for the width where one side of a pair is segmented without
    /// the other; false if no axis is left.
    pub fn mirror(&mut self) -> bool {
        let augment = &self.plan.train.augment;
        let (axes, outputs) = predict::mirroring(&augment.mirror_axes, &augment.mirrored_values, &self.plan.target);
        (self.plan.predict.mirror_axes, self.plan.predict.mirrored_outputs) = (axes, outputs);
        !self.plan.predict.mirror_axes.is_empty()
    }

    /// Segments one case on the grid of its image; labels are not looked at.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn segment(&self, case: &Case, cancelled: &AtomicBool) -> Result<Segmentation, SegmentError> {
        let unlabelled = Case { label: None, ..case.clone() };
        let (image, _) = preprocess::source::read_case(&unlabelled)?;
        let (found, expected) = (image.voxels.dim().0, self.plan.channels);
        if found != expected {
            return Err(SegmentError::Channels { found, expected });
        }
        let prepared = preprocess::prepare_case(&self.plan.preprocess, &image, None)?;
        let predictor = Predictor {
            network: &self.network,
            device: &self.device,
            plan: &self.plan.predict,
            overlapping: self.plan.target.overlapping,
            outputs: self.plan.target.outputs(),
            pass: None,
        };
        Ok(predict::segment(&predictor, &prepared, &self.plan.target, cancelled)?)
    }
}
