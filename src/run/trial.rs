//! One run: the stages in order, from a plan to scores.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RunError;
use super::event::{Event, Observer};
use super::inputs::Inputs;
use super::lock::Lock;
use super::manifest::Manifest;
use super::store::{RunFolder, Status};
use super::validate::Validator;
use super::{panels, tables};
use crate::backend::{Precision, Selected};
use crate::dataset::{Case, Excluded};
use crate::evaluate::summary::Metric;
use crate::evaluate::{self, Context, ScoreRow};
use crate::model::{self, Network};
use crate::plan::Plan;
use crate::predict::spec::Weights;
use crate::predict::{self, Predictor, export};
use crate::preprocess::{self, PreparedCase, PreparedSet};
use crate::train::pretrained::{self, PretrainedError};
use crate::train::{self, Ended, Job, checkpoint};
use crate::volume::Segmentation;

/// What a run needs besides its plan.
pub struct Setting<'a> {
    /// The dataset's cases and the hashes of their files.
    pub inputs: &'a Inputs,
    /// Where to compute.
    pub device: &'a Selected,
    /// Folder of prepared cases.
    pub cache: &'a Path,
    /// Set from outside to stop, with everything saved.
    pub cancelled: &'a AtomicBool,
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
fn can_compute(plan: &Plan, device: &Selected) -> Result<(), RunError> {
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
    let prepared = prepare(plan, setting, observer)?;
    let excluded = [&setting.inputs.excluded[..], &prepared.excluded].concat();
    folder.write_json(&folder.excluded(), &excluded).map_err(RunError::file(folder.excluded()))?;
    observer.event(&Event::Excluded(&prepared.excluded));
    let (network, epoch) = train(plan, folder, setting, &prepared, observer)?;
    manifest.parameters = Some(burn::module::Module::num_params(&network));
    manifest.weights = Some(checkpoint::weights_hash(&network));
    manifest.epoch = Some(epoch);
    let scores = predict(plan, folder, setting, &prepared, &network, observer)?;
    tables::write_scores(folder, &scores)?;
    score_passes(plan, folder, setting, &prepared, &network, observer)?;
    panels::write(plan, folder, setting.inputs, &scores)?;
    observer.event(&Event::Finished { id: &folder.id(), dice: mean_dice(&scores) });
    Ok(())
}

