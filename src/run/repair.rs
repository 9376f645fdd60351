//! Results of a finished run that are missing or damaged. What can be made again from the rest is made again: scores and pictures from the
//! predictions, predictions from the weights, the history from the checkpoint.

use std::path::PathBuf;

use super::{checkpoint_state, panels};
use crate::dataset::Excluded;
use crate::evaluate::clicks;
use crate::evaluate::slices;
use crate::evaluate::table;
use crate::model::Task;
use crate::predict::export;
use crate::run::error::RunError;
use crate::store::history::{read_history, write_history};
use crate::store::{Manifest, Stored, read_json};

/// Files of a finished run that are missing or cannot be read.
pub(super) fn damaged(run: &Stored) -> Vec<PathBuf> {
    let place = run.evaluation();
    let mut damaged = Vec::new();
    let mut expect = |path: PathBuf, is_sound: bool| {
        if !is_sound {
            damaged.push(path);
        }
    };
    let excluded = run.prediction().excluded();
    expect(excluded.clone(), read_json::<Vec<Excluded>>(&excluded).is_ok());
    match run.plan.task {
        Task::ClassifySlices => {
            for (parquet, csv) in [run.prediction().slices(), place.slices()] {
                expect(parquet.clone(), slices::table::read(&parquet).is_ok());
                expect(csv.clone(), is_filled(&csv));
            }
        }
        Task::Segment => {
            let (parquet, csv) = place.scores();
            let scores = table::read(&parquet).and_then(|frame| table::scores(&frame));
            expect(parquet, scores.is_ok());
            expect(csv.clone(), is_filled(&csv));
            if run.plan.work.training().is_some_and(|training| training.interact.is_some()) {
                let (parquet, csv) = place.clicks();
                expect(parquet.clone(), clicks::read(&parquet).is_ok());
                expect(csv.clone(), is_filled(&csv));
            }
            let pictures = panels::read(run);
            expect(place.panels(), pictures.is_ok() && place.panels().is_file());
            for panel in pictures.unwrap_or_default() {
                expect(panel.picture.clone(), is_filled(&panel.picture));
            }
            let mut cases: Vec<String> = scores.unwrap_or_default().into_iter().map(|score| score.case).collect();
            cases.dedup();
            for file in cases.iter().map(|case| export::file(run.prediction().path(), case)) {
                expect(file.clone(), is_filled(&file));
            }
        }
    }
    if run.plan.work.training().is_some_and(|training| training.imported.is_none()) {
        expect(run.folder.history(), matches!(read_history(&run.folder), Ok(Some(_))));
    }
    damaged
}

fn is_filled(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// Forgets that the run's scores are finished, so that the next stage makes them again.
pub(super) fn forget_scores(run: &Stored, manifest: &mut Manifest) {
    if let Some(record) = manifest.predictions.get_mut(&run.ids.prediction) {
        record.evaluations.remove(&run.ids.evaluation);
    }
}

/// Writes the history of a finished training again from its checkpoint, if it is missing or damaged.
///
/// # Errors
/// The checkpoint is damaged, or the disk is full.
pub(super) fn history(run: &Stored) -> Result<(), RunError> {
    if matches!(read_history(&run.folder), Ok(Some(_))) {
        return Ok(());
    }
    match checkpoint_state(run)? {
        Some(state) => Ok(write_history(&run.folder, &run.plan.target, &state.history)?),
        None => Ok(()),
    }
}
