//! Computes a recorded run again, beside the record.

use std::fs;
use std::path::{Path, PathBuf};

use super::locate::Located;
use super::pack::needed;
use super::record::Record;
use crate::observe::Outcome;
use crate::plan::RunIds;
use crate::run::{RunError, Setting, one};
use crate::store::{Manifest, Stored};

/// Which stages are computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stages {
    /// Training, prediction and scores.
    #[default]
    All,
    /// Prediction and scores, by the recorded weights.
    Prediction,
    /// Scores of the recorded predictions.
    Scores,
}

/// Computes a run again below `root`, with the runs that it depends on; what an interrupted call did is kept.
///
/// # Errors
/// Those of the run, and [`RunError::Needs`] for a run that it depends on and that is not on record.
pub fn again(
    record: &Record,
    data: &Located,
    root: &Path,
    stages: Stages,
    setting: &Setting,
) -> Result<Stored, RunError> {
    for ids in needed(&record.plan) {
        let missing = || RunError::Needs { run: ids.training.clone() };
        let beside = record.folder.as_ref().and_then(|folder| sibling(folder, ids)).ok_or_else(missing)?;
        again(&Record::of_folder(&beside)?, data, root, stages, setting)?;
    }
    let run = Stored::new(root, data.plan(&record.plan));
    // What was trained elsewhere can only predict again.
    let is_imported = record.plan.work.training().is_some_and(|training| training.imported.is_some());
    let stages = if is_imported && stages == Stages::All { Stages::Prediction } else { stages };
    if stages != Stages::All {
        take_over(record, &run, stages)?;
    }
    let setting = Setting { data_root: None, ..setting.clone() };
    match one::run(&run, &setting, [1, 1]) {
        Outcome::Finished | Outcome::Skipped => Ok(run),
        Outcome::Stopped => Err(RunError::Interrupted),
        Outcome::Failed { reason, .. } => Err(RunError::NothingThere(reason)),
        outcome => Err(RunError::NothingThere(outcome.words())),
    }
}

fn sibling(folder: &Path, ids: &RunIds) -> Option<PathBuf> {
    let path = folder.with_file_name(&ids.training);
    path.is_dir().then_some(path)
}

/// Copies the recorded weights, and for scores alone the predictions, so that what follows is computed again.
fn take_over(record: &Record, run: &Stored, stages: Stages) -> Result<(), RunError> {
    let (Some(folder), Some(manifest)) = (&record.folder, &record.manifest) else { return Ok(()) };
    if run.folder.manifest().exists() {
        // An earlier call has done it.
        return Ok(());
    }
    let recorded = crate::store::RunFolder::at(folder);
    copy(&recorded.checkpoints(), &run.folder.checkpoints())?;
    let mut new =
        Manifest { training: manifest.training.clone(), ..Manifest::new(&run.id(), &manifest.device, manifest.seed) };
    for file in [recorded.history(), recorded.history_json(), recorded.pretrained()] {
        if let Some(name) = file.file_name().filter(|_| file.is_file()) {
            let target = run.folder.path().join(name);
            fs::copy(&file, &target).map_err(RunError::file(target.clone()))?;
        }
    }
    if stages == Stages::Scores {
        let place = recorded.prediction(&run.ids.prediction);
        copy(place.path(), run.prediction().path())?;
        let evaluation = run.evaluation();
        if evaluation.path().is_dir() {
            fs::remove_dir_all(evaluation.path()).map_err(RunError::file(evaluation.path().into()))?;
        }
        let known = manifest.predictions.get(&run.ids.prediction).cloned();
        let known = known.map(|known| crate::store::PredictionRecord { evaluations: Default::default(), ..known });
        new.predictions.extend(known.map(|known| (run.ids.prediction.clone(), known)));
    }
    Ok(run.folder.write_manifest(&new)?)
}

fn copy(from: &Path, to: &Path) -> Result<(), RunError> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).map_err(RunError::file(to.into()))?;
    for entry in fs::read_dir(from).map_err(RunError::file(from.into()))?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(RunError::file(target.clone()))?;
        }
    }
    Ok(())
}
