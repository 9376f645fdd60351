//! One run: the stages in order, from a plan to scores.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use super::error::RunError;
use super::event::{Event, Observer};
use super::inputs::Inputs;
use super::lock::Lock;
use super::manifest::{Manifest, Member};
use super::predicting::{self, Scored};
use super::store::{RunFolder, Status};
use super::validate::Validator;
use super::{panels, slices, tables};
use crate::Cancel;
use crate::backend::{Precision, Selected, kernel_cache};
use crate::dataset::{Case, Excluded};
use crate::evaluate::{DICE, summary, table};
use crate::model::{self, Network};
use crate::plan::Plan;
use crate::predict::spec::Weights;
use crate::predict::{self, export};
use crate::preprocess::{self, PreparedCase, PreparedSet};
use crate::train::pretrained::{self, PretrainedError};
use crate::train::{self, Ended, Job, checkpoint};

/// What a run needs besides its plan.
pub struct Setting<'a> {
    /// The dataset's cases and the hashes of their files.
    pub inputs: &'a Inputs,
    /// Where to compute.
    pub device: &'a Selected,
    /// Folder of prepared cases.
    pub cache: &'a Path,
    /// Set from outside to stop, with everything saved.
    pub cancelled: &'a Cancel,
}

/// Takes one plan through all stages, after `announcement`. A run that was begun goes on; one that another process
/// finished in the meantime is left as it is.
///
/// # Errors
/// [`RunError::Interrupted`] with the state saved; all others name what failed.
pub fn run(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    announcement: &Event,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    can_compute(plan, setting.device)?;
    let _lock = Lock::take(&folder.lock())?;
    crate::files::remove_unfinished(folder.path());
    if folder.status() == Status::Finished {
        return Ok(());
    }
    let mut manifest = begin(plan, folder, setting)?;
    let mut observer = Logged { folder, observer };
    observer.event(announcement);
    let outcome = stages(plan, folder, setting, &mut manifest, &mut observer);
    manifest.end_session();
    manifest.finished = outcome.is_ok();
    folder.write_json(&folder.manifest(), &manifest).map_err(RunError::file(folder.manifest()))?;
    outcome
}

/// Refuses a precision that the device lacks, before any compute.
pub(super) fn can_compute(plan: &Plan, device: &Selected) -> Result<(), RunError> {
    let precision = plan.train.precision;
    if precision.is_supported(&device.device) {
        return Ok(());
    }
    let supported = Precision::ALL.into_iter().filter(|precision| precision.is_supported(&device.device));
    let supported = supported.map(Precision::name).collect::<Vec<_>>().join(", ");
    Err(RunError::Precision { device: device.name.to_string(), precision: precision.name(), supported })
}

fn stages(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    manifest: &mut Manifest,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    if !plan.members.is_empty() {
        manifest.members = Member::all(plan, folder);
        return finish(plan, folder, setting, predicting::predict_mean(plan, folder, setting, observer)?, observer);
    }
    let prepared = prepare(plan, setting, observer)?;
    let excluded = [&setting.inputs.excluded[..], &prepared.excluded].concat();
    folder.write_json(&folder.excluded(), &excluded).map_err(RunError::file(folder.excluded()))?;
    observer.event(&Event::Excluded(&prepared.excluded));
    let (network, epoch) = train(plan, folder, setting, &prepared, observer)?;
    manifest.parameters = Some(burn::module::Module::num_params(&network));
    manifest.weights = Some(checkpoint::weights_hash(&network));
    manifest.epoch = Some(epoch);
    if plan.model.slices().is_some() {
        let rows = slices::predict(plan, setting, &prepared, &network, observer)?;
        slices::write_rows(folder, &rows)?;
        let auc = slices::mean_auc(plan, &rows);
        observer.event(&Event::Finished { id: &folder.id(), dice: None, auc });
        return Ok(());
    }
    let scored = predicting::predict(plan, folder, setting, &prepared, &network, observer)?;
    finish(plan, folder, setting, scored, observer)
}

/// Writes the tables and pictures of a run that segments.
fn finish(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    scored: Scored,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let scores = table::to_frame(&scored.rows)?;
    tables::write_scores(folder, &scores)?;
    tables::write_variants(folder, &scored.variants)?;
    tables::write_skipped(folder, &scored.skipped)?;
    panels::write(plan, folder, setting.inputs, &scores)?;
    let dice = summary::overall_mean(&scores, DICE)?;
    observer.event(&Event::Finished { id: &folder.id(), dice, auc: None });
    Ok(())
}

/// Writes the plan and notes who works on it, before any compute.
fn begin(plan: &Plan, folder: &RunFolder, setting: &Setting) -> Result<Manifest, RunError> {
    let text = plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?;
    crate::files::write_atomic(&folder.plan(), text.as_bytes()).map_err(RunError::file(folder.plan()))?;
    let label_map = export::label_map(&plan.target);
    folder.write_json(&folder.label_map(), &label_map).map_err(RunError::file(folder.label_map()))?;
    let device = setting.device.name.to_string();
    let new = || Manifest::new(&folder.id(), &device, plan.seed, setting.inputs.hashes_of(&plan.cases));
    let mut manifest = folder.read_manifest().unwrap_or_else(new);
    if manifest.device != device {
        manifest.warnings.push(format!("begun on {}, resumed on {device}", manifest.device));
    }
    manifest.kernel_cache = kernel_cache::file(setting.device.name);
    manifest.begin_session();
    folder.write_json(&folder.manifest(), &manifest).map_err(RunError::file(folder.manifest()))?;
    Ok(manifest)
}

