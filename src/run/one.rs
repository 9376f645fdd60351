//! Executes one run: the stages in order, from plan to scores. Skips what an earlier call finished.

use std::path::PathBuf;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use super::cases::Cases;
use super::energy::{self, Meter};
use super::error::RunError;
use super::preparing::prepare;
use super::repair;
use super::setting::Setting;
use super::task;
use super::warm;
use crate::backend::{DeviceName, Precision, kernel_cache};
use crate::files;
use crate::infer::Validator;
use crate::memory;
use crate::model::Network;
use crate::observe::{Events, Kind, Log, Outcome};
use crate::plan::{Plan, Role, Training, Work};
use crate::preprocess::{PreparedCase, PreparedSet};
use crate::store::corrected::corrected_labels;
use crate::store::history::History;
use crate::store::manifest::{Member, TrainingRecord};
use crate::store::{Lock, LockError, Manifest, REPORT, RunFolder, StoreError, Stored, history, write_json};
use crate::train::pretrained::{self, PretrainedError};
use crate::train::spec::BestCases;
use crate::train::{self, Ended, Job, checkpoint};

/// Takes a run through all stages. Resumes a run that was interrupted; leaves one alone that is finished or locked by another process.
/// `[number, of]`: its position in the experiment, for progress.
pub fn run(run: &Stored, setting: &Setting, [number, of]: [usize; 2]) -> Outcome {
    let events = setting.events.of(&run.id());
    let outcome = attempt(run, setting, [number, of]).unwrap_or_else(|error| error.outcome());
    events.emit(Kind::Ended { label: run.plan.name(), outcome: outcome.clone() });
    outcome
}

/// Whether there is nothing to do for a run: it is finished, in another process's hands, or its folder cannot be used. Writes its plan,
/// so that a worker can begin.
pub fn standing(run: &Stored) -> Option<Outcome> {
    let look = || -> Result<Option<Outcome>, RunError> {
        let _lock = match take_lock(run)? {
            Ok(lock) => lock,
            Err(busy) => return Ok(Some(busy)),
        };
        let known = run.folder.read_manifest()?;
        run.write_plan()?;
        let is_finished = known.is_some_and(|manifest| run.is_finished(&manifest));
        Ok((is_finished && left_over(run)?.is_empty()).then_some(Outcome::Skipped))
    };
    look().unwrap_or_else(|error| Some(error.outcome()))
}

/// The lock of a run, or who holds it.
fn take_lock(run: &Stored) -> Result<Result<Lock, Outcome>, RunError> {
    match Lock::take(&run.folder.lock()) {
        Ok(lock) => Ok(Ok(lock)),
        Err(LockError::Held { holder, .. }) => Ok(Err(Outcome::Busy { holder })),
        Err(error) => Err(error.into()),
    }
}

/// Results of a finished run that are missing or damaged.
fn left_over(run: &Stored) -> Result<Vec<PathBuf>, RunError> {
    // Colours are part of no id and may have changed.
    task::write_label_map(run)?;
    Ok(repair::damaged(run))
}

fn attempt(run: &Stored, setting: &Setting, [number, of]: [usize; 2]) -> Result<Outcome, RunError> {
    can_compute(&run.plan, setting)?;
    let folder = &run.folder;
    let _lock = match take_lock(run)? {
        Ok(lock) => lock,
        Err(busy) => return Ok(busy),
    };
    files::remove_unfinished(folder.path(), REPORT);
    let mut known = folder.read_manifest()?;
    refuse_imported(run, known.as_ref())?;
    run.write_plan()?;
    if let Some(manifest) = known.as_mut().filter(|manifest| run.is_finished(manifest)) {
        let damaged = left_over(run)?;
        let Some(first) = damaged.first() else { return Ok(Outcome::Skipped) };
        let more = if damaged.len() > 1 { format!(" and {} more", damaged.len() - 1) } else { String::new() };
        let text = format!(
            "{}{more}: missing or damaged; recomputed from the stored weights and predictions",
            first.display()
        );
        setting.events.warn(text);
        repair::forget_scores(run, manifest);
    }
    let mut manifest = begin(run, known, setting)?;
    let mut own = Events::silent().of(&run.id()).and(Log::new(folder.events()));
    if let Some(follow) = setting.follow {
        own = own.with(&follow(run, &setting.events.of(&run.id())));
    }
    let setting = Setting { events: setting.events.of(&run.id()).with(&own), ..setting.clone() };
    let (label, structures) = (run.plan.name(), run.structures());
    let announcement = Kind::Run { label: label.clone(), folder: folder.path().to_path_buf(), structures, number, of };
    setting.events.emit(announcement);
    let meter = Meter::start(setting.device.names().all());
    let outcome = stages(run, &setting, &mut manifest);
    let joules = meter.stop();
    let ended = outcome.as_ref().map_or_else(RunError::outcome, Clone::clone);
    manifest.end_session(ended.clone());
    if let Some(session) = manifest.sessions.last_mut() {
        session.joules = joules;
    }
    let written = folder.write_manifest(&manifest);
    // The others hear it from `run`.
    own.emit(Kind::Ended { label, outcome: ended });
    written?;
    outcome
}

