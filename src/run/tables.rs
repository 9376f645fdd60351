//! The tables of a run folder.

use std::path::PathBuf;

use polars::prelude::*;

use super::error::RunError;
use super::store::RunFolder;
use crate::dataset::Target;
use crate::evaluate::{Score, Variant, cascade, table};
use crate::files;
use crate::train::{EpochRecord, Event, Validation};

/// Writes `scores.parquet` and `scores.csv`.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_scores(folder: &RunFolder, scores: &DataFrame) -> Result<(), RunError> {
    let (parquet, csv) = folder.scores();
    Ok(table::write(scores, &parquet, &csv)?)
}

/// Writes `variants.parquet` and `variants.csv`, if there are any: scores of what a run's result is compared with.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_variants(folder: &RunFolder, variants: &[(Variant, Vec<Score>)]) -> Result<(), RunError> {
    if variants.is_empty() {
        return Ok(());
    }
    let (parquet, csv) = folder.variants();
    Ok(table::write(&table::variants_frame(variants)?, &parquet, &csv)?)
}

/// Scores of what a run's result is compared with.
///
/// # Errors
/// The table is damaged.
pub fn read_variants(folder: &RunFolder) -> Result<Vec<(Variant, DataFrame)>, RunError> {
    let (parquet, _) = folder.variants();
    if !parquet.is_file() {
        return Ok(Vec::new());
    }
    Ok(table::read_variants(&parquet)?)
}

/// Writes `cascade.parquet` and `cascade.csv`, if a classifier skipped slices.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_skipped(folder: &RunFolder, rows: &[cascade::SkippedRow]) -> Result<(), RunError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (parquet, csv) = folder.cascade();
    Ok(table::write(&cascade::to_frame(rows)?, &parquet, &csv)?)
}

/// Writes `history.parquet` and `training_history.json`: one row per epoch.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_history(folder: &RunFolder, target: &Target, records: &[EpochRecord]) -> Result<(), RunError> {
    let failed = |error: PolarsError| RunError::Internal(error.to_string());
    let mut frame = history_frame(target, records).map_err(failed)?;
    let write =
        |file: &mut std::fs::File| ParquetWriter::new(file).finish(&mut frame).map(drop).map_err(std::io::Error::other);
    files::write_atomic_with(&folder.history(), write).map_err(RunError::file(folder.history()))?;
    let json = crate::report::history::to_json(&frame);
    folder.write_json(&folder.history_json(), &json).map_err(RunError::file(folder.history_json()))
}

/// Reads `history.parquet`, if it is there.
pub fn read_history(folder: &RunFolder) -> Option<DataFrame> {
    let path: PathBuf = folder.history();
    ParquetReader::new(std::fs::File::open(path).ok()?).finish().ok()
}

/// The columns that [`crate::report::history`] draws, and the seconds.
fn history_frame(target: &Target, records: &[EpochRecord]) -> PolarsResult<DataFrame> {
    let numbers = |name: &str, of: &dyn Fn(&EpochRecord) -> Option<f64>| {
        Column::new(name.into(), records.iter().map(of).collect::<Vec<_>>())
    };
    let validation = |record: &EpochRecord, of: fn(&Validation) -> &[Option<f64>]| {
        record.validation.as_ref().and_then(|scores| Validation::mean(of(scores)))
    };
    let mut columns = vec![
        Column::new("epoch".into(), records.iter().map(|record| record.epoch as u32).collect::<Vec<_>>()),
        Column::new("step".into(), records.iter().map(|record| record.step as u64).collect::<Vec<_>>()),
        numbers("loss", &|record| Some(record.loss)),
        Column::new(
            "skipped_steps".into(),
            records.iter().map(|record| record.skipped_steps as u32).collect::<Vec<_>>(),
        ),
        numbers("learning_rate", &|record| Some(record.learning_rate)),
        numbers("seconds", &|record| Some(record.seconds)),
        numbers("waited_seconds", &|record| Some(record.waited_seconds)),
        numbers("validation_dice", &|record| validation(record, |scores| &scores.dice)),
        numbers("validation_iou", &|record| validation(record, |scores| &scores.iou)),
    ];
    for (index, structure) in target.structures.iter().enumerate() {
        let dice = |record: &EpochRecord| record.validation.as_ref()?.dice.get(index).copied().flatten();
        columns.push(numbers(&format!("validation_dice.{}", structure.name), &dice));
    }
    let flags =
        |name: &str, of: fn(&EpochRecord) -> bool| Column::new(name.into(), records.iter().map(of).collect::<Vec<_>>());
    columns.push(flags("best", |record| record.best));
    columns.push(flags("stopped_early", |record| record.stopped_early));
    DataFrame::new(records.len(), columns)
}

/// Keeps `history.parquet` up to date while a training runs.
pub struct History<'a> {
    folder: &'a RunFolder,
    target: &'a Target,
    records: Vec<EpochRecord>,
    failed: Option<RunError>,
}

impl<'a> History<'a> {
    /// A history for a training that starts or goes on.
    pub fn new(folder: &'a RunFolder, target: &'a Target) -> Self {
        Self { folder, target, records: Vec::new(), failed: None }
    }

    /// Writes the table after each epoch, after those of earlier sessions.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Started { history, .. } => self.records = history.to_vec(),
            Event::Epoch(record) => {
                self.records.push((*record).clone());
                self.failed = write_history(self.folder, self.target, &self.records).err().or(self.failed.take());
            }
            _ => {}
        }
    }

    /// The first error, if a table could not be written.
    ///
    /// # Errors
    /// See [`write_history`].
    pub fn finish(self) -> Result<(), RunError> {
        self.failed.map_or(Ok(()), Err)
    }
}
