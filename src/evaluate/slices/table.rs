//! The table of slices, as Parquet (exact) and CSV (readable). Like a score table, it does not name its run.

use std::path::Path;

use polars::prelude::*;

use super::SliceRow;
use crate::evaluate::frame::{column, frame};
use crate::evaluate::table::{Field, TableError, read_checked, version};

/// The rows as a table, in the order given.
///
/// # Errors
/// [`TableError::Malformed`] if Polars refuses the columns.
pub fn to_frame(rows: &[SliceRow]) -> Result<DataFrame, TableError> {
    let columns = vec![
        version(rows.len()),
        column("split", rows.iter().map(|row| row.split.as_str())),
        column("case", rows.iter().map(|row| row.case.as_str())),
        column("structure", rows.iter().map(|row| row.structure.as_str())),
        column("slice", rows.iter().map(|row| row.slice)),
        column("probability", rows.iter().map(|row| row.probability)),
        column("present", rows.iter().map(|row| row.present)),
    ];
    frame(rows.len(), columns)
}

/// Reads a table of slices from its Parquet file.
///
/// # Errors
/// [`TableError`] naming the file if it is missing, damaged or of another version.
pub fn read(parquet: &Path) -> Result<DataFrame, TableError> {
    let fields = [
        Field::required("split", DataType::String),
        Field::required("case", DataType::String),
        Field::required("structure", DataType::String),
        Field::required("slice", DataType::UInt32),
        Field::required("probability", DataType::Float64),
        Field::optional("present", DataType::Boolean),
    ];
    read_checked(parquet, &fields)
}

/// Probability and truth of a structure's labelled slices, in the cases of one split.
///
/// # Errors
/// [`TableError::Malformed`] if the table is not a table of slices.
pub fn known(slices: &DataFrame, split: &str, structure: &str) -> Result<Vec<(f64, bool)>, TableError> {
    let found = || {
        let wanted = slices.column("split")?.str()?.equal(split) & slices.column("structure")?.str()?.equal(structure);
        let slices = slices.filter(&wanted)?;
        let (probability, present) = (slices.column("probability")?.f64()?, slices.column("present")?.bool()?);
        Ok(probability
            .iter()
            .zip(present.iter())
            .filter_map(|(probability, present)| probability.zip(present))
            .collect())
    };
    found().map_err(|error: PolarsError| TableError::malformed(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::frame::rows;
    use crate::evaluate::table::write;

    #[test]
    fn rows_come_back_from_a_file() {
        let row = |split: &str, slice, probability, present| SliceRow {
            split: split.into(),
            case: "c".into(),
            structure: "any".into(),
            slice,
            probability,
            present,
        };
        let written = vec![
            row("test", 0, 0.25, Some(false)),
            row("test", 1, 0.1 + 0.2, None),
            row("test", 2, 1.0, Some(true)),
            row("validation", 0, 0.5, Some(true)),
        ];
        let folder = tempfile::tempdir().unwrap();
        let [parquet, csv] = ["a.parquet", "a.csv"].map(|name| folder.path().join(name));
        write(&to_frame(&written).unwrap(), &parquet, &csv).unwrap();
        let read = read(&parquet).unwrap();
        assert_eq!(
            rows(&read).filter_map(|row| row.number("probability")).collect::<Vec<_>>(),
            [0.25, 0.1 + 0.2, 1.0, 0.5]
        );
        assert_eq!(known(&read, "test", "any").unwrap(), [(0.25, false), (1.0, true)]);
        assert_eq!(known(&read, "validation", "any").unwrap(), [(0.5, true)]);
        assert_eq!(known(&read, "test", "liver").unwrap(), []);
    }
}
