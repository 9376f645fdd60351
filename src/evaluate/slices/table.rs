//! The table of slices, as Parquet (exact) and CSV (for people).

use std::path::Path;

use polars::prelude::*;

use super::SliceRow;
use crate::evaluate::table::{self, Cells, TableError, VERSION, context_columns, text_column};

/// The rows as a frame, in the order given.
///
/// # Errors
/// [`TableError::Malformed`] if polars refuses the columns.
pub fn to_frame(rows: &[SliceRow]) -> Result<DataFrame, TableError> {
    let contexts: Vec<_> = rows.iter().map(|row| &row.context).collect();
    let mut columns = vec![Column::new("version".into(), vec![VERSION; rows.len()])];
    columns.extend(context_columns(&contexts));
    columns.push(text_column("case", rows.iter().map(|row| row.case.as_str())));
    columns.push(text_column("structure", rows.iter().map(|row| row.structure.as_str())));
    columns.push(Column::new("slice".into(), rows.iter().map(|row| row.slice).collect::<Vec<_>>()));
    columns.push(Column::new("probability".into(), rows.iter().map(|row| row.probability).collect::<Vec<_>>()));
    columns.push(Column::new("present".into(), rows.iter().map(|row| row.present).collect::<Vec<_>>()));
    DataFrame::new(rows.len(), columns).map_err(TableError::malformed)
}

/// The rows of a frame that [`to_frame`] made.
///
/// # Errors
/// [`TableError`] for a missing or mistyped column, or a null where there must be a value.
pub fn rows(frame: &DataFrame) -> Result<Vec<SliceRow>, TableError> {
    (0..frame.height())
        .map(|row| {
            let cells = Cells { frame, row };
            let slice = cells.column("slice")?.u32().map_err(TableError::malformed)?.get(row);
            Ok(SliceRow {
                context: cells.context()?,
                case: cells.text("case")?,
                structure: cells.text("structure")?,
                slice: slice.ok_or_else(|| cells.missing("slice"))?,
                probability: cells.number("probability")?.ok_or_else(|| cells.missing("probability"))?,
                present: cells.column("present")?.bool().map_err(TableError::malformed)?.get(row),
            })
        })
        .collect()
}

/// Reads the rows of a Parquet file.
///
/// # Errors
/// [`TableError`] naming the file.
pub fn read(parquet: &Path) -> Result<Vec<SliceRow>, TableError> {
    table::read_frame(parquet, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Context;

    #[test]
    fn rows_come_back_from_a_file() {
        let context = Context {
            experiment: "e".into(),
            trial: String::new(),
            fold: Some(1),
            seed: 7,
            split: "test".into(),
            selected_on: false,
        };
        let row = |slice, probability, present| SliceRow {
            context: context.clone(),
            case: "c".into(),
            structure: "any".into(),
            slice,
            probability,
            present,
        };
        let rows = vec![row(0, 0.25, Some(false)), row(1, 0.1 + 0.2, None), row(2, 1.0, Some(true))];
        let folder = tempfile::tempdir().unwrap();
        let [parquet, csv] = ["a.parquet", "a.csv"].map(|name| folder.path().join(name));
        table::write(&to_frame(&rows).unwrap(), &parquet, &csv).unwrap();
        assert_eq!(read(&parquet).unwrap(), rows);
    }
}
