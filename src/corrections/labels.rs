//! The files of corrected labels, in a run folder that may come from anywhere.

use std::path::{Component, Path, PathBuf};

use super::{Added, Correction, CorrectionError, Known};
use crate::dataset::Target;
use crate::dataset::content::hash_of;
use crate::store::{StoreError, Stored};
use crate::volume::{self, LabelMap, Segmentation, Segments, WriteError};

/// The file of a corrected case.
pub fn file(run: &Stored, case: &str) -> PathBuf {
    run.folder.corrections().join(format!("{case}.nrrd"))
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            return refused(&entry.path());
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

/// The labels of a correction, if its file is still the one that was recorded.
///
/// # Errors
/// [`CorrectionError::Changed`]: another one was saved meanwhile; the file cannot be read.
pub fn labels_of(run: &Stored, correction: &Correction) -> Result<LabelMap, CorrectionError> {
    let path = file(run, &correction.case);
    let is_it = || match hash_of(&path) {
        Ok(hash) if hash == correction.file => Ok(()),
        Ok(_) => Err(CorrectionError::Changed("another correction of this case is being saved".into())),
        Err(source) => Err(CorrectionError::File { path: path.clone(), source }),
    };
    is_it()?;
    let labels = volume::read_label_map(&path);
    is_it()?;
    Ok(labels?)
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
