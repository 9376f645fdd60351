//! The table of scores: one row per case and structure, as Parquet (exact) and CSV (readable).
//!
//! A stored table holds only what scoring knows. The run knows its experiment, trial, fold and seed, which are joined when the scores of
//! several runs are collected ([`super::trials`]).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::frame::{Row, column, frame, rows, stack};
use super::metric::{LengthUnit, METRICS, MetricId};
use super::shape::Components;
use super::{Overlap, Score, Variant};
use crate::counted;
use crate::files::write_atomic_with;

/// Version of the stored tables' columns; readers reject others.
pub const VERSION: u32 = 3;

/// Why a table cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file could not be read or written.
    #[error("{path}: {}", crate::files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is not a Parquet table, or the columns do not fit together.
    #[error(
        "{place}: damaged table ({reason}); if it belongs to a run, running its experiment again, or `segspec run-plan` of its folder, makes it again"
    )]
    Malformed {
        /// The file, or `table` for a table in memory.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Written by another version of segspec.
    #[error("{place}: table of version {found}; this segspec reads version {VERSION}: run `segspec run` again")]
    Version {
        /// The file, or `table` for a table in memory.
        place: String,
        /// The version found.
        found: u32,
    },
}

impl TableError {
    /// Whether the disk or a permission is the cause (exit code 7), rather than the data.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::File { source, .. } if crate::files::is_environment(source))
    }

    pub(crate) fn malformed(reason: impl ToString) -> Self {
        Self::Malformed { place: "table".to_owned(), reason: reason.to_string() }
    }

    /// The same error, naming the file.
    fn in_file(self, path: &Path) -> Self {
        let place = path.display().to_string();
        match self {
            Self::Malformed { reason, .. } => Self::Malformed { place, reason },
            Self::Version { found, .. } => Self::Version { place, found },
            other => other,
        }
    }
}

type Getter<T> = (&'static str, fn(&Score) -> T);

const NAMES: [&str; 2] = ["case", "structure"];

const COUNTS: [Getter<u64>; 4] = [
    ("true_positive", |score| score.counts.true_positive),
    ("false_positive", |score| score.counts.false_positive),
    ("false_negative", |score| score.counts.false_negative),
    ("true_negative", |score| score.counts.true_negative),
];

const FLAGS: [Getter<bool>; 2] =
    [("reference_empty", Score::reference_empty), ("prediction_empty", Score::prediction_empty)];

const VOLUMES: [Getter<Option<f64>>; 2] =
    [("reference_ml", |score| score.reference_ml), ("prediction_ml", |score| score.prediction_ml)];

/// Connected components; correspondence only of structures with instances.
const COMPONENTS: [Getter<Option<u64>>; 3] = [
    ("reference_components", |score| Some(score.components?.reference)),
    ("prediction_components", |score| Some(score.components?.prediction)),
    ("detected_components", |score| score.components?.detected),
];

/// Column with the unit of distances.
const UNIT: &str = "distance_unit";

/// Column of [`variants_frame`] with the variant of a row.
const VARIANT: &str = "variant";

/// The columns of a score table except its version, in order.
pub fn columns() -> Vec<&'static str> {
    fields().into_iter().map(|field| field.name).collect()
}

fn fields() -> Vec<Field> {
    let mut fields = NAMES.map(|name| Field::required(name, DataType::String)).to_vec();
    fields.extend(COUNTS.map(|(name, _)| Field::required(name, DataType::UInt64)));
    fields.extend(FLAGS.map(|(name, _)| Field::required(name, DataType::Boolean)));
    fields.extend(VOLUMES.map(|(name, _)| Field::optional(name, DataType::Float64)));
    fields.extend(COMPONENTS.map(|(name, _)| Field::optional(name, DataType::UInt64)));
    fields.push(Field::optional(UNIT, DataType::String));
    fields.extend(MetricId::all().map(|metric| Field::optional(metric.column, DataType::Float64)));
    fields
}