/// Prepares every case of the fold, or finds it in the cache.
fn prepare(plan: &Plan, setting: &Setting, observer: &mut dyn Observer) -> Result<PreparedSet, RunError> {
    let cases = setting.inputs.cases_of(&plan.cases);
    let shared = Mutex::new((observer, 0));
    let progress = |progress: preprocess::Progress| {
        let Ok(mut shared) = shared.lock() else { return };
        shared.1 += usize::from(progress.outcome == preprocess::Outcome::Cached);
        let cached = shared.1;
        shared.0.event(&Event::Preparing { done: progress.done, of: progress.total, cached });
    };
    let content = |case: &Case| -> io::Result<String> { setting.inputs.content_of(&case.name) };
    let set = preprocess::prepare(&plan.preprocess, &cases, setting.cache, &content, &progress, setting.cancelled)?;
    for (what, names) in [("training", &plan.cases.train), ("scored", &plan.cases.test)] {
        if !set.cases.iter().any(|case| names.contains(&case.name)) {
            return Err(RunError::NoCases { what, excluded: set.excluded });
        }
    }
    Ok(set)
}

/// Trains, and returns the network that predicts with the epoch that it comes from.
fn train(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    prepared: &PreparedSet,
    observer: &mut dyn Observer,
) -> Result<(Network, usize), RunError> {
    let chosen = |names: &[String]| -> Vec<&PreparedCase> {
        prepared.cases.iter().filter(|case| names.contains(&case.name)).collect()
    };
    let device = &setting.device.device;
    let validator = Validator {
        cases: chosen(validation_cases(plan)),
        plan: predict::PredictPlan { mirror_axes: Vec::new(), ..plan.predict.clone() },
        target: &plan.target,
        of_slices: plan.model.slices().is_some(),
        near_mm: plan.train.near_mm,
        interface: plan.interface(),
        device,
        cancelled: setting.cancelled,
    };
    let validate = |network: &Network| validator.validate(network);
    let checkpoints = folder.checkpoints();
    let initial = |network: Network| start_from(plan, folder, network);
    let job = Job {
        initial: plan.pretrained.is_some().then_some(&initial),
        validate: (!validator.cases.is_empty()).then_some(&validate),
        ..job(plan, device, chosen(&plan.cases.train), &checkpoints, setting.cancelled)
    };
    let mut history = tables::History::new(folder, &plan.target);
    let ended = train::fit(&job, &mut |event| {
        history.observe(&event);
        observer.event(&Event::Training(event));
    })?;
    history.finish()?;
    match ended {
        Ended::Interrupted => Err(RunError::Interrupted),
        Ended::Finished(last, state) => {
            tables::write_history(folder, &plan.target, &state.history)?;
            let best = state.best.map(|(_, epoch)| epoch);
            predicting_network(plan, folder, device, (*last, state.history.len()), best)
        }
    }
}

/// The training of a plan, from random weights and without validation.
pub(super) fn job<'a>(
    plan: &'a Plan,
    device: &'a burn::tensor::Device,
    cases: Vec<&'a PreparedCase>,
    checkpoints: &'a Path,
    cancelled: &'a Cancel,
) -> Job<'a> {
    Job {
        plan: &plan.train,
        model: &plan.model,
        interface: plan.interface(),
        loss: &plan.loss,
        target: &plan.target,
        seed: plan.seed,
        device,
        initial: None,
        cases,
        checkpoints,
        validate: None,
        cancelled,
    }
}

/// Loads the plan's weights, and writes beside it which parameters got some.
fn start_from(plan: &Plan, folder: &RunFolder, network: Network) -> Result<Network, PretrainedError> {
    let (Some(pretrained), Some(path)) = (&plan.pretrained, &plan.about.pretrained_file) else { return Ok(network) };
    let (network, report) = pretrained::load(pretrained, path, &plan.model, plan.channels, network)?;
    let place = folder.pretrained();
    folder
        .write_json(&place, &report)
        .map_err(|error| PretrainedError::File { path: place, reason: error.to_string() })?;
    Ok(network)
}

fn validation_cases(plan: &Plan) -> &[String] {
    use crate::train::spec::BestCases;
    match plan.train.best.cases {
        BestCases::Validation => &plan.cases.validation,
        BestCases::Test => &plan.cases.test,
    }
}

fn predicting_network(
    plan: &Plan,
    folder: &RunFolder,
    device: &burn::tensor::Device,
    last: (Network, usize),
    best: Option<usize>,
) -> Result<(Network, usize), RunError> {
    match (plan.predict.weights, best) {
        (Weights::Best, Some(epoch)) => {
            let empty = model::build(&plan.model, plan.interface(), plan.train.precision, plan.seed, device);
            Ok((checkpoint::import(&folder.best_weights(), empty)?, epoch))
        }
        // No validation case had a defined score: the end of training is all there is.
        (Weights::Best | Weights::Last, _) => Ok(last),
    }
}

/// Passes events on and keeps those that belong into `events.jsonl`. A log that cannot be written stops nothing.
struct Logged<'a> {
    folder: &'a RunFolder,
    observer: &'a mut dyn Observer,
}

impl Observer for Logged<'_> {
    fn event(&mut self, event: &Event) {
        if let Some(line) = super::event::to_json(event) {
            let _ = self.folder.log(&line);
        }
        self.observer.event(event);
    }
}

/// Cases that cannot be used, as a run wrote them.
pub fn read_excluded(folder: &RunFolder) -> Vec<Excluded> {
    let bytes = std::fs::read(folder.excluded()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
