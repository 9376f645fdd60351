//! How long planned trainings will take, from steps that were measured on this machine: those of recorded trainings, else one that is
//! measured now.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::RunError;
use super::one;
use super::setting::Setting;
use crate::evaluate::frame::rows;
use crate::memory;
use crate::plan::Plan;
use crate::store::history::read_history;
use crate::store::manifest::Host;
use crate::store::{StoreError, Stored};
use crate::train;
use crate::train::spec::StepsPerEpoch;

/// Networks are measured for this long at most; the others stay unknown.
const MEASURING: Duration = Duration::from_secs(60);

/// Seconds of training steps.
pub struct Forecast<'a> {
    setting: &'a Setting<'a>,
    /// Seconds of the training steps per epoch, by what decides them; `None` where they could not be measured.
    epochs: BTreeMap<String, Option<f64>>,
    measuring: Duration,
}

impl<'a> Forecast<'a> {
    /// Learns from trainings that were recorded on this machine, with this device and as many threads.
    ///
    /// # Errors
    /// A history cannot be read.
    pub fn new<'r>(recorded: impl Iterator<Item = &'r Stored>, setting: &'a Setting<'a>) -> Result<Self, StoreError> {
        let here = Host::here();
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for run in recorded {
            let Some(manifest) = run.folder.read_manifest()? else { continue };
            let is_alike = manifest.device == setting.device.names().to_string()
                && (&manifest.host.cpu, manifest.host.cores) == (&here.cpu, here.cores);
            let is_alone =
                manifest.sessions.iter().all(|session| session.threads == Some(rayon::current_num_threads()));
            let (Some(key), true) = (key(&run.plan), is_alike && is_alone) else { continue };
            let Some(history) = read_history(&run.folder)? else { continue };
            let sum = sums.entry(key).or_default();
            for seconds in rows(&history).filter_map(|row| row.number("seconds")) {
                *sum = (sum.0 + seconds, sum.1 + 1);
            }
        }
        let known = sums.into_iter().filter(|(_, (_, count))| *count > 0);
        let epochs = known.map(|(key, (seconds, count))| (key, Some(seconds / count as f64))).collect();
        Ok(Self { setting, epochs, measuring: Duration::ZERO })
    }

    /// Seconds of the training steps in one epoch; `None` where they are unknown: an ensemble, a network that does not fit in memory, an
    /// epoch whose number of steps only the cases tell and no record does.
    ///
    /// # Errors
    /// The device fails, or the user stopped.
    pub fn epoch(&mut self, plan: &Plan) -> Result<Option<f64>, RunError> {
        let (Some(key), Some(training)) = (key(plan), plan.work.training()) else { return Ok(None) };
        if let Some(known) = self.epochs.get(&key) {
            return Ok(*known);
        }
        if !matches!(training.train.steps_per_epoch, StepsPerEpoch::Fixed(_)) || self.measuring > MEASURING {
            return Ok(None);
        }
        let start = Instant::now();
        let step = measure(plan, self.setting)?;
        self.measuring += start.elapsed();
        let seconds = step.map(|seconds| seconds * training.train.epoch_steps() as f64);
        self.epochs.insert(key, seconds);
        Ok(seconds)
    }

    /// Seconds of the training steps that a run still needs; see [`Self::epoch`].
    ///
    /// # Errors
    /// The device fails, the user stopped, or the history cannot be read.
    pub fn rest(&mut self, run: &Stored) -> Result<Option<f64>, RunError> {
        let Some(training) = run.plan.work.training() else { return Ok(Some(0.0)) };
        if run.status()?.is_trained() {
            return Ok(Some(0.0));
        }
        let done = read_history(&run.folder)?.map_or(0, |history| history.height());
        let left = training.train.epochs.saturating_sub(done);
        Ok(self.epoch(&run.plan)?.map(|seconds| seconds * left as f64))
    }
}

/// Seconds of a training step on empty images; `None` if it does not fit in the free memory.
pub(super) fn measure(plan: &Plan, setting: &Setting) -> Result<Option<f64>, RunError> {
    let Some(training) = plan.work.training() else { return Ok(None) };
    let interface = training.interface(&plan.target);
    if train::memory::activation_bytes(&training.train, &training.model, interface) > memory::available() / 2 {
        return Ok(None);
    }
    let job = one::job(plan, training, &setting.device.device, Vec::new(), setting);
    Ok(train::probe(&job, usize::MAX)?.2)
}

/// What decides the time of an epoch's training steps.
fn key(plan: &Plan) -> Option<String> {
    let training = plan.work.training()?;
    let (interface, train) = (training.interface(&plan.target), &training.train);
    let network = (&training.model, interface.channels, interface.outputs, interface.sigmoid, &training.loss);
    let step = (train.patch_size, train.batch_size, train.accumulate, train.precision, train.gradient_checkpointing);
    serde_json::to_string(&(network, step, train.steps_per_epoch)).ok()
}