/// Scores as a table, sorted by case; within a case the structures keep their order, which is the target's.
///
/// # Errors
/// [`TableError::Malformed`] if Polars refuses the columns.
pub fn to_frame(scores: &[Score]) -> Result<DataFrame, TableError> {
    let mut scores: Vec<&Score> = scores.iter().collect();
    scores.sort_by(|a, b| a.case.cmp(&b.case));
    let all = || scores.iter().copied();
    let mut columns = vec![version(scores.len())];
    columns.push(column("case", all().map(|score| score.case.as_str())));
    columns.push(column("structure", all().map(|score| score.structure.as_str())));
    columns.extend(COUNTS.map(|(name, get)| column(name, all().map(get))));
    columns.extend(FLAGS.map(|(name, get)| column(name, all().map(get))));
    columns.extend(VOLUMES.map(|(name, get)| column(name, all().map(get))));
    columns.extend(COMPONENTS.map(|(name, get)| column(name, all().map(get))));
    columns.push(column(UNIT, all().map(|score| score.distance_unit.map(LengthUnit::name))));
    columns.extend(MetricId::all().map(|metric| column(metric.column, all().map(|score| score[metric]))));
    frame(scores.len(), columns)
}

/// The scores of a table, in the order of its rows.
///
/// # Errors
/// [`TableError`] for another version, a missing or mistyped column, or an empty cell in a required column.
pub fn scores(frame: &DataFrame) -> Result<Vec<Score>, TableError> {
    check(frame, &fields())?;
    let score = |row: Row| {
        let count = |(name, _)| row.count(name).unwrap_or_default();
        let [true_positive, false_positive, false_negative, true_negative] = COUNTS.map(count);
        let [reference_ml, prediction_ml] = VOLUMES.map(|(name, _)| row.number(name));
        let [reference, prediction, detected] = COMPONENTS.map(|(name, _)| row.count(name));
        let mut values = [None; METRICS.len()];
        MetricId::all().for_each(|metric| values[metric.place()] = row.number(metric.column));
        Score {
            case: row.text("case").to_owned(),
            structure: row.text("structure").to_owned(),
            counts: Overlap { true_positive, false_positive, false_negative, true_negative },
            reference_ml,
            prediction_ml,
            components: reference.zip(prediction).map(|(reference, prediction)| Components {
                reference,
                prediction,
                detected,
            }),
            distance_unit: LengthUnit::of(row.text(UNIT)),
            values,
        }
    };
    Ok(rows(frame).map(score).collect())
}

/// Scores of the variants that a run's result is compared with, in one table: as [`to_frame`], with the variant (as JSON) in a column.
///
/// # Errors
/// As [`to_frame`].
pub fn variants_frame(variants: &[(Variant, Vec<Score>)]) -> Result<DataFrame, TableError> {
    let mut frames = Vec::new();
    for (variant, scores) in variants {
        let mut frame = to_frame(scores)?;
        let text = serde_json::to_string(variant).map_err(TableError::malformed)?;
        frame.with_column(column(VARIANT, vec![text; scores.len()])).map_err(TableError::malformed)?;
        frames.push(frame);
    }
    stack(frames)?.map_or_else(|| to_frame(&[]), Ok)
}

/// Reads the score tables from a file of [`variants_frame`], each with its variant.
///
/// # Errors
/// [`TableError`] naming the file.
pub fn read_variants(parquet: &Path) -> Result<Vec<(Variant, DataFrame)>, TableError> {
    let fields = [fields(), vec![Field::required(VARIANT, DataType::String)]].concat();
    let frame = read_checked(parquet, &fields)?;
    let mut variants: Vec<(Variant, DataFrame)> = Vec::new();
    let texts = frame.column(VARIANT).and_then(|column| column.str()).map_err(TableError::malformed)?;
    let mut known: Vec<&str> = Vec::new();
    for text in texts.iter().flatten() {
        if !known.contains(&text) {
            known.push(text);
            let malformed = |error: serde_json::Error| TableError::malformed(error).in_file(parquet);
            let scores = frame.filter(&texts.equal(text)).map_err(TableError::malformed)?;
            variants.push((serde_json::from_str(text).map_err(malformed)?, scores));
        }
    }
    Ok(variants)
}

/// Reads a table of scores that [`write()`] wrote, from its Parquet file.
///
/// # Errors
/// [`TableError`] naming the file if it is missing, damaged or of another version.
pub fn read(parquet: &Path) -> Result<DataFrame, TableError> {
    read_checked(parquet, &fields())
}

/// Checks that a table in memory is a score table.
///
/// # Errors
/// [`TableError`] for another version, a missing or mistyped column, or an empty cell in a required column.
pub fn check_scores(frame: &DataFrame) -> Result<(), TableError> {
    check(frame, &fields())
}

