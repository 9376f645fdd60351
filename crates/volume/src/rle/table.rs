//! Tables with one run-length mask per row.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Order, decode};
use crate::ReadError;
use crate::stored::{damaged, unsupported};

/// Column names of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<'a> {
    /// Column with the image's name.
    pub image: &'a str,
    /// Column with the structure's name; `None` where the table has one structure, or one row per object.
    pub structure: Option<&'a str>,
    /// The runs.
    pub runs: &'a str,
}

impl Columns<'static> {
    /// `id,class,segmentation`, as in UW-Madison GI Tract.
    pub const BY_CLASS: Self = Self { image: "id", structure: Some("class"), runs: "segmentation" };
    /// `ImageId,EncodedPixels`, as in the Data Science Bowl 2018: one row per object.
    pub const BY_OBJECT: Self = Self { image: "ImageId", structure: None, runs: "EncodedPixels" };
}

/// Where a row begins in its file: enough to read it again without the rows before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPlace {
    /// Offset in bytes, from 0.
    pub byte: u64,
    /// The line, from 1.
    pub line: u64,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in the file.
    pub place: RowPlace,
    /// The image.
    pub image: String,
    /// The structure, where the table has a column for it.
    pub structure: Option<String>,
    /// The runs; empty where there is no mask.
    pub runs: String,
    file: PathBuf,
}

impl Row {
    /// The row's mask `[y, x]` for an image of `[height, width]` pixels.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with file, line and run.
    pub fn mask(&self, shape: [usize; 2], order: Order) -> Result<ndarray::Array2<u8>, ReadError> {
        decode(&self.runs, shape, order)
            .map_err(|error| damaged(&self.file, format!("line {}, image {}: {error}", self.place.line, self.image)))
    }
}

/// Rows of a CSV file, read one by one.
pub struct Table {
    reader: csv::Reader<File>,
    path: PathBuf,
    image: usize,
    structure: Option<usize>,
    runs: usize,
}

impl Table {
    /// Opens a table and finds its columns.
    ///
    /// # Errors
    /// [`ReadError`] with the file's name; a missing column is named together with the existing ones.
    pub fn open(path: &Path, columns: &Columns) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|source| ReadError::Open { path: path.into(), source })?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let headers = reader.headers().map_err(|error| failed(path, &error))?.clone();
        let place = |name: &str| {
            // Spreadsheet programs write a byte order mark before the first name.
            let found = headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
            found.ok_or_else(|| {
                let there: Vec<&str> = headers.iter().collect();
                unsupported(path, format!("has no column `{name}`, only {}", there.join(", ")))
            })
        };
        let (image, runs) = (place(columns.image)?, place(columns.runs)?);
        let structure = columns.structure.map(place).transpose()?;
        Ok(Self { reader, path: path.into(), image, structure, runs })
    }

    /// The row at a place that an earlier reading of the same file told.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where no row begins there any more.
    pub fn row_at(&mut self, place: RowPlace) -> Result<Row, ReadError> {
        let mut position = csv::Position::new();
        position.set_byte(place.byte).set_line(place.line);
        self.reader.seek(position).map_err(|error| failed(&self.path, &error))?;
        match self.next() {
            Some(row) => row,
            None => Err(damaged(&self.path, format!("no row begins at line {} any more", place.line))),
        }
    }

    fn row(&self, record: &csv::StringRecord) -> Row {
        let text = |column: usize| record.get(column).unwrap_or_default().to_owned();
        let place = record.position().map(|position| RowPlace { byte: position.byte(), line: position.line() });
        Row {
            place: place.unwrap_or_default(),
            image: text(self.image),
            structure: self.structure.map(text),
            runs: text(self.runs),
            file: self.path.clone(),
        }
    }
}

impl Iterator for Table {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = csv::StringRecord::new();
        match self.reader.read_record(&mut record) {
            Ok(true) => Some(Ok(self.row(&record))),
            Ok(false) => None,
            Err(error) => Some(Err(failed(&self.path, &error))),
        }
    }
}

fn failed(path: &Path, error: &csv::Error) -> ReadError {
    damaged(path, error.to_string())
}
