//! Which cases of a proposal can be used: all are looked at, as many as time allows are read whole.

use std::path::Path;

use rayon::prelude::*;

use crate::Cancel;
use crate::dataset::check::{check_case, each_case};
use crate::dataset::read::GRID_TOLERANCE;
use crate::dataset::{Case, DataError, Dataset, Excluded, Label};
use crate::volume::{Format, Header, Lattice, ReadError, read_header};

/// Bytes of files that are read whole; the headers of all others.
const READ_WHOLE: u64 = 512 << 20;

/// The cases that can be used, and the others with the reason.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Cases that can be used.
    pub cases: Vec<Case>,
    /// Cases that cannot.
    pub unusable: Vec<Excluded>,
    /// How many of the usable ones were told by their headers only.
    pub by_header: usize,
}

/// Sorts out cases with a file that does not even begin like an image.
pub(super) fn readable(cases: Vec<Case>) -> Looked {
    let reasons: Vec<Option<String>> = cases.par_iter().map(unreadable).collect();
    let mut looked = Looked::default();
    cases.into_iter().zip(reasons).for_each(|(case, reason)| looked.add(case, reason));
    looked
}

/// Reads cases as a run would, up to [`READ_WHOLE`]; of the others, the headers.
///
/// # Errors
/// [`DataError`] that is no property of a case.
pub(super) fn examine(cases: Vec<Case>, dataset: &Dataset) -> Result<Looked, DataError> {
    let mut bytes = 0;
    let whole = cases.iter().take_while(|case| {
        bytes += size(case);
        bytes <= READ_WHOLE
    });
    let count = whole.count();
    let mut reasons = each_case(&cases[..count], &Cancel::new(), |case| match check_case(case, dataset) {
        Ok(row) => Ok(row.excluded),
        // Another machine has the memory.
        Err(DataError::Memory { .. }) => Ok(None),
        Err(error) => Err(error),
    })?;
    let rest: Vec<Option<String>> = cases[count..].par_iter().map(|case| other_grid(case, dataset)).collect();
    let by_header = rest.iter().filter(|reason| reason.is_none()).count();
    reasons.extend(rest);
    let mut looked = Looked { by_header, ..Looked::default() };
    cases.into_iter().zip(reasons).for_each(|(case, reason)| looked.add(case, reason));
    Ok(looked)
}

impl Looked {
    fn add(&mut self, case: Case, reason: Option<String>) {
        match reason {
            None => self.cases.push(case),
            Some(reason) => self.unusable.push(Excluded { case: case.name, reason }),
        }
    }
}

/// Bytes of a case's files.
fn size(case: &Case) -> u64 {
    let files = case.files().unwrap_or_default();
    files.iter().filter_map(|(_, path)| std::fs::metadata(path).ok()).map(|found| found.len()).sum()
}

/// The header of a file of voxels; `None` for folders, and for formats that state their grid elsewhere.
fn header(path: &Path) -> Result<Option<Header>, ReadError> {
    if !path.is_file() {
        return Ok(None);
    }
    match Format::of(path)? {
        Format::Nifti | Format::Nrrd | Format::Picture => read_header(path).map(Some),
        _ => Ok(None),
    }
}

fn unreadable(case: &Case) -> Option<String> {
    let label = match &case.label {
        Some(Label::Map(path)) => Some(path),
        _ => None,
    };
    let failed = |path| match header(path) {
        Err(ReadError::Memory { .. }) | Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    case.images.iter().chain(label).find_map(|path| failed(path))
}

/// Says so if image and label lie on different grids, as far as their headers tell.
pub(super) fn other_grid(case: &Case, dataset: &Dataset) -> Option<String> {
    let Some(Label::Map(path)) = case.label.as_ref().filter(|_| !dataset.labels.resample_labels) else { return None };
    let (image, label) = (header(case.images.first()?).ok()??.geometry, header(path).ok()??.geometry);
    let difference = image.same_grid(&label, GRID_TOLERANCE).err()?;
    let fits = |lattice: Lattice| lattice.is_part() || lattice.contains();
    match Lattice::of(&label, &image, Lattice::tolerance(&image, GRID_TOLERANCE)).is_some_and(fits) {
        true => None,
        false => Some(format!("{}: image and label are on different grids: {difference}", path.display())),
    }
}
