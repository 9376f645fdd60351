//! One network of a run or of an ensemble, with its weights.

use burn::tensor::Device;

use super::{FirstStage, OpenError};
use crate::backend::Selected;
use crate::files;
use crate::model::{self, Network};
use crate::plan::{Plan, Training};
use crate::predict::spec::Weights;
use crate::predict::{self, Predictor};
use crate::store::remedy::IMPORT;
use crate::store::{Manifest, Stored};
use crate::train::checkpoint::{self, CheckpointError};

/// One network of a run or of an ensemble.
pub(super) struct Member {
    pub plan: Plan,
    pub training: Training,
    pub weights: Weights,
    pub network: Network,
    /// First stage that selects where it segments; none for everywhere.
    pub looker: Option<FirstStage>,
}

/// The weights that a run can predict with: the best ones if its plan asks for them, unless no validation case had a defined score
/// or training has not validated yet.
fn available(run: &Stored, manifest: Option<&Manifest>) -> Weights {
    let training = manifest.and_then(|manifest| manifest.training.as_ref());
    let has_best = training.map_or(run.folder.best_weights().is_file(), |training| training.best_epoch.is_some());
    if has_best { run.plan.predict.weights } else { Weights::Last }
}

/// Why a run has no weights of its last epoch: it has none yet, or they were deleted.
fn without_last(run: &Stored, manifest: Option<&Manifest>) -> OpenError {
    if manifest.is_none_or(|manifest| manifest.training.is_none()) {
        return OpenError::NoWeights { folder: run.folder.path().display().to_string() };
    }
    let file = run.folder.last_weights();
    let last = file.parent().unwrap_or(&file).display().to_string();
    let remedy = match run.folder.best_weights().is_file() {
        true => "use predict.weights = \"best\", or train again with --fresh",
        false => "train again with --fresh",
    };
    OpenError::LostLast { last, remedy }
}

/// The network of an imported run.
fn imported(run: &Stored, empty: Network) -> Result<Network, OpenError> {
    let read = || {
        checkpoint::verify_best(&run.folder.checkpoints())?;
        checkpoint::import(&run.folder.best_weights(), empty)
    };
    read().map_err(|error| {
        let folder = run.folder.path().display().to_string();
        let reason = match error {
            error if error.is_environment() => return error.into(),
            CheckpointError::Io { path, source } => format!("{}: {}", path.display(), files::reason(&source)),
            CheckpointError::Damaged { path, reason } => format!("{}: damaged weights: {reason}", path.display()),
            other => other.to_string(),
        };
        OpenError::ImportLost { folder, reason }
    })
}

impl Member {
    pub fn open(run: &Stored, device: &Selected) -> Result<Self, OpenError> {
        let folder = || run.folder.path().display().to_string();
        let Some(training) = run.plan.work.training() else { return Err(OpenError::Nested { folder: folder() }) };
        let precision = training.train.precision;
        if let Some(reason) = device.refusal(precision) {
            return Err(OpenError::Precision { folder: folder(), precision: precision.name(), reason });
        }
        let plan = run.plan.clone();
        let interface = training.interface(&plan.target);
        let empty = model::build(&training.model, interface, precision, training.seed, &device.device);
        let manifest = run.folder.read_manifest()?;
        if training.imported.is_some() && manifest.is_none() {
            return Err(OpenError::Partial { folder: folder() });
        }
        let weights = available(run, manifest.as_ref());
        let network = match weights {
            _ if training.imported.is_some() => imported(run, empty)?,
            Weights::Best => {
                if manifest.as_ref().is_some_and(|manifest| manifest.training.is_some()) {
                    checkpoint::verify_best(&run.folder.checkpoints())?;
                }
                checkpoint::import(&run.folder.best_weights(), empty)?
            }
            Weights::Last if run.folder.last_weights().is_file() => {
                checkpoint::load_predicting(&run.folder.checkpoints(), empty)?
            }
            Weights::Last => return Err(without_last(run, manifest.as_ref())),
        };
        let known = manifest.as_ref().and_then(|manifest| manifest.predictions.get(&run.ids.prediction));
        if known.is_some_and(|known| known.weights.as_ref() != Some(&checkpoint::weights_hash(&network))) {
            let trained = || "to train the run again".to_owned();
            let remedy = training.imported.as_ref().map_or_else(trained, |_| format!("and {IMPORT}"));
            return Err(OpenError::OtherWeights { folder: folder(), remedy });
        }
        Ok(Self { weights, network, looker: FirstStage::open(run, device)?, training: training.clone(), plan })
    }

    /// Channels of its images.
    pub fn channels(&self) -> usize {
        self.training.channels.saturating_sub(self.plan.look.channels())
    }

    pub fn mirror(&mut self) -> bool {
        let augment = &self.training.train.augment;
        let (axes, outputs) = predict::mirroring(&augment.mirror_axes, &augment.mirrored_values, &self.plan.target);
        (self.plan.predict.mirror_axes, self.plan.predict.mirrored_outputs) = (axes, outputs);
        !self.plan.predict.mirror_axes.is_empty()
    }

    pub fn predictor<'a>(&'a self, device: &'a Device) -> Predictor<'a> {
        Predictor {
            network: &self.network,
            device,
            plan: &self.plan.predict,
            sigmoid: self.plan.target.sigmoid(),
            outputs: self.plan.target.outputs(),
            pass: None,
            guidance: self.training.no_clicks(&self.plan.target),
            watch: None,
        }
    }
}