/// Mean Dice over cases, then over structures.
pub fn mean_dice(rows: &[ScoreRow]) -> Option<f64> {
    let scores: Vec<&evaluate::Score> = rows.iter().map(|row| &row.score).collect();
    let summary = evaluate::summarise(&scores, &[], 0);
    summary.mean.metric(Metric::Dice).map(|dice| dice.mean)
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
        interface: plan.interface(),
        device,
        cancelled: setting.cancelled,
    };
    let validate = |network: &Network| validator.validate(network);
    let checkpoints = folder.checkpoints();
    let initial = |network: Network| start_from(plan, folder, network);
    let job = Job {
        plan: &plan.train,
        model: &plan.model,
        interface: plan.interface(),
        loss: &plan.loss,
        target: &plan.target,
        seed: plan.seed,
        device,
        initial: plan.pretrained.is_some().then_some(&initial),
        cases: chosen(&plan.cases.train),
        checkpoints: &checkpoints,
        validate: (!validator.cases.is_empty()).then_some(&validate),
        cancelled: setting.cancelled,
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

/// Loads the plan's weights, and writes beside it which parameters got some.
fn start_from(plan: &Plan, folder: &RunFolder, network: Network) -> Result<Network, PretrainedError> {
    let (Some(pretrained), Some(path)) = (&plan.pretrained, &plan.about.pretrained_file) else { return Ok(network) };
    let (network, report) = pretrained::load(pretrained, path, &plan.model, plan.channels, network)?;
    let place = folder.pretrained();
    folder
        .write_json(&place, &report)
        .map_err(|error| PretrainedError::File { path: place, reason: error.to_string() })?;
    tracing::info!(
        loaded = report.loaded.len(),
        missing = report.missing.len(),
        unused = report.unused.len(),
        "pretrained weights"
    );
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

/// Segments and scores every test case. Cases that an earlier session segmented are read back: the weights are the same.
fn predict(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    prepared: &PreparedSet,
    network: &Network,
    observer: &mut dyn Observer,
) -> Result<Vec<ScoreRow>, RunError> {
    let predictor = predictor(plan, setting, network, None);
    let cases: Vec<_> = prepared.cases.iter().filter(|case| plan.cases.test.contains(&case.name)).collect();
    let mut rows = Vec::new();
    observer.event(&Event::Predicting { done: 0, of: cases.len() });
    for (index, case) in cases.iter().enumerate() {
        if setting.cancelled.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        let segmentation = match export::read(&folder.predictions(), &case.name, &plan.target) {
            Ok(segmentation) => segmentation,
            Err(_) => {
                let segmentation = predict::segment(&predictor, &case.load()?, &plan.target, setting.cancelled)?;
                export::write(&folder.predictions(), &case.name, &segmentation)?;
                segmentation
            }
        };
        rows.extend(score(plan, setting, &case.name, &segmentation, &context(plan))?);
        observer.event(&Event::Predicting { done: index + 1, of: cases.len() });
    }
    Ok(rows)
}

/// Scores what the passes before the last one of a network of several have found, so that the report shows what each adds.
fn score_passes(
    plan: &Plan,
    folder: &RunFolder,
    setting: &Setting,
    prepared: &PreparedSet,
    network: &Network,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let earlier = network.passes() - 1;
    let cases: Vec<_> = prepared.cases.iter().filter(|case| plan.cases.test.contains(&case.name)).collect();
    let mut rows = Vec::new();
    for (done, (pass, case)) in (0..earlier).flat_map(|pass| cases.iter().map(move |case| (pass, case))).enumerate() {
        if setting.cancelled.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        observer.event(&Event::Predicting { done, of: earlier * cases.len() });
        let predictor = predictor(plan, setting, network, Some(pass));
        let segmentation = predict::segment(&predictor, &case.load()?, &plan.target, setting.cancelled)?;
        let context = Context { trial: pass_label(&plan.about.trial, pass), ..context(plan) };
        rows.extend(score(plan, setting, &case.name, &segmentation, &context)?);
    }
    if rows.is_empty() { Ok(()) } else { tables::write_passes(folder, &rows) }
}

/// The name of one pass among the trials of a report.
pub fn pass_label(trial: &str, pass: usize) -> String {
    format!("{trial} pass {}", pass + 1).trim_start().to_owned()
}

fn predictor<'a>(plan: &'a Plan, setting: &'a Setting, network: &'a Network, pass: Option<usize>) -> Predictor<'a> {
    Predictor {
        network,
        device: &setting.device.device,
        plan: &plan.predict,
        overlapping: plan.target.overlapping,
        outputs: plan.target.outputs(),
        pass,
    }
}

fn score(
    plan: &Plan,
    setting: &Setting,
    case: &str,
    segmentation: &Segmentation,
    context: &Context,
) -> Result<Vec<ScoreRow>, RunError> {
    let reference = setting.inputs.reference(case, segmentation.geometry())?;
    let scores = evaluate::score(case, &plan.target, &reference, segmentation)?;
    Ok(scores.into_iter().map(|score| ScoreRow { context: context.clone(), score }).collect())
}

/// Where a score comes from, for the tables.
pub fn context(plan: &Plan) -> Context {
    Context {
        experiment: plan.about.experiment.clone(),
        trial: plan.about.trial.clone(),
        fold: (plan.about.folds > 1).then_some(plan.about.fold as u32),
        seed: plan.seed,
        split: "test".into(),
        selected_on: plan.selected_on_scored_cases(),
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