/// Refuses an imported run that is not whole, or has no cases, and leaves its folder as it is.
fn refuse_imported(run: &Stored, known: Option<&Manifest>) -> Result<(), RunError> {
    if !run.is_imported() {
        return Ok(());
    }
    let folder = || run.folder.path().display().to_string();
    let (is_network, is_empty) = (run.plan.work.training().is_some(), run.plan.data.cases.is_empty());
    match known {
        Some(manifest) if is_network && manifest.training.is_none() => Err(RunError::Imported { folder: folder() }),
        None if is_network || is_empty => Err(RunError::Imported { folder: folder() }),
        Some(_) if is_empty => Err(RunError::NothingToScore { folder: folder() }),
        _ => Ok(()),
    }
}

/// Refuses a precision that a device cannot compute in, and a training that does not fit in memory, before any compute.
pub fn can_compute(plan: &Plan, setting: &Setting) -> Result<(), RunError> {
    let Some(training) = plan.work.training() else { return Ok(()) };
    if setting.device.name == DeviceName::Cpu {
        let wanted =
            train::memory::activation_bytes(&training.train, &training.model, training.interface(&plan.target));
        let (total, free) = (memory::total(), memory::available());
        if wanted > total {
            return Err(RunError::Memory { wanted: memory::gigabytes(wanted), total: memory::gigabytes(total) });
        }
        if wanted > free {
            let (wanted, free) = (memory::gigabytes(wanted), memory::gigabytes(free));
            setting.events.warn(format!("training needs about {wanted} of memory, {free} are free"));
        }
    }
    let (precision, device) = (training.train.precision, setting.device);
    let interface = training.interface(&plan.target);
    train::refuse_sharing(&training.train, &training.model, interface, &device.device, device.all().count())?;
    let Some(reason) = device.refusal(precision) else { return Ok(()) };
    let usable = device.precisions().map(Precision::name).collect::<Vec<_>>().join(", ");
    Err(RunError::Precision { reason, usable })
}

/// Opens a session in the manifest.
fn begin(run: &Stored, known: Option<Manifest>, setting: &Setting) -> Result<Manifest, RunError> {
    let device = setting.device.names().to_string();
    let mut manifest = known.unwrap_or_else(|| Manifest::new(&run.id(), &device, run.plan.seed()));
    if manifest.device != device {
        manifest.warnings.push(format!("begun on {}, resumed on {device}", manifest.device));
    }
    manifest.kernel_cache = kernel_cache::file(setting.device.name);
    manifest.gpu = energy::gpu(setting.device.name);
    manifest.corrected = corrected_labels(&run.plan.data);
    manifest.begin_session();
    run.folder.write_manifest(&manifest)?;
    Ok(manifest)
}

fn stages(run: &Stored, setting: &Setting, manifest: &mut Manifest) -> Result<Outcome, RunError> {
    let begun = Instant::now();
    let cases = Cases::locate(run, setting)?;
    cases.write_hashes(run)?;
    manifest.spend("check data", begun);
    match &run.plan.work {
        Work::Train(training) => {
            let begun = Instant::now();
            let prepared = prepare(run, training, &cases, setting)?;
            manifest.spend("prepare", begun);
            let begun = Instant::now();
            if manifest.training.is_none() {
                let trained = train(run, training, &prepared, setting);
                manifest.spend("train", begun);
                match trained? {
                    Trained::Finished(record) => manifest.training = Some(record),
                    Trained::Paused { epochs } => return Ok(Outcome::Paused { epochs }),
                }
                run.folder.write_manifest(manifest)?;
            } else {
                repair::history(run)?;
            }
            task::finish(run, &cases, Some(&prepared), setting, manifest)?;
        }
        Work::Average(average) => {
            manifest.members = average.members.iter().map(|ids| member(run, ids)).collect::<Result<_, RunError>>()?;
            task::finish(run, &cases, None, setting, manifest)?;
        }
    }
    Ok(Outcome::Finished)
}

