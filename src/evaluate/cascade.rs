//! What a cascade's classifier of slices cost and saved.

use std::path::Path;

use ndarray::{ArrayView2, ArrayView3, Axis};
use polars::prelude::*;
use serde::Serialize;

use super::table::{self, Cells, TableError, text_column};
use crate::dataset::Target;

/// One structure of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    /// The case.
    pub case: String,
    /// The structure.
    pub structure: String,
    /// Slices of the image.
    pub slices: u64,
    /// Those in which the structure was not looked for.
    pub skipped_slices: u64,
    /// Voxels of the structure in the reference.
    pub reference_voxels: u64,
    /// Those of them that lie in skipped slices: the second network cannot find them.
    pub lost_voxels: u64,
}

/// Counts of a case: canonical reference labels `[z, y, x]` and the slices that were looked at, `[structure, z]`.
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

/// The rows as a frame.
///
/// # Errors
/// [`TableError::Malformed`] if polars refuses the columns.
pub fn to_frame(rows: &[SkippedRow]) -> Result<DataFrame, TableError> {
    let mut columns = vec![
        text_column("case", rows.iter().map(|row| row.case.as_str())),
        text_column("structure", rows.iter().map(|row| row.structure.as_str())),
    ];
    columns.extend(COUNTS.map(|(name, get)| Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>())));
    DataFrame::new(rows.len(), columns).map_err(TableError::malformed)
}

/// Reads the rows of a Parquet file.
///
/// # Errors
/// [`TableError`] naming the file.
pub fn read(parquet: &Path) -> Result<Vec<SkippedRow>, TableError> {
    table::read_frame(parquet, |frame| {
        (0..frame.height())
            .map(|row| {
                let cells = Cells { frame, row };
                Ok(SkippedRow {
                    case: cells.text("case")?,
                    structure: cells.text("structure")?,
                    slices: cells.count("slices")?,
                    skipped_slices: cells.count("skipped_slices")?,
                    reference_voxels: cells.count("reference_voxels")?,
                    lost_voxels: cells.count("lost_voxels")?,
                })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, arr2};

    use super::*;
    use crate::dataset::TargetStructure;

    #[test]
    fn voxels_in_skipped_slices_are_counted_and_come_back_from_a_file() {
        let structure = |name: &str, value: u16| TargetStructure {
            name: name.into(),
            values: vec![value],
            value,
            members: vec![],
            color: [0; 3],
        };
        let structures = vec![structure("a", 1), structure("b", 2)];
        let target = Target { overlapping: false, independent: false, ignore: None, structures };
        let labels = Array3::from_shape_vec((3, 1, 3), vec![1, 1, 0, 2, 1, 0, 2, 2, 2]).unwrap();
        let chosen = arr2(&[[false, true, true], [true, false, true]]);
        let rows = skipped("c", &target, labels.view(), chosen.view());
        let numbers = |row: &SkippedRow| [row.slices, row.skipped_slices, row.reference_voxels, row.lost_voxels];
        assert_eq!(rows.iter().map(numbers).collect::<Vec<_>>(), [[3, 1, 3, 2], [3, 1, 4, 1]]);
        let folder = tempfile::tempdir().unwrap();
        let [parquet, csv] = ["a.parquet", "a.csv"].map(|name| folder.path().join(name));
        table::write(&to_frame(&rows).unwrap(), &parquet, &csv).unwrap();
        assert_eq!(read(&parquet).unwrap(), rows);
    }
}
