//! Prediction and scoring of the test cases after training. One file per task.

mod classify;
mod clicks;
mod segment;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use super::cases::Cases;
use super::error::RunError;
use super::setting::Setting;
use crate::Cancel;
use crate::dataset::content::hash_of;
use crate::evaluate::Context;
use crate::infer::Trained;
use crate::model::Task;
use crate::observe::Kind;
use crate::plan::{Plan, Role};
use crate::predict::export;
use crate::preprocess::PreparedSet;
use crate::store::corrected::scored_and_corrected;
use crate::store::manifest::EvaluationRecord;
use crate::store::{Manifest, PredictionRecord, StoreError, Stored, write_json};

type Predict = fn(&Stored, &Cases, Option<&PreparedSet>, &Trained, &Setting) -> Result<(), RunError>;
type Hashes = Result<BTreeMap<String, String>, RunError>;

/// The steps after training, for one task.
struct Steps {
    /// Whether every scored case is predicted.
    is_complete: fn(&Stored, &Cases) -> bool,
    /// Predicts what is missing.
    predict: Predict,
    /// Hashes of the predicted files.
    hashes: fn(&Stored, &Cases) -> Hashes,
    /// Scores the predictions.
    evaluate: fn(&Stored, &Cases, &Setting) -> Result<EvaluationRecord, RunError>,
}

/// The only place that tells the tasks apart after training.
fn steps(task: Task) -> &'static Steps {
    match task {
        Task::Segment => &segment::STEPS,
        Task::ClassifySlices => &classify::STEPS,
    }
}

/// Predicts and scores whatever an earlier call left undone. `prepared`: the preprocessed cases; `None` for an average of networks.
///
/// # Errors
/// A case cannot be read, a file cannot be written, or the run was stopped.
pub fn finish(
    run: &Stored,
    cases: &Cases,
    prepared: Option<&PreparedSet>,
    setting: &Setting,
    manifest: &mut Manifest,
) -> Result<(), RunError> {
    write_label_map(run)?;
    if run.plan.data.of(Role::Test).next().is_none() {
        setting.events.warn("the split has no test cases: nothing is scored");
    }
    if let Some(record) = manifest.predictions.get(&run.ids.prediction) {
        remove_changed(run, record, setting)?;
    }
    let steps = steps(run.plan.task);
    if !(steps.is_complete)(run, cases) || !manifest.predictions.contains_key(&run.ids.prediction) {
        let begun = Instant::now();
        let trained = Trained::open(run, setting.device)?;
        (steps.predict)(run, cases, prepared, &trained, setting)?;
        manifest.spend("predict", begun);
        let found = record(run, &trained, manifest);
        let files = (steps.hashes)(run, cases)?;
        // The scores of an earlier prediction with the same weights stay.
        manifest.predictions.entry(run.ids.prediction.clone()).or_insert(found).files = files;
        run.folder.write_manifest(manifest)?;
    }
    let begun = Instant::now();
    let scored = (steps.evaluate)(run, cases, setting)?;
    manifest.spend("evaluate", begun);
    let (dice, auc) = (scored.dice, scored.auc);
    if let Some(predictions) = manifest.predictions.get_mut(&run.ids.prediction) {
        predictions.evaluations.insert(run.ids.evaluation.clone(), scored);
    }
    setting.events.emit(Kind::Finished { dice, auc });
    Ok(())
}

/// Removes predictions that are not what this run wrote, so that they are predicted again and never scored.
fn remove_changed(run: &Stored, record: &PredictionRecord, setting: &Setting) -> Result<(), RunError> {
    let folder = run.prediction();
    for (name, written) in &record.files {
        stop_if_cancelled(setting.cancel)?;
        let path = folder.path().join(name);
        if path.is_file() && hash_of(&path).map_err(StoreError::at(&path))? != *written {
            setting.events.warn(format!("{}: changed since it was written; predicted again", path.display()));
            std::fs::remove_file(&path).map_err(StoreError::at(&path))?;
        }
    }
    Ok(())
}

/// Hashes of files of the prediction, by their paths below its folder.
fn hashes(run: &Stored, files: impl Iterator<Item = PathBuf>) -> Hashes {
    let (folder, mut hashes) = (run.prediction(), BTreeMap::new());
    for path in files.filter(|path| path.is_file()) {
        let name = path.strip_prefix(folder.path()).unwrap_or(&path).to_string_lossy().into_owned();
        hashes.insert(name, hash_of(&path).map_err(StoreError::at(&path))?);
    }
    Ok(hashes)
}

/// The weights used for prediction.
fn record(run: &Stored, trained: &Trained, manifest: &Manifest) -> PredictionRecord {
    use crate::predict::spec::Weights;
    let Some(training) = &manifest.training else { return PredictionRecord::default() };
    let (checkpoint, weights) = (trained.weights(), trained.hashes().into_iter().next());
    debug_assert_eq!(run.plan.task, trained.plan.task);
    let epoch = match checkpoint {
        Weights::Best => training.best_epoch,
        Weights::Last => Some(training.epochs),
    };
    let file = match checkpoint {
        Weights::Best => run.folder.best_weights(),
        Weights::Last => run.folder.last_weights(),
    };
    let weights_file = hash_of(&file).ok();
    PredictionRecord { weights, weights_file, checkpoint: Some(checkpoint), epoch, ..PredictionRecord::default() }
}

/// Writes `label_map.json`: which value (or mask) of the predicted files is which structure.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_label_map(run: &Stored) -> Result<(), RunError> {
    Ok(write_json(&run.prediction().label_map(), &export::label_map(&run.plan.target))?)
}

/// The manifest's record of scores just written.
fn scored(run: &Stored, dice: Option<f64>, auc: Option<f64>) -> EvaluationRecord {
    EvaluationRecord { dice, auc, structures: run.structures() }
}

/// The provenance columns of the score tables.
pub fn context(plan: &Plan) -> Context {
    let patients = plan.data.cases.iter().filter_map(|case| Some((case.name.clone(), case.patient.clone()?)));
    Context {
        experiment: plan.about.experiment.clone(),
        trial: plan.about.trial.clone(),
        fold: (plan.about.folds > 1).then_some(plan.about.fold as u32),
        seed: plan.seed(),
        dataset: plan.data.dataset.clone(),
        split: plan.about.scored.name().into(),
        selected_on: plan.selected_on_scored_cases(),
        corrected: scored_and_corrected(&plan.data),
        weights: plan.weights().into(),
        patients: patients.collect(),
        groups: plan.about.groups.clone(),
    }
}

fn stop_if_cancelled(cancel: &Cancel) -> Result<(), RunError> {
    if cancel.is_stopped() { Err(RunError::Interrupted) } else { Ok(()) }
}

/// Name of a predicted case's split in tables.
fn split(plan: &Plan, role: Role) -> &'static str {
    match role {
        Role::Test => plan.about.scored.name(),
        other => other.name(),
    }
}
