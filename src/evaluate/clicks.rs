//! Scores after clicks: how a segmentation improves while a person corrects it.

use std::path::Path;

use polars::prelude::*;

use super::frame::{Groups, column, frame, stack};
use super::table::{Field, TableError, read_checked, version};

/// Numbers of clicks after which a case is scored.
pub const COUNTS: [usize; 5] = [0, 1, 3, 5, 10];

/// Name of the mean over structures in a curve.
pub const MEAN: &str = "mean";

/// One structure of one case after some clicks.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickRow {
    /// The case.
    pub case: String,
    /// The structure.
    pub structure: String,
    /// Number of clicks, on any structure of the case.
    pub clicks: u64,
    /// Dice; `None` where undefined.
    pub dice: Option<f64>,
}

/// The rows as a table.
///
/// # Errors
/// [`TableError::Malformed`] if Polars refuses the columns.
pub fn to_frame(rows: &[ClickRow]) -> Result<DataFrame, TableError> {
    let columns = vec![
        version(rows.len()),
        column("case", rows.iter().map(|row| row.case.as_str())),
        column("structure", rows.iter().map(|row| row.structure.as_str())),
        column("clicks", rows.iter().map(|row| row.clicks)),
        column("dice", rows.iter().map(|row| row.dice)),
    ];
    frame(rows.len(), columns)
}

/// Reads a table from its Parquet file.
///
/// # Errors
/// [`TableError`] naming the file if it is missing, damaged or of another version.
pub fn read(parquet: &Path) -> Result<DataFrame, TableError> {
    let mut fields = ["case", "structure"].map(|name| Field::required(name, DataType::String)).to_vec();
    fields.push(Field::required("clicks", DataType::UInt64));
    fields.push(Field::optional("dice", DataType::Float64));
    read_checked(parquet, &fields)
}

/// The curves of trials: `trial`, `structure`, `clicks`, `dice`, the mean over the cases of all runs of a trial, and over its structures
/// under the name [`MEAN`], which comes last. `runs` are tables with the labels of their trials.
///
/// # Errors
/// [`TableError`] if a table has other columns.
pub fn curves<'a>(runs: impl IntoIterator<Item = (String, &'a DataFrame)>) -> Result<DataFrame, TableError> {
    let mut tables = vec![to_frame(&[])?];
    let mut labels = Vec::new();
    for (label, table) in runs {
        labels.extend(vec![label; table.height()]);
        tables.push(table.clone());
    }
    let mut all = stack(tables)?.unwrap_or_default();
    all.with_column(column("trial", labels)).map_err(TableError::malformed)?;
    let structures = means(&all, &["trial", "structure", "clicks"])?;
    let mut overall = means(&structures, &["trial", "clicks"])?;
    overall.with_column(column("structure", vec![MEAN; overall.height()])).map_err(TableError::malformed)?;
    let order = ["trial", "structure", "clicks", "dice"];
    let ordered = |table: DataFrame| table.select(order).map_err(TableError::malformed);
    Ok(stack([ordered(structures)?, ordered(overall)?])?.unwrap_or_default())
}

fn means(table: &DataFrame, keys: &[&str]) -> Result<DataFrame, TableError> {
    let groups = Groups::by(table, keys)?;
    let mut columns = groups.keys();
    columns.push(column("dice", groups.each("dice", super::frame::mean)?));
    frame(groups.count(), columns)
}

#[cfg(test)]
mod tests {
    use super::super::frame::rows;
    use super::*;
    use crate::evaluate::table::write;

    fn row(case: &str, structure: &str, clicks: u64, dice: Option<f64>) -> ClickRow {
        ClickRow { case: case.into(), structure: structure.into(), clicks, dice }
    }

    #[test]
    fn tables_round_trip_through_a_file() {
        let table = to_frame(&[row("x", "a", 0, Some(0.5)), row("x", "a", 1, None)]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [parquet, csv] = ["a.parquet", "a.csv"].map(|name| folder.path().join(name));
        write(&table, &parquet, &csv).unwrap();
        assert!(read(&parquet).unwrap().equals_missing(&table));
    }

    #[test]
    fn curves_are_means_over_cases_and_then_over_structures() {
        let one = [row("x", "a", 0, Some(0.5)), row("x", "b", 0, Some(0.9)), row("x", "a", 1, Some(0.75))];
        let other = [row("y", "a", 0, Some(0.25)), row("y", "b", 0, None)];
        let tables = [to_frame(&one).unwrap(), to_frame(&other).unwrap()];
        let curves = curves(tables.iter().map(|table| ("t".to_owned(), table))).unwrap();
        let found: Vec<_> =
            rows(&curves).map(|row| (row.text("structure"), row.count("clicks"), row.number("dice"))).collect();
        let mean = (0.375 + 0.9) / 2.0;
        let expected = [
            ("a", Some(0), Some(0.375)),
            ("b", Some(0), Some(0.9)),
            ("a", Some(1), Some(0.75)),
            (MEAN, Some(0), Some(mean)),
            (MEAN, Some(1), Some(0.75)),
        ];
        assert_eq!(found, expected);
        assert_eq!(super::curves([]).unwrap().height(), 0);
    }
}
