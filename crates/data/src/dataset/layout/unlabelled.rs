//! Unlabelled images to segment: one file, every image file in a folder, or DICOM series.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::nnunet::channel_of;
use super::{Found, visible_entries};
use crate::counted;
use crate::dataset::{Case, DataError, Excluded};
use crate::volume::{Format, format};

/// Lists the cases in `path` for a network with `channels` input channels: usable cases, and files that form no case.
///
/// If every name has nnU-Net's channel suffix (`CASE_0000.nii.gz`, `CASE_0001.nii.gz`), the files are channels of their case;
/// otherwise each file is a case with all its channels. For a single file ending in `_0000`, the other channels of its case are
/// added. A folder without image files is a DICOM series, or contains one folder per series.
///
/// # Errors
/// [`DataError::Unreadable`] if the path is missing, not an image file, or a folder that cannot be listed.
pub fn unlabelled(path: &Path, channels: usize) -> Result<(Vec<Case>, Vec<Excluded>), DataError> {
    let (folder, files) = files(path, channels)?;
    if files.is_empty() && path.is_dir() {
        return Ok((series(path)?, Vec::new()));
    }
    let split = !files.is_empty() && files.iter().all(|(stem, _)| is_channel(stem, channels));
    let mut found = if split { by_channel(&folder, &files, channels) } else { by_file(&folder, &files) };
    found.cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((found.cases, found.excluded))
}

/// DICOM series: the subfolders, or the folder itself.
fn series(path: &Path) -> Result<Vec<Case>, DataError> {
    let is_series = |path: &Path| matches!(Format::of(path), Ok(Format::DicomImage));
    let of = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Case::new(if name.is_empty() { "image" } else { &name }, vec![path], None)
    };
    let folders = visible_entries(path)?.into_iter().map(|name| path.join(name)).filter(|path| path.is_dir());
    let cases: Vec<Case> = folders.filter(|path| is_series(path)).map(of).collect();
    Ok(if cases.is_empty() && is_series(path) { vec![of(path.to_path_buf())] } else { cases })
}

/// Image files in a folder: stem and name.
fn image_files(folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    let names = visible_entries(folder)?;
    let is_none = |name: &str| [".dcm", ".seg.nrrd"].iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
    let files = names.into_iter().filter(|name| !is_none(name) && folder.join(name).is_file());
    Ok(files.filter_map(|name| format::stem(&name).map(|stem| (stem.to_owned(), name.clone()))).collect())
}

/// The folder, and stem and name of every file to use.
fn files(path: &Path, channels: usize) -> Result<(PathBuf, Vec<(String, String)>), DataError> {
    if path.is_dir() {
        return Ok((path.to_path_buf(), image_files(path)?));
    }
    let unreadable = |kind, text: &str| {
        Err(DataError::Unreadable { path: path.into(), source: std::io::Error::new(kind, text.to_owned()) })
    };
    if !path.exists() {
        return unreadable(std::io::ErrorKind::NotFound, "no such file or folder");
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(stem) = format::stem(&name) else {
        let text = format!("not an image file by its extension ({})", format::ENDINGS.join(", "));
        return unreadable(std::io::ErrorKind::InvalidInput, &text);
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let one = vec![(stem.to_owned(), name.clone())];
    let Some((case, 0)) = channel_of(stem).filter(|_| channels > 1) else { return Ok((folder, one)) };
    let beside = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
    let of_case = |(stem, _): &(String, String)| channel_of(stem).is_some_and(|(other, _)| other == case);
    let all: Vec<_> = image_files(beside)?.into_iter().filter(of_case).collect();
    Ok((folder, all))
}

/// A single-channel network reads only `CASE_0000`; other numbers are part of the case name.
fn is_channel(stem: &str, channels: usize) -> bool {
    channel_of(stem).is_some_and(|(_, channel)| channels > 1 || channel == 0)
}

fn by_file(folder: &Path, files: &[(String, String)]) -> Found {
    let mut found = Found::default();
    for (stem, file) in files {
        match found.cases.iter().any(|case| case.name == *stem) {
            true => found.exclude(stem, format!("{file}: another file has the same name apart from the extension")),
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
                found.exclude(
                    name,
                    format!("{}, but the network takes {channels}", counted(images.len(), "channel file")),
                );
            }
            (None, false) => found.cases.push(case(name, images.into_values().collect())),
        }
    }
    found
}

fn case(name: &str, images: Vec<PathBuf>) -> Case {
    Case::new(name, images, None)
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
        let plain = folder(&["b.nii", "a.nii.gz", "c.nrrd", "notes.txt", ".hidden.nii"]);
        let (cases, excluded) = unlabelled(plain.path(), 1).unwrap();
        assert_eq!((names(&cases), excluded.len()), (vec![("a", 1), ("b", 1), ("c", 1)], 0));
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
        let other = folder(&["a.txt"]);
        assert!(unlabelled(&other.path().join("a.txt"), 1).unwrap_err().to_string().contains("not an image file"));
        assert!(unlabelled(&other.path().join("gone"), 1).unwrap_err().to_string().contains("no such file"));
    }
}