/// The manifest's record of an ensemble member.
fn member(run: &Stored, ids: &crate::plan::RunIds) -> Result<Member, RunError> {
    let other = run.beside(ids).map_err(|error| match run.is_imported() {
        true => error.into(),
        false => RunError::Needs { run: ids.training.clone() },
    })?;
    let manifest = other.folder.read_manifest()?;
    let finished = manifest.filter(|manifest| manifest.training.is_some());
    let manifest = finished.ok_or_else(|| RunError::Needs { run: ids.training.clone() })?;
    let weights = manifest.predictions.get(&ids.prediction).and_then(|record| record.weights.clone());
    Ok(Member { run: ids.clone(), label: other.plan.name(), weights })
}

/// How a training ended.
enum Trained {
    Finished(TrainingRecord),
    Paused { epochs: usize },
}

/// Trains to the end, or to the epoch of `--stop-after`.
fn train(run: &Stored, training: &Training, prepared: &PreparedSet, setting: &Setting) -> Result<Trained, RunError> {
    let (plan, folder, device) = (&run.plan, &run.folder, &setting.device.device);
    let chosen = |role: Role| -> Vec<&PreparedCase> {
        let names = plan.data.names(role);
        prepared.cases.iter().filter(|case| names.contains(&case.name)).collect()
    };
    let choosing = match training.train.best.cases {
        BestCases::Validation => Role::Validation,
        BestCases::Test => Role::Test,
    };
    let validator = Validator {
        cases: chosen(choosing),
        task: plan.task,
        training,
        target: &plan.target,
        device,
        cancelled: setting.cancel,
    };
    let validate = |network: &Network| validator.validate(network);
    warm::announce(setting);
    let checkpoints = folder.checkpoints();
    let initial = |network: Network| start_from(plan, training, folder, network);
    let job = Job {
        initial: training.pretrained.is_some().then_some(&initial),
        validate: (!validator.cases.is_empty()).then_some(&validate),
        stop_after: setting.stop_after,
        checkpoints: &checkpoints,
        ..job(plan, training, device, chosen(Role::Train), setting)
    };
    if checkpoint::state(&checkpoints)?.is_some_and(|state| state.training.is_none()) {
        let text = "an earlier segspec wrote this checkpoint, without the id of its run: it is taken as this run's";
        setting.events.warn(format!("{}: {text}", checkpoints.display()));
    }
    let mut history = History::new(folder, &plan.target);
    let ended = train::fit(&job, &mut |event| {
        history.observe(&event);
        setting.events.emit(Kind::Training(event));
    })?;
    history.finish()?;
    match ended {
        Ended::Interrupted => Err(RunError::Interrupted),
        Ended::Paused(state) => Ok(Trained::Paused { epochs: state.history.len() }),
        Ended::Finished(last, state) => {
            history::write_history(folder, &plan.target, &state.history)?;
            Ok(Trained::Finished(TrainingRecord {
                parameters: last.num_params(),
                epochs: state.history.len(),
                best_epoch: state.best.map(|(_, epoch)| epoch),
            }))
        }
    }
}

/// The training job of a plan: random initial weights, no validation, no checkpoints.
pub(super) fn job<'a>(
    plan: &'a Plan,
    training: &'a Training,
    device: &'a Device,
    cases: Vec<&'a PreparedCase>,
    setting: &Setting<'a>,
) -> Job<'a> {
    Job {
        run: plan.ids().training,
        plan: &training.train,
        task: plan.task,
        model: &training.model,
        interface: training.interface(&plan.target),
        loss: &training.loss,
        target: &plan.target,
        interact: training.interact,
        seed: training.seed,
        device,
        beside: &setting.device.beside,
        initial: None,
        cases,
        checkpoints: std::path::Path::new(""),
        validate: None,
        stop_after: None,
        cancelled: setting.cancel,
    }
}

/// Loads pretrained weights and writes `pretrained.json`: which parameters they initialise.
fn start_from(
    plan: &Plan,
    training: &Training,
    folder: &RunFolder,
    network: Network,
) -> Result<Network, PretrainedError> {
    let (Some(pretrained), Some(path)) = (&training.pretrained, &plan.about.pretrained_file) else {
        return Ok(network);
    };
    let (network, report) = pretrained::load(pretrained, path, &training.model, training.channels, network)?;
    let failed = |error: StoreError| PretrainedError::File { path: error.path, reason: error.source.to_string() };
    write_json(&folder.pretrained(), &report).map_err(failed)?;
    Ok(network)
}

/// State of the run's last checkpoint; `None` without one.
///
/// # Errors
/// The checkpoint is damaged.
pub fn checkpoint_of(run: &Stored) -> Result<Option<checkpoint::State>, RunError> {
    Ok(checkpoint::state(&run.folder.checkpoints())?)
}
