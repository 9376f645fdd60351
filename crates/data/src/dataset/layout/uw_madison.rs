//! UW-Madison GI Tract Image Segmentation (Kaggle 2022): 16-bit PNG slices in `caseX/caseX_dayY/scans` with size and spacing
//! in the file name (`slice_0001_266_266_1.50_1.50.png`), and a table of run-length masks with one ID per slice
//! (`case123_day20_slice_0001`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Found, visible_entries};
use crate::counted;
use crate::dataset::label::Runs;
use crate::dataset::{Case, DataError, Dataset, Label, read};
use crate::volume::rle::{Columns, RowPlace, Table};

/// Name of the folders with slices.
const SCANS: &str = "scans";

/// Spacing between slices, and `[height, width]` in a slice if the file names do not state it.
type SpacingMm = (f64, Option<[f64; 2]>);

/// Rows with a mask: slice ID → value of the structure and position of the row.
type Rows = BTreeMap<String, Vec<(u16, RowPlace)>>;

pub(super) fn list(root: &Path, spec: &Dataset, table: &str, spacing: SpacingMm) -> Result<Found, DataError> {
    let table = root.join(table);
    let mut rows = rows(&table, spec)?;
    let mut found = Found::default();
    for (name, folder) in scans(root)? {
        match case(&name, folder, &table, spacing, &mut rows) {
            Ok(case) => found.cases.push(case),
            Err(reason) => found.exclude(&name, reason),
        }
    }
    let mut orphans: BTreeMap<String, usize> = BTreeMap::new();
    for id in rows.keys() {
        *orphans.entry(id.split("_slice_").next().unwrap_or(id).to_owned()).or_default() += 1;
    }
    for (name, count) in orphans {
        let place = found.excluded.iter().any(|row| row.case == name);
        if !place {
            let what = format!("the table has masks for {} without an image file", counted(count, "slice"));
            found.cases.retain(|case| case.name != name);
            found.exclude(&name, what);
        }
    }
    Ok(found)
}

/// Non-empty rows of known structures.
fn rows(path: &Path, spec: &Dataset) -> Result<Rows, DataError> {
    let wrong = |error: crate::volume::ReadError| DataError::Layout { reason: error.to_string() };
    let mut rows = Rows::new();
    for row in Table::open(path, &Columns::BY_CLASS).map_err(wrong)? {
        let row = row.map_err(wrong)?;
        let class = row.structure.as_deref().unwrap_or_default();
        let place = spec.structures.iter().position(|structure| structure.name == class);
        if let (Some(index), false) = (place, row.runs.is_empty()) {
            rows.entry(row.image.clone()).or_default().push((spec.mask_value(index), row.place));
        }
    }
    Ok(rows)
}

/// Name and `scans` folder of every day of every case, at any depth.
fn scans(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let mut found = Vec::new();
    for entry in visible_entries(folder)? {
        let path = folder.join(&entry);
        if !path.is_dir() {
            continue;
        }
        if entry == SCANS {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, path));
        } else {
            found.extend(scans(&path)?);
        }
    }
    Ok(found)
}

/// The case of one day: its slices and their rows, which are removed from `rows`.
fn case(name: &str, folder: PathBuf, table: &Path, spacing: SpacingMm, rows: &mut Rows) -> Result<Case, String> {
    let files = read::pictures(&folder).map_err(|error| error.to_string())?;
    let slices: Result<Vec<Slice>, String> = files.iter().map(|file| Slice::of(file, spacing.1)).collect();
    let slices = slices?;
    let first = slices.first().ok_or_else(|| format!("no slices in {}", folder.display()))?;
    for (index, slice) in slices.iter().enumerate() {
        if slice.number != first.number + index {
            return Err(format!("slice {:04} is missing in {}", first.number + index, folder.display()));
        }
        if slice.spacing_mm != first.spacing_mm {
            return Err(format!("{}: spacing differs from the first slice", files[index].display()));
        }
    }
    let ids = slices.iter().map(|slice| format!("{name}_slice_{:04}", slice.number));
    let slices: Vec<_> = ids.map(|id| rows.remove(&id).unwrap_or_default()).collect();
    let label = Label::Runs(Runs { table: table.into(), slices });
    let [x, y] = first.spacing_mm;
    let mut case = Case::new(name, vec![folder], Some(label));
    case.stack_spacing_mm = Some([spacing.0, y, x]);
    Ok(case)
}

/// Slice number and spacing from the file name; the size is read from the image.
struct Slice {
    number: usize,
    /// Along a row and between rows.
    spacing_mm: [f64; 2],
}

impl Slice {
    fn of(file: &Path, stated: Option<[f64; 2]>) -> Result<Self, String> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let parts: Vec<&str> = stem.split('_').collect();
        let number = |index: usize| parts.get(index).and_then(|text| text.parse::<f64>().ok()).filter(|n| *n > 0.0);
        let slice = parts.get(1).and_then(|text| text.parse::<usize>().ok());
        let [x, y] = match stated {
            Some([y, x]) if number(4).is_none() || number(5).is_none() => [Some(x), Some(y)],
            _ => [number(4), number(5)],
        };
        match (parts.first(), slice, x, y) {
            (Some(&"slice"), Some(slice), Some(x), Some(y)) => Ok(Self { number: slice, spacing_mm: [x, y] }),
            _ => Err(format!(
                "{}: the file name is not slice_NUMBER_WIDTH_HEIGHT_SPACING_SPACING; state the spacing as \
                 `layout.uw-madison.pixel-spacing-mm`",
                file.display()
            )),
        }
    }
}
