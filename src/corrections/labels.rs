//! The files of corrected labels, in a run folder that may come from anywhere.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::{Added, Correction, CorrectionError, Known};
use crate::dataset::Target;
use crate::dataset::content::hash_of;
use crate::store::{StoreError, Stored};
use crate::volume::{self, LabelMap, ReadError, Segmentation, Segments, WriteError};

/// The file of a corrected case.
pub fn file(run: &Stored, case: &str) -> PathBuf {
    run.folder.corrections().join(format!("{case}.nrrd"))
}

/// Where the labels of a case are written before they are recorded. Names of cases begin with no dot.
pub(super) fn staged(run: &Stored, case: &str) -> PathBuf {
    run.folder.corrections().join(format!(".{case}.saving.nrrd"))
}

/// The file with the labels that a correction records: the case's own, or, where a save ended between its record and its last step, the
/// staged one. `None`: neither holds them any more.
///
/// # Errors
/// A file cannot be read.
pub(super) fn current(run: &Stored, correction: &Correction) -> Result<Option<PathBuf>, CorrectionError> {
    for path in [file(run, &correction.case), staged(run, &correction.case)] {
        match hash_of(&path) {
            Ok(hash) if hash == correction.file => return Ok(Some(path)),
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(CorrectionError::File { path, source });
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The folder of a run's corrections, which holds no links.
///
/// # Errors
/// It does, or cannot be read.
pub(super) fn folder(run: &Stored) -> Result<PathBuf, StoreError> {
    let path = run.folder.corrections();
    match without_links(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(StoreError { path, source }),
    }
}

/// A run folder may come from anywhere, and a link in it may lead anywhere: labels would be written there, or read from there.
fn without_links(folder: &Path) -> std::io::Result<()> {
    let refused = |path: &Path| Err(std::io::Error::other(format!("{} is a link: remove it", path.display())));
    match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_symlink() => return refused(folder),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => return refused(&entry.path()),
            // A save moved it meanwhile.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a case's name can be that of a file: a plan may come from anywhere.
pub fn is_file_name(case: &str) -> bool {
    let mut parts = Path::new(case).components();
    let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    is_one && !case.starts_with('.') && !case.contains(['/', '\\']) && !case.contains(char::is_control)
}

/// Writes corrected labels as NRRD with a name and a colour for each value, as 3D Slicer reads them.
///
/// # Errors
/// The disk is full.
pub fn write_named(
    path: &Path,
    labels: &LabelMap,
    (known, target, added): (&Known, &Target, &[Added]),
) -> Result<(), WriteError> {
    let segments = known.segments(labels, target, added);
    let content = Segmentation::Labels(labels.clone());
    volume::nrrd::write_segments(path, &Segments { segments, content })
}

/// The labels of a correction, if a file still holds what was recorded.
///
/// # Errors
/// [`CorrectionError::Changed`]: another one was saved meanwhile, or the file was changed by hand; the file cannot be read.
pub fn labels_of(run: &Stored, correction: &Correction) -> Result<LabelMap, CorrectionError> {
    let changed = || {
        let text = "the file of the corrected labels is not the one that was saved: correct the case again, or withdraw the correction";
        CorrectionError::Changed(text.into())
    };
    loop {
        let path = current(run, correction)?.ok_or_else(changed)?;
        match volume::read_label_map(&path) {
            // A save's last step moved it to its place.
            Err(ReadError::Open { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            labels => {
                // It may have been replaced while it was read.
                current(run, correction)?.ok_or_else(changed)?;
                return Ok(labels?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_no_file_names() {
        for name in ["case_01", "p 1", "ä.b", "a..b"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "../a", "a/b", "/a", "a\\b", ".a", "a\n", "a\0"] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }
}
