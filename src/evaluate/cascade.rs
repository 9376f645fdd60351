//! Slices that a cascade's classifier skips, and the structures' voxels lost in them.

use std::path::Path;

use ndarray::{ArrayView2, ArrayView3, Axis};
use polars::prelude::*;

use super::frame::{Groups, Row, column, frame, rows, stack};
use super::table::{Field, TableError, read_checked, version};
use crate::dataset::Target;

/// One structure of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRow {
    /// The case.
    pub case: String,
    /// The structure.
    pub structure: String,
    /// Slices of the image.
    pub slices: u64,
    /// Slices in which the structure was not segmented.
    pub skipped_slices: u64,
    /// Voxels of the structure in the reference.
    pub reference_voxels: u64,
    /// Reference voxels in skipped slices, which the second stage cannot find.
    pub lost_voxels: u64,
}

/// Counts of a case, from canonical reference labels `[z, y, x]` and the selected slices `[structure, z]`.
pub fn skipped(case: &str, target: &Target, labels: ArrayView3<u16>, chosen: ArrayView2<bool>) -> Vec<SkippedRow> {
    let rows = target.structures.iter().zip(chosen.outer_iter()).map(|(structure, chosen)| {
        let voxels = labels
            .axis_iter(Axis(0))
            .map(|slice| slice.iter().filter(|label| structure.values.contains(label)).count() as u64);
        let slices: Vec<(u64, bool)> = voxels.zip(chosen.iter().copied()).collect();
        let lost = slices.iter().filter(|(_, chosen)| !chosen);
        SkippedRow {
            case: case.to_owned(),
            structure: structure.name.clone(),
            slices: slices.len() as u64,
            skipped_slices: lost.clone().count() as u64,
            reference_voxels: slices.iter().map(|(voxels, _)| voxels).sum(),
            lost_voxels: lost.map(|(voxels, _)| voxels).sum(),
        }
    });
    rows.collect()
}

type Count = (&'static str, fn(&SkippedRow) -> u64);

const COUNTS: [Count; 4] = [
    ("slices", |row| row.slices),
    ("skipped_slices", |row| row.skipped_slices),
    ("reference_voxels", |row| row.reference_voxels),
    ("lost_voxels", |row| row.lost_voxels),
];

/// Fractions of sums: name, numerator, denominator.
const FRACTIONS: [(&str, &str, &str); 2] =
    [("skipped", "skipped_slices", "slices"), ("lost_recall", "lost_voxels", "reference_voxels")];

/// The rows as a table.
///
/// # Errors
/// [`TableError::Malformed`] if Polars refuses the columns.
pub fn to_frame(rows: &[SkippedRow]) -> Result<DataFrame, TableError> {
    let mut columns = vec![
        version(rows.len()),
        column("case", rows.iter().map(|row| row.case.as_str())),
        column("structure", rows.iter().map(|row| row.structure.as_str())),
    ];
    columns.extend(COUNTS.map(|(name, get)| column(name, rows.iter().map(get))));
    frame(rows.len(), columns)
}

/// Reads a table from its Parquet file.
///
/// # Errors
/// [`TableError`] naming the file if it is missing, damaged or of another version.
pub fn read(parquet: &Path) -> Result<DataFrame, TableError> {
    let mut fields = ["case", "structure"].map(|name| Field::required(name, DataType::String)).to_vec();
    fields.extend(COUNTS.map(|(name, _)| Field::required(name, DataType::UInt64)));
    read_checked(parquet, &fields)
}

/// Sums over the cases of all runs, by trial and structure: `trial`, `structure`, the counts, `skipped` (the fraction of slices
/// skipped) and `lost_recall` (the fraction of the reference in skipped slices, which the second stage cannot find). `runs` are
/// tables with the labels of their trials.
///
/// # Errors
/// [`TableError`] if a table has other columns.
pub fn sums<'a>(runs: impl IntoIterator<Item = (String, &'a DataFrame)>) -> Result<DataFrame, TableError> {
    let mut tables = vec![to_frame(&[])?];
    let mut labels = Vec::new();
    for (label, skipped) in runs {
        labels.extend(vec![label; skipped.height()]);
        tables.push(skipped.clone());
    }
    let mut all = stack(tables)?.unwrap_or_default();
    all.with_column(column("trial", labels)).map_err(TableError::malformed)?;
    let groups = Groups::by(&all, &["trial", "structure"])?;
    let mut columns = groups.keys();
    for (name, _) in COUNTS {
        columns.push(column(name, groups.sums(name)?));
    }
    let mut sums = frame(groups.count(), columns)?;
    for (name, part, whole) in FRACTIONS {
        let fraction = |row: Row| {
            let whole = row.count(whole).filter(|whole| *whole > 0)?;
            Some(row.count(part)? as f64 / whole as f64)
        };
        let fractions: Vec<Option<f64>> = rows(&sums).map(fraction).collect();
        sums.with_column(column(name, fractions)).map_err(TableError::malformed)?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, arr2};

    use super::*;
    use crate::dataset::TargetStructure;
    use crate::evaluate::table::write;

    #[test]
    fn voxels_in_skipped_slices_are_counted_and_round_trip_through_a_file() {
        let structure = |name: &str, value: u16| TargetStructure::new(name, &[value]);
        let target = Target::of(vec![structure("a", 1), structure("b", 2)]);
        let labels = Array3::from_shape_vec((3, 1, 3), vec![1, 1, 0, 2, 1, 0, 2, 2, 2]).unwrap();
        let chosen = arr2(&[[false, true, true], [true, false, true]]);
        let rows = skipped("c", &target, labels.view(), chosen.view());
        let numbers = |row: &SkippedRow| [row.slices, row.skipped_slices, row.reference_voxels, row.lost_voxels];
        assert_eq!(rows.iter().map(numbers).collect::<Vec<_>>(), [[3, 1, 3, 2], [3, 1, 4, 1]]);
        let folder = tempfile::tempdir().unwrap();
        let [parquet, csv] = ["a.parquet", "a.csv"].map(|name| folder.path().join(name));
        write(&to_frame(&rows).unwrap(), &parquet, &csv).unwrap();
        assert!(read(&parquet).unwrap().equals(&to_frame(&rows).unwrap()));
    }

    #[test]
    fn cases_are_summed_by_trial_and_structure() {
        let row = |case: &str, structure: &str, [slices, skipped_slices, reference_voxels, lost_voxels]: [u64; 4]| {
            let (case, structure) = (case.into(), structure.into());
            SkippedRow { case, structure, slices, skipped_slices, reference_voxels, lost_voxels }
        };
        let one = to_frame(&[row("x", "a", [4, 1, 10, 5]), row("x", "b", [4, 4, 0, 0])]).unwrap();
        let other = to_frame(&[row("y", "a", [6, 1, 10, 0])]).unwrap();
        let runs = [("t", &one), ("t", &other), ("u", &other)].map(|(label, table)| (label.to_owned(), table));
        let sums = sums(runs).unwrap();
        let found: Vec<_> = super::rows(&sums)
            .map(|row| (row.text("trial"), row.text("structure"), row.number("skipped"), row.number("lost_recall")))
            .collect();
        let expected =
            [("t", "a", Some(0.2), Some(0.25)), ("t", "b", Some(1.0), None), ("u", "a", Some(1.0 / 6.0), Some(0.0))];
        assert_eq!(found, expected);
        assert_eq!(super::sums([]).unwrap().height(), 0);
    }
}
