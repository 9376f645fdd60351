//! The history of a training: one row per epoch.

use std::io;

use polars::prelude::*;

use super::{RunFolder, StoreError, write_json};
use crate::dataset::Target;
use crate::files;
use crate::train::{EpochRecord, Event, Validation};

/// Writes `history.parquet` and `training_history.json`: one row per epoch.
///
/// # Errors
/// The disk is full or not writable.
pub fn write_history(folder: &RunFolder, target: &Target, records: &[EpochRecord]) -> Result<(), StoreError> {
    let place = folder.history();
    let frame = history_frame(target, records).map_err(io::Error::other);
    let mut frame = frame.map_err(StoreError::at(&place))?;
    let write = |file: &mut std::fs::File| ParquetWriter::new(file).finish(&mut frame).map(drop).map_err(into_io);
    files::write_atomic_with(&place, write).map_err(StoreError::at(&place))?;
    write_json(&folder.history_json(), &crate::report::history::to_json(&frame))
}

/// Reads `history.parquet`; `None` if it does not exist.
///
/// # Errors
/// The file is damaged.
pub fn read_history(folder: &RunFolder) -> Result<Option<DataFrame>, StoreError> {
    let place = folder.history();
    let file = match std::fs::File::open(&place) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::at(&place)(error)),
    };
    ParquetReader::new(file).finish().map(Some).map_err(|error| StoreError::damaged(&place, error))
}

/// Preserves the kind of an I/O error, which decides the exit code.
fn into_io(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()),
        other => io::Error::other(other.to_string()),
    }
}

/// The columns drawn by [`crate::report::history`], and the seconds per epoch.
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

/// Updates `history.parquet` during training.
pub struct History<'a> {
    folder: &'a RunFolder,
    target: &'a Target,
    records: Vec<EpochRecord>,
    failed: Option<StoreError>,
}

impl<'a> History<'a> {
    /// The history of a training that starts or resumes.
    pub fn new(folder: &'a RunFolder, target: &'a Target) -> Self {
        Self { folder, target, records: Vec::new(), failed: None }
    }

    /// Rewrites the table after each epoch, keeping the epochs of earlier sessions.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Started { history, .. } => self.records.clone_from(history),
            Event::Epoch(record) => {
                self.records.push(record.clone());
                self.failed = write_history(self.folder, self.target, &self.records).err().or(self.failed.take());
            }
            _ => {}
        }
    }

    /// The first error in writing the table, if any.
    ///
    /// # Errors
    /// See [`write_history`].
    pub fn finish(self) -> Result<(), StoreError> {
        self.failed.map_or(Ok(()), Err)
    }
}
