//! The table of scores: one row per case and structure, as Parquet (exact) and CSV (for people).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use serde::{Deserialize, Serialize};

use super::Score;
use crate::files::write_atomic_with;

/// Version of the columns below; a reader refuses others.
pub const VERSION: u32 = 1;

/// Where a score comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Name of the experiment.
    pub experiment: String,
    /// What tells this trial from the others of a sweep; the same for all its seeds and folds. Empty without a sweep.
    pub trial: String,
    /// Fold of a cross-validation.
    pub fold: Option<u32>,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the scored split, e.g. `test`.
    pub split: String,
    /// Whether this split took part in choosing the weights: its scores are then optimistic.
    pub selected_on: bool,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// Where the score comes from.
    pub context: Context,
    /// The score.
    pub score: Score,
}

/// Why a table cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is not a Parquet table, or the columns do not fit together.
    #[error("{place}: {reason}")]
    Malformed {
        /// The file, or `score table` for a table in memory.
        place: String,
        /// What does not fit.
        reason: String,
    },
    /// Written by another version of segspec.
    #[error("{place}: score table of version {found}; this segspec reads version {VERSION}: run `segspec run` again")]
    Version {
        /// The file, or `score table` for a table in memory.
        place: String,
        /// The version found.
        found: u32,
    },
}

impl TableError {
    /// Whether the disk or a permission is the reason (exit code 7), rather than the data.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::File { source, .. } if crate::files::is_environment(source))
    }

    pub(super) fn malformed(reason: impl ToString) -> Self {
        Self::Malformed { place: "score table".to_owned(), reason: reason.to_string() }
    }
}

/// The rows as a frame, sorted by context and case; within a case the structures keep the order of the target.
///
/// # Errors
/// [`TableError::Malformed`] if polars refuses the columns.
pub fn to_frame(rows: &[ScoreRow]) -> Result<DataFrame, TableError> {
    let mut rows: Vec<&ScoreRow> = rows.iter().collect();
    rows.sort_by(|a, b| (&a.context, &a.score.case).cmp(&(&b.context, &b.score.case)));
    let mut columns = vec![Column::new("version".into(), vec![VERSION; rows.len()])];
    columns.extend(context_columns(&rows.iter().map(|row| &row.context).collect::<Vec<_>>()));
    let scores: Vec<&Score> = rows.iter().map(|row| &row.score).collect();
    columns.extend(score_columns(&scores));
    DataFrame::new(rows.len(), columns).map_err(TableError::malformed)
}

/// Scores without a context as a frame, in the order given.
///
/// # Errors
/// [`TableError::Malformed`] if polars refuses the columns.
pub fn scores_frame(scores: &[&Score]) -> Result<DataFrame, TableError> {
    let mut columns = vec![Column::new("version".into(), vec![VERSION; scores.len()])];
    columns.extend(score_columns(scores));
    DataFrame::new(scores.len(), columns).map_err(TableError::malformed)
}

/// The columns that say where rows come from.
pub(super) fn context_columns(contexts: &[&Context]) -> Vec<Column> {
    let text = |name: &str, get: fn(&Context) -> &str| text_column(name, contexts.iter().map(|context| get(context)));
    vec![
        text("experiment", |context| &context.experiment),
        text("trial", |context| &context.trial),
        Column::new("fold".into(), contexts.iter().map(|context| context.fold).collect::<Vec<_>>()),
        Column::new("seed".into(), contexts.iter().map(|context| context.seed).collect::<Vec<_>>()),
        text("split", |context| &context.split),
        Column::new("selected_on".into(), contexts.iter().map(|context| context.selected_on).collect::<Vec<_>>()),
    ]
}

type Getter<T> = (&'static str, fn(&Score) -> T);

const COUNTS: [Getter<u64>; 4] = [
    ("true_positive", |score| score.true_positive),
    ("false_positive", |score| score.false_positive),
    ("false_negative", |score| score.false_negative),
    ("true_negative", |score| score.true_negative),
];

const FLAGS: [Getter<bool>; 2] =
    [("reference_empty", |score| score.reference_empty), ("prediction_empty", |score| score.prediction_empty)];

const NUMBERS: [Getter<Option<f64>>; 8] = [
    ("dice", |score| score.dice),
    ("iou", |score| score.iou),
    ("precision", |score| score.precision),
    ("recall", |score| score.recall),
    ("reference_ml", |score| score.reference_ml),
    ("prediction_ml", |score| score.prediction_ml),
    ("volume_difference_ml", |score| score.volume_difference_ml),
    ("relative_volume_difference", |score| score.relative_volume_difference),
];

fn score_columns(scores: &[&Score]) -> Vec<Column> {
    let mut columns = vec![
        text_column("case", scores.iter().map(|score| score.case.as_str())),
        text_column("structure", scores.iter().map(|score| score.structure.as_str())),
    ];
    fn column<T, V>(scores: &[&Score], (name, get): Getter<T>) -> Column
    where
        Vec<T>: AsRef<V>,
        V: ?Sized,
        Series: NamedFrom<Vec<T>, V>,
    {
        Series::new(name.into(), scores.iter().map(|score| get(score)).collect::<Vec<T>>()).into()
    }
    columns.extend(COUNTS.map(|counts| column(scores, counts)));
    columns.extend(FLAGS.map(|flags| column(scores, flags)));
    columns.extend(NUMBERS.map(|numbers| column(scores, numbers)));
    columns
}

pub(super) fn text_column<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
    Column::new(name.into(), values.collect::<Vec<_>>())
}

