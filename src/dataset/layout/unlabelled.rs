//! Images without labels, to be segmented: one file, or every NIfTI file of a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::nnunet::channel_of;
use super::{Found, nifti_files, nifti_stem};
use crate::dataset::{Case, DataError, Excluded};

/// Lists the cases below `path` for a network of `channels` input channels: usable ones, and files that make no case.
///
/// Files are read as channels of one case where every name ends in a channel, as nnU-Net writes them (`CASE_0000.nii.gz`,
/// `CASE_0001.nii.gz`); otherwise each file is a case with all its channels. A single file whose name ends in `_0000`
/// brings its further channels along.
///
/// # Errors
/// [`DataError::Unreadable`] where the path is missing, no NIfTI file, or a folder that cannot be listed.
pub fn unlabelled(path: &Path, channels: usize) -> Result<(Vec<Case>, Vec<Excluded>), DataError> {
    let (folder, files) = files(path, channels)?;
    let split = !files.is_empty() && files.iter().all(|(stem, _)| is_channel(stem, channels));
    let mut found = if split { by_channel(&folder, &files, channels) } else { by_file(&folder, &files) };
    found.cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((found.cases, found.excluded))
}

/// The folder, and stem and name of every file that takes part.
fn files(path: &Path, channels: usize) -> Result<(PathBuf, Vec<(String, String)>), DataError> {
    if path.is_dir() {
        return Ok((path.to_path_buf(), nifti_files(path)?));
    }
    let unreadable = |kind, text: &str| {
        Err(DataError::Unreadable { path: path.into(), source: std::io::Error::new(kind, text.to_owned()) })
    };
    if !path.exists() {
        return unreadable(std::io::ErrorKind::NotFound, "no such file or folder");
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(stem) = nifti_stem(&name) else {
        return unreadable(std::io::ErrorKind::InvalidInput, "not a NIfTI file (.nii or .nii.gz)");
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let one = vec![(stem.to_owned(), name.clone())];
    let Some((case, 0)) = channel_of(stem).filter(|_| channels > 1) else { return Ok((folder, one)) };
    let beside = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let of_case = |(stem, _): &(String, String)| channel_of(stem).is_some_and(|(other, _)| other == case);
    let all: Vec<_> = nifti_files(beside)?.into_iter().filter(of_case).collect();
    Ok((folder, all))
}

/// A network of one channel reads `CASE_0000` alone: other numbers belong to the case's name.
fn is_channel(stem: &str, channels: usize) -> bool {
    channel_of(stem).is_some_and(|(_, channel)| channels > 1 || channel == 0)
}

fn by_file(folder: &Path, files: &[(String, String)]) -> Found {
    let mut found = Found::default();
    for (stem, file) in files {
        match found.cases.iter().any(|case| case.name == *stem) {
            true => found.exclude(stem, format!("{file}: another file has the same name, compressed or not")),
            false => found.cases.push(case(stem, vec![folder.join(file)])),
        }
    }
    found
}

fn by_channel(folder: &Path, files: &[(String, String)], channels: usize) -> Found {
    let mut cases: BTreeMap<&str, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for (stem, file) in files {
        if let Some((case, channel)) = channel_of(stem) {
            cases.entry(case).or_default().insert(channel, folder.join(file));
        }
    }
    let mut found = Found::default();
    for (name, images) in cases {
        let missing = (0..channels).find(|channel| !images.contains_key(channel));
        match (missing, images.len() > channels) {
            (Some(missing), _) => found.exclude(name, format!("{name}_{missing:04}.nii.gz is missing")),
            (None, true) => {
                found.exclude(name, format!("{} channel files, the network takes {channels}", images.len()));
            }
            (None, false) => found.cases.push(case(name, images.into_values().collect())),
        }
    }
    found
}

fn case(name: &str, images: Vec<PathBuf>) -> Case {
    Case { name: name.to_owned(), images, label: None, resample_label: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| std::fs::write(folder.path().join(file), b"").unwrap());
        folder
    }

    fn names(cases: &[Case]) -> Vec<(&str, usize)> {
        cases.iter().map(|case| (case.name.as_str(), case.images.len())).collect()
    }

    #[test]
    fn files_are_cases_or_channels() {
        let plain = folder(&["b.nii", "a.nii.gz", "notes.txt", ".hidden.nii"]);
        let (cases, excluded) = unlabelled(plain.path(), 1).unwrap();
        assert_eq!((names(&cases), excluded.len()), (vec![("a", 1), ("b", 1)], 0));
        let raw = folder(&["a_0000.nii.gz", "a_0001.nii.gz", "b_0000.nii.gz"]);
        let (cases, excluded) = unlabelled(raw.path(), 2).unwrap();
        assert_eq!(names(&cases), [("a", 2)]);
        assert_eq!(excluded[0].reason, "b_0001.nii.gz is missing");
        let (cases, _) = unlabelled(&raw.path().join("a_0000.nii.gz"), 2).unwrap();
        assert_eq!(names(&cases), [("a", 2)]);
        let too_many = folder(&["a_0000.nii.gz", "a_0001.nii.gz", "a_0002.nii.gz"]);
        assert!(unlabelled(too_many.path(), 2).unwrap().1[0].reason.contains("3 channel files"));
    }

    #[test]
    fn one_channel_strips_0000_and_keeps_other_numbers() {
        let raw = folder(&["a_0000.nii.gz", "b_0000.nii.gz"]);
        assert_eq!(names(&unlabelled(raw.path(), 1).unwrap().0), [("a", 1), ("b", 1)]);
        let numbered = folder(&["scan_0000.nii.gz", "scan_0001.nii.gz"]);
        assert_eq!(names(&unlabelled(numbered.path(), 1).unwrap().0), [("scan_0000", 1), ("scan_0001", 1)]);
    }

    #[test]
    fn one_name_for_two_files_and_what_is_no_image() {
        let twice = folder(&["a.nii", "a.nii.gz"]);
        let (cases, excluded) = unlabelled(twice.path(), 1).unwrap();
        assert_eq!((cases.len(), excluded.len()), (1, 1));
        let other = folder(&["a.png"]);
        assert!(unlabelled(&other.path().join("a.png"), 1).unwrap_err().to_string().contains("not a NIfTI file"));
        assert!(unlabelled(&other.path().join("gone"), 1).unwrap_err().to_string().contains("no such file"));
    }
}