/// Gives the structures of a table of scores, slices or skipped slices their current names, listed in the order of the target: names
/// may have changed since the table was written, but not their order.
///
/// # Errors
/// [`TableError::Malformed`] if the table has another number of structures.
pub fn rename_structures(frame: &DataFrame, names: &[&str]) -> Result<DataFrame, TableError> {
    let old = frame.column("structure").and_then(|column| column.str()).map_err(TableError::malformed)?;
    let mut known: Vec<&str> = Vec::new();
    for name in old.iter().flatten() {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    if known.is_empty() || known == names {
        return Ok(frame.clone());
    }
    if known.len() != names.len() {
        let reason = format!("{}, the target has {}", counted(known.len(), "structure"), names.len());
        return Err(TableError::malformed(reason));
    }
    let place = |name: &str| known.iter().position(|known| *known == name);
    let new: Vec<Option<&str>> = old.iter().map(|name| place(name?).map(|place| names[place])).collect();
    let mut renamed = frame.clone();
    renamed.with_column(column("structure", new)).map_err(TableError::malformed)?;
    Ok(renamed)
}

/// A column of a stored table.
#[derive(Clone)]
pub(super) struct Field {
    name: &'static str,
    dtype: DataType,
    may_be_empty: bool,
}

impl Field {
    /// A column that has a value in every row.
    pub fn required(name: &'static str, dtype: DataType) -> Self {
        Self { name, dtype, may_be_empty: false }
    }

    /// A column whose values may be undefined.
    pub fn optional(name: &'static str, dtype: DataType) -> Self {
        Self { name, dtype, may_be_empty: true }
    }
}

/// The first column of every stored table.
pub(super) fn version(height: usize) -> Column {
    column("version", vec![VERSION; height])
}

/// Rejects a table of another version or with other columns.
fn check(frame: &DataFrame, fields: &[Field]) -> Result<(), TableError> {
    let version = frame.column("version").and_then(|column| column.u32()).map_err(TableError::malformed)?;
    if let Some(found) = version.iter().find(|found| *found != Some(VERSION)) {
        return Err(TableError::Version { place: "table".to_owned(), found: found.unwrap_or(0) });
    }
    for Field { name, dtype, may_be_empty } in fields {
        let Ok(column) = frame.column(name) else {
            // Tables written before a metric was added.
            let reason = format!("column `{name}` is missing: run `segspec run` again");
            return Err(TableError::malformed(reason));
        };
        if column.dtype() != dtype {
            let reason = format!("column `{name}` has type {}, expected {dtype}", column.dtype());
            return Err(TableError::malformed(reason));
        }
        if !may_be_empty && let Some(row) = column.is_null().iter().position(|is_null| is_null == Some(true)) {
            return Err(TableError::malformed(format!("row {}: `{name}` is empty", row + 1)));
        }
    }
    Ok(())
}

/// Reads a Parquet file and checks its version and columns; errors name the file.
pub(super) fn read_checked(parquet: &Path, fields: &[Field]) -> Result<DataFrame, TableError> {
    let file = File::open(parquet).map_err(|source| TableError::File { path: parquet.to_owned(), source })?;
    let frame = ParquetReader::new(file).finish().map_err(|error| TableError::malformed(error).in_file(parquet))?;
    check(&frame, fields).map_err(|error| error.in_file(parquet))?;
    Ok(frame)
}

/// Reads any table, whatever its columns.
///
/// # Errors
/// The file cannot be read, or is no Parquet file.
pub fn read_any(parquet: &Path) -> Result<DataFrame, TableError> {
    read_checked(parquet, &[])
}

/// Writes a table as Parquet and as CSV, each atomically; equal tables give equal bytes.
///
/// # Errors
/// [`TableError::File`] if a file cannot be written.
pub fn write(frame: &DataFrame, parquet: &Path, csv: &Path) -> Result<(), TableError> {
    let mut columns = frame.clone();
    write_atomic_with(parquet, |file| ParquetWriter::new(file).finish(&mut columns).map(drop).map_err(into_io))
        .map_err(|source| TableError::File { path: parquet.to_owned(), source })?;
    write_csv(frame, csv)
}

/// Writes a table as CSV, atomically; nulls are empty.
///
/// # Errors
/// [`TableError::File`] if the file cannot be written.
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

#[cfg(test)]
mod tests;