/// The rows of a frame that [`to_frame`] made or [`read`] read.
///
/// # Errors
/// [`TableError`] for another version, a missing or mistyped column, or a null where there must be a value.
pub fn rows(frame: &DataFrame) -> Result<Vec<ScoreRow>, TableError> {
    let version = frame.column("version").and_then(|column| column.u32()).map_err(TableError::malformed)?;
    if let Some(found) = version.iter().find(|found| *found != Some(VERSION)) {
        return Err(TableError::Version { place: "score table".to_owned(), found: found.unwrap_or(0) });
    }
    (0..frame.height()).map(|row| Cells { frame, row }.score_row()).collect()
}

/// Typed access to one row of a frame.
pub(super) struct Cells<'a> {
    pub frame: &'a DataFrame,
    pub row: usize,
}

impl<'a> Cells<'a> {
    /// Where the row comes from.
    pub fn context(&self) -> Result<Context, TableError> {
        Ok(Context {
            experiment: self.text("experiment")?,
            trial: self.text("trial")?,
            fold: self.column("fold")?.u32().map_err(TableError::malformed)?.get(self.row),
            seed: self.count("seed")?,
            split: self.text("split")?,
            selected_on: self.flag("selected_on")?,
        })
    }

    fn score_row(&self) -> Result<ScoreRow, TableError> {
        let context = self.context()?;
        let score = Score {
            case: self.text("case")?,
            structure: self.text("structure")?,
            true_positive: self.count("true_positive")?,
            false_positive: self.count("false_positive")?,
            false_negative: self.count("false_negative")?,
            true_negative: self.count("true_negative")?,
            reference_empty: self.flag("reference_empty")?,
            prediction_empty: self.flag("prediction_empty")?,
            dice: self.number("dice")?,
            iou: self.number("iou")?,
            precision: self.number("precision")?,
            recall: self.number("recall")?,
            reference_ml: self.number("reference_ml")?,
            prediction_ml: self.number("prediction_ml")?,
            volume_difference_ml: self.number("volume_difference_ml")?,
            relative_volume_difference: self.number("relative_volume_difference")?,
        };
        Ok(ScoreRow { context, score })
    }

    pub fn column(&self, name: &str) -> Result<&'a Column, TableError> {
        self.frame.column(name).map_err(TableError::malformed)
    }

    pub fn text(&self, name: &str) -> Result<String, TableError> {
        let values = self.column(name)?.str().map_err(TableError::malformed)?;
        values.get(self.row).map(str::to_owned).ok_or_else(|| self.missing(name))
    }

    pub fn count(&self, name: &str) -> Result<u64, TableError> {
        let values = self.column(name)?.u64().map_err(TableError::malformed)?;
        values.get(self.row).ok_or_else(|| self.missing(name))
    }

    fn flag(&self, name: &str) -> Result<bool, TableError> {
        let values = self.column(name)?.bool().map_err(TableError::malformed)?;
        values.get(self.row).ok_or_else(|| self.missing(name))
    }

    pub fn number(&self, name: &str) -> Result<Option<f64>, TableError> {
        Ok(self.column(name)?.f64().map_err(TableError::malformed)?.get(self.row))
    }

    pub fn missing(&self, column: &str) -> TableError {
        TableError::malformed(format!("row {}: `{column}` is empty", self.row + 1))
    }
}

/// Writes a frame as Parquet and as CSV, each whole or not at all; the same frame gives the same bytes.
///
/// # Errors
/// [`TableError::File`] where a file cannot be written.
pub fn write(frame: &DataFrame, parquet: &Path, csv: &Path) -> Result<(), TableError> {
    let mut columns = frame.clone();
    write_atomic_with(parquet, |file| ParquetWriter::new(file).finish(&mut columns).map(drop).map_err(into_io))
        .map_err(|source| TableError::File { path: parquet.to_owned(), source })?;
    write_csv(frame, csv)
}

/// Writes a frame as CSV, whole or not at all; nulls are empty.
///
/// # Errors
/// [`TableError::File`] where the file cannot be written.
pub fn write_csv(frame: &DataFrame, csv: &Path) -> Result<(), TableError> {
    let mut columns = frame.clone();
    write_atomic_with(csv, |file| CsvWriter::new(file).finish(&mut columns).map_err(into_io))
        .map_err(|source| TableError::File { path: csv.to_owned(), source })
}

/// Keeps the operating system's error kind, which decides the exit code.
fn into_io(error: PolarsError) -> io::Error {
    match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error.to_string()),
        other => io::Error::other(other.to_string()),
    }
}

/// Reads a table that [`write()`] wrote, from its Parquet file.
///
/// # Errors
/// [`TableError`] naming the file, where it is missing, damaged or of another version.
pub fn read(parquet: &Path) -> Result<DataFrame, TableError> {
    read_frame(parquet, |frame| rows(frame).map(|_| frame.clone()))
}

/// Reads a Parquet file and what it means; errors name the file.
pub(super) fn read_frame<T>(
    parquet: &Path,
    meaning: impl Fn(&DataFrame) -> Result<T, TableError>,
) -> Result<T, TableError> {
    let file = File::open(parquet).map_err(|source| TableError::File { path: parquet.to_owned(), source })?;
    let place = parquet.display().to_string();
    let frame = ParquetReader::new(file)
        .finish()
        .map_err(|error| TableError::Malformed { place: place.clone(), reason: error.to_string() })?;
    let named = |error| match error {
        TableError::Malformed { reason, .. } => TableError::Malformed { place: place.clone(), reason },
        TableError::Version { found, .. } => TableError::Version { place: place.clone(), found },
        other => other,
    };
    meaning(&frame).map_err(named)
}

#[cfg(test)]
mod tests;
