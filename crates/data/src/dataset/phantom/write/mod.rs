//! Writes sets to disk, with one module per layout. A set is written completely or not at all.

mod decathlon;
mod dicom;
mod dicom_seg;
mod dicom_stl;
mod flare;
mod total_segmentator;
mod uw_madison;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::part::Part;
use super::recipe::{PhantomLayout, PhantomRecipe};
use super::stamp::{self, Stamp};
use crate::dataset::DataError;
use crate::dataset::layout::visible_entries;
use crate::volume::WriteError;
use crate::{Cancel, files};

/// A structure of a layout: name, label value and body part.
type Structure = (&'static str, u16, Part);

/// The label value of a part; 0 if no structure uses it.
fn value_of(structures: &[Structure], part: Part) -> u16 {
    structures.iter().find(|(_, _, own)| *own == part).map_or(0, |&(_, value, _)| value)
}

/// `phantom_000`, `phantom_001`, …: case names for layouts without their own convention.
fn plain_name(number: usize) -> String {
    format!("phantom_{number:03}")
}

/// Writes a set, completely or not at all. `progress` is called with the number of finished cases and the total.
///
/// # Errors
/// [`DataError::Write`] if the folder exists and is not empty, or cannot be written; [`DataError::Cancelled`].
pub fn write(
    out: &Path,
    recipe: PhantomRecipe,
    progress: &(dyn Fn(usize, usize) + Sync),
    cancel: &Cancel,
) -> Result<(), DataError> {
    if out.exists() && !visible_entries(out)?.is_empty() {
        let reason = "the folder is not empty; choose another folder or remove this one".to_owned();
        return Err(WriteError { path: out.into(), reason, environment: false }.into());
    }
    let failed = |error: std::io::Error| WriteError::io(out, &error);
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(failed)?;
    let unfinished = tempfile::Builder::new().prefix(".tmp-phantom-").tempdir_in(parent).map_err(failed)?;
    write_set(unfinished.path(), recipe, progress, cancel)?;
    make_readable(unfinished.path()).map_err(failed)?;
    if out.exists() {
        std::fs::remove_dir(out).map_err(failed)?;
    }
    std::fs::rename(unfinished.path(), out).map_err(failed)?;
    files::sync_folder(parent).map_err(failed)?;
    Ok(())
}

/// Writes every case, then the files that describe the whole set.
fn write_set(
    folder: &Path,
    recipe: PhantomRecipe,
    progress: &(dyn Fn(usize, usize) + Sync),
    cancel: &Cancel,
) -> Result<(), DataError> {
    let done = AtomicUsize::new(0);
    let case = |number: usize| -> Result<String, DataError> {
        if cancel.is_stopped() {
            return Err(DataError::Cancelled);
        }
        let rows = write_case(folder, recipe, number)?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, recipe.cases);
        Ok(rows)
    };
    let rows: Vec<String> = (0..recipe.cases).into_par_iter().map(case).collect::<Result<_, _>>()?;
    match recipe.layout {
        PhantomLayout::Decathlon => return write_json(&folder.join("dataset.json"), &decathlon::dataset_json(recipe)),
        PhantomLayout::UwMadison => write_text(&folder.join("train.csv"), &uw_madison::table(&rows))?,
        PhantomLayout::TotalSegmentator => write_text(&folder.join("meta.csv"), &total_segmentator::table(recipe))?,
        PhantomLayout::DicomStl | PhantomLayout::DicomSeg | PhantomLayout::Flare => {}
    }
    write_json(&folder.join(stamp::FILE), &Stamp::new(recipe))
}

/// Writes the files of one case. Returns its rows of the label table, empty for layouts without one.
fn write_case(folder: &Path, recipe: PhantomRecipe, number: usize) -> Result<String, DataError> {
    let scan = || super::ct(recipe, number);
    match recipe.layout {
        PhantomLayout::Decathlon => decathlon::write(folder, number, &scan())?,
        PhantomLayout::DicomStl => dicom_stl::write(folder, number, &scan())?,
        PhantomLayout::DicomSeg => dicom_seg::write(folder, number, &scan())?,
        PhantomLayout::TotalSegmentator => total_segmentator::write(folder, number, &scan())?,
        PhantomLayout::Flare => flare::write(folder, number, &scan())?,
        PhantomLayout::UwMadison => return uw_madison::write(folder, recipe, number),
    }
    Ok(String::new())
}

fn write_text(path: &Path, text: &str) -> Result<(), DataError> {
    Ok(files::write_atomic(path, text.as_bytes()).map_err(|error| WriteError::io(path, &error))?)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), DataError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| WriteError::io(path, &error.into()))?;
    Ok(files::write_atomic(path, &json).map_err(|error| WriteError::io(path, &error))?)
}

/// Temporary folders are private to the user; a dataset should not be.
#[cfg(unix)]
fn make_readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
