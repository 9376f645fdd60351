//! Proves that the files of a record are those that its run wrote.

use std::path::Path;

use crate::dataset::content::hash_of;
use crate::evaluate::DICE;
use crate::evaluate::summary::overall_mean;
use crate::evaluate::table;
use crate::model::Task;
use crate::predict::spec::Weights;
use crate::run::RunError;
use crate::store::{Manifest, Stored};

/// Weights and scores: what a manifest states of the run's own prediction.
///
/// # Errors
/// A file is missing, or differs from what the run wrote.
pub fn record(run: &Stored, manifest: &Manifest) -> Result<(), RunError> {
    let Some(record) = manifest.predictions.get(&run.ids.prediction) else { return Ok(()) };
    let file = match record.checkpoint {
        Some(Weights::Last) => run.folder.last_weights(),
        _ => run.folder.best_weights(),
    };
    if let Some(written) = &record.weights_file
        && hash_of(&file).map_err(RunError::file(file.clone()))? != *written
    {
        return Err(changed(run, &file));
    }
    let stated = record.evaluations.get(&run.ids.evaluation).and_then(|scores| scores.dice);
    if run.plan.task == Task::Segment {
        let scores = run.evaluation().scores().0;
        let found = overall_mean(&table::read(&scores)?, DICE)?;
        if found.map(f64::to_bits) != stated.map(f64::to_bits) {
            let text =
                format!("{}: its mean Dice is not what {} states", scores.display(), run.folder.manifest().display());
            return Err(RunError::NothingThere(text));
        }
    }
    Ok(())
}

/// The predicted files.
///
/// # Errors
/// One is missing, or differs from what the run wrote.
pub fn predictions(run: &Stored, manifest: &Manifest) -> Result<(), RunError> {
    let Some(record) = manifest.predictions.get(&run.ids.prediction) else { return Ok(()) };
    for (name, written) in &record.files {
        let path = run.prediction().path().join(name);
        if !path.is_file() {
            let text = format!("{}: missing; --predict-only makes the predictions again", path.display());
            return Err(RunError::NothingThere(text));
        }
        if hash_of(&path).map_err(RunError::file(path.clone()))? != *written {
            return Err(changed(run, &path));
        }
    }
    Ok(())
}

fn changed(run: &Stored, file: &Path) -> RunError {
    let remedy = match run.is_imported() {
        true if file == run.folder.best_weights() => {
            "delete the run folder and import the model again with `segspec import nnunet`"
        }
        true => "`segspec run-plan` makes it again once it is deleted",
        false => "run the experiment again",
    };
    let file = file.display();
    RunError::NothingThere(format!("{file}: changed since the run wrote it: put the original back, or {remedy}"))
}
