//! Unlabelled images to segment: one file, every image file in a folder, DICOM series, or a tree of either.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::nnunet::{channel_of, holds_all};
use super::pairs::{self, CASE};
use super::{Found, visible_entries};
use crate::counted;
use crate::dataset::{Case, DataError, Excluded};
use crate::volume::{Format, format};

/// Deepest folder that is looked into.
const DEEPEST: usize = 8;

/// Lists the cases in `path` for a network with `channels` input channels: usable cases, and files that form no case.
///
/// If every name has nnU-Net's channel suffix (`CASE_0000.nii.gz`, `CASE_0001.nii.gz`), the files are channels of their case;
/// otherwise each file is a case with all its channels. For a single file ending in `_0000`, the other channels of its case are
/// added. A folder without image files is a tree: every DICOM series in it is a case, or else the only image of each folder. A path with
/// `{case}` names the images of a tree by their pattern.
///
/// # Errors
/// [`DataError::Unreadable`] if the path is missing, not an image file, or a folder that cannot be listed; [`DataError::Layout`] for a
/// tree in which images and labels cannot be told apart.
pub fn unlabelled(path: &Path, channels: usize) -> Result<(Vec<Case>, Vec<Excluded>), DataError> {
    if path.to_string_lossy().contains(CASE) && !path.exists() {
        return by_pattern(path).map(sorted);
    }
    let (folder, files) = files(path, channels)?;
    if files.is_empty() && path.is_dir() {
        return tree(path).map(sorted);
    }
    // Files of several channels also show that a network of one channel is the wrong one.
    let numbered: BTreeSet<usize> =
        files.iter().filter_map(|(stem, _)| channel_of(stem)).map(|(_, number)| number).collect();
    let several = numbered.contains(&0) && numbered.contains(&1);
    let split = !files.is_empty() && files.iter().all(|(stem, _)| is_channel(stem, if several { 2 } else { channels }));
    if path.is_dir() {
        refuse_doubtful(path, &files)?;
    }
    Ok(sorted(if split { by_channel(&folder, &files, channels) } else { by_file(&folder, &files) }))
}

fn sorted(mut found: Found) -> (Vec<Case>, Vec<Excluded>) {
    found.cases.sort_by(|a, b| a.name.cmp(&b.name));
    (found.cases, found.excluded)
}

/// `scans/{case}/ct.nii.gz`: the images that match.
fn by_pattern(path: &Path) -> Result<Found, DataError> {
    let is_fixed = |part: &std::path::Component| !part.as_os_str().to_string_lossy().contains(['{', '*']);
    let root: PathBuf = path.components().take_while(is_fixed).collect();
    let pattern = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
    let wrong = |reason: String| DataError::Layout { reason: format!("the pattern {}: {reason}", path.display()) };
    let (images, several) = pairs::of_pattern(root, &pattern).map_err(wrong)??;
    let mut found = Found::default();
    several.into_iter().for_each(|(case, reason)| found.exclude(&case, reason));
    found.cases = images.into_iter().map(|(name, image)| case(&name, vec![image])).collect();
    if found.cases.is_empty() && found.excluded.is_empty() {
        return Err(wrong("no file matches".into()));
    }
    Ok(found)
}

/// A folder of a tree with its images.
struct Leaf {
    /// Its path below the root.
    parts: Vec<String>,
    path: PathBuf,
    /// Stem and name of the image files in it; none for a DICOM series.
    images: Vec<(String, String)>,
}

fn leaves(path: &Path, parts: &mut Vec<String>, found: &mut Vec<Leaf>) -> Result<(), DataError> {
    let images = image_files(path)?;
    if !images.is_empty() || holds_slices(path)? {
        found.push(Leaf { parts: parts.clone(), path: path.into(), images });
    }
    for name in visible_entries(path)? {
        let inner = path.join(&name);
        if parts.len() < DEEPEST && inner.is_dir() {
            parts.push(name);
            leaves(&inner, parts, found)?;
            parts.pop();
        }
    }
    Ok(())
}

/// Whether slices lie in the folder itself, not in one below it.
fn holds_slices(folder: &Path) -> Result<bool, DataError> {
    let files = visible_entries(folder)?.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file());
    Ok(files.into_iter().any(|path| matches!(Format::of(&path), Ok(Format::DicomImage))))
}

/// Every DICOM series below a folder, or else the only image of each folder in it.
fn tree(root: &Path) -> Result<Found, DataError> {
    let mut all = Vec::new();
    leaves(root, &mut Vec::new(), &mut all)?;
    let (series, images): (Vec<Leaf>, Vec<Leaf>) = all.into_iter().partition(|leaf| leaf.images.is_empty());
    let unclear = |what: String| {
        let pattern = root.join(CASE).join("ct.nii.gz");
        let reason = format!("{}: {what}: name them by a pattern, such as {}", root.display(), pattern.display());
        Err(DataError::Layout { reason })
    };
    if let (Some(series), Some(image)) = (series.first(), images.first()) {
        return unclear(format!(
            "holds DICOM series ({}) and other images ({}), and it is not clear which to segment",
            series.path.display(),
            image.path.display()
        ));
    }
    let mut found = Found::default();
    if images.is_empty() {
        let own = root.file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy().into_owned());
        let name = |leaf: &Leaf| if leaf.parts.is_empty() { own.clone() } else { leaf.parts.join("-") };
        found.cases = series.iter().map(|leaf| case(&name(leaf), vec![leaf.path.clone()])).collect();
        return Ok(found);
    }
    if let Some(leaf) = images.iter().find(|leaf| leaf.images.len() > 1) {
        let names: Vec<&str> = leaf.images.iter().take(3).map(|(_, name)| name.as_str()).collect();
        return unclear(format!("{} holds several images ({}, …)", leaf.path.display(), names.join(", ")));
    }
    let first = |leaf: &Leaf| leaf.parts.first().cloned();
    let patients: BTreeSet<_> = images.iter().map(first).collect();
    let names: BTreeSet<&str> = images.iter().map(|leaf| leaf.images[0].1.as_str()).collect();
    let one_each = patients.len() == images.len();
    if !one_each && names.len() > 1 {
        return unclear("it is not clear which of its files are images and which labels".into());
    }
    for leaf in &images {
        let name = if one_each { first(leaf).unwrap_or_default() } else { leaf.parts.join("-") };
        found.cases.push(case(&name, vec![leaf.path.join(&leaf.images[0].1)]));
    }
    Ok(found)
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
    if !path.exists() && path.to_string_lossy().contains(['*', '{']) {
        let text = "no such file or folder; a pattern needs `{case}` where the name of the case stands, as in scans/{case}/ct.nii.gz";
        return unreadable(std::io::ErrorKind::InvalidInput, text);
    }
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

/// Words that name labels, and words that name images.
const LABEL_WORDS: [&str; 6] = ["label", "labels", "mask", "seg", "segmentation", "gt"];
const IMAGE_WORDS: [&str; 4] = ["image", "img", "ct", "scan"];

/// Refuses a folder in which some files are called like labels of others, or with further images in the folders below.
fn refuse_doubtful(folder: &Path, files: &[(String, String)]) -> Result<(), DataError> {
    let words =
        |stem: &str| -> Vec<String> { stem.to_lowercase().split(['-', '_', '.', ' ']).map(str::to_owned).collect() };
    let without = |words: &[String], removed: &[&str]| -> Vec<String> {
        words.iter().filter(|word| !removed.contains(&word.as_str())).cloned().collect()
    };
    let refuse = |reason: String| Err(DataError::Layout { reason: format!("{}: {reason}", folder.display()) });
    let all: Vec<(Vec<String>, &str)> = files.iter().map(|(stem, file)| (words(stem), file.as_str())).collect();
    for (own, file) in all.iter().filter(|(own, _)| own.iter().any(|word| LABEL_WORDS.contains(&word.as_str()))) {
        let rest = without(own, &LABEL_WORDS);
        let image =
            all.iter().find(|(other, name)| name != file && without(other, &IMAGE_WORDS) == rest && other != own);
        if let Some((_, image)) = image.filter(|_| !rest.is_empty()) {
            let pattern = folder.join(CASE);
            return refuse(format!(
                "{file} is called like labels of {image}: name the images by a pattern, such as {}_image.nii.gz",
                pattern.display()
            ));
        }
    }
    let mut below = Vec::new();
    for name in visible_entries(folder)?.into_iter().map(|name| folder.join(name)).filter(|path| path.is_dir()) {
        leaves(&name, &mut Vec::new(), &mut below)?;
    }
    match below.first().filter(|_| !files.is_empty()) {
        None => Ok(()),
        Some(leaf) => refuse(format!(
            "holds images, and there are more in {}: name the folder with the images, or a pattern such as {}",
            leaf.path.display(),
            folder.join("*").join("{case}.nii.gz").display()
        )),
    }
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
        // A colour picture is the only file of its case.
        let is_whole = images.len() == 1 && images.get(&0).is_some_and(|path| holds_all(path, channels));
        let missing = (0..channels).find(|channel| !images.contains_key(channel)).filter(|_| !is_whole);
        match (missing, images.len() > channels) {
            (Some(missing), _) => found.exclude(name, format!("{name}_{missing:04}.nii.gz is missing")),
            (None, true) => {
                found.exclude(
                    name,
                    format!(
                        "{}, but the network takes {channels}: if each file is an image of its own, name them by a \
                         pattern, such as {}.nii.gz",
                        counted(images.len(), "channel file"),
                        folder.join(CASE).display()
                    ),
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
    use crate::volume::{Geometry, Volume, write_volume};

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
        // One file with both channels, beside one without.
        let (whole, geometry) = (folder(&["d_0000.nii.gz"]), Geometry::axis_aligned([2; 3], [1.0; 3]));
        let volume = Volume { voxels: ndarray::Array4::zeros((2, 2, 2, 2)), geometry };
        write_volume(&whole.path().join("c_0000.nii.gz"), &volume).unwrap();
        let (cases, excluded) = unlabelled(whole.path(), 2).unwrap();
        assert_eq!((names(&cases), excluded.len()), (vec![("c", 1)], 1));
    }

    #[test]
    fn trees_are_read_where_each_folder_has_one_image() {
        let at = |files: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, b"").unwrap();
            }
            folder
        };
        let same = at(&["p1/v1/ct.nii.gz", "p1/v2/ct.nii.gz", "p2/v1/ct.nii.gz"]);
        assert_eq!(names(&unlabelled(same.path(), 1).unwrap().0), [("p1-v1", 1), ("p1-v2", 1), ("p2-v1", 1)]);
        let own = at(&["sub-1/anat/sub-1_T1w.nii.gz", "sub-2/anat/sub-2_T1w.nii.gz"]);
        assert_eq!(names(&unlabelled(own.path(), 1).unwrap().0), [("sub-1", 1), ("sub-2", 1)]);
        for unclear in
            [at(&["p1/ct.nii.gz", "p1/label.nii.gz", "p2/ct.nii.gz"]), at(&["p1/image/a.nii.gz", "p1/label/b.nii.gz"])]
        {
            let error = unlabelled(unclear.path(), 1).unwrap_err().to_string();
            assert!(error.contains("{case}/ct.nii.gz"), "{error}");
        }
        let mixed = at(&["p1/ct.nii.gz", "p1/label.nii.gz", "p2/ct.nii.gz"]);
        let pattern = mixed.path().join("{case}/ct.nii.gz");
        assert_eq!(names(&unlabelled(&pattern, 1).unwrap().0), [("p1", 1), ("p2", 1)]);
        let nothing = unlabelled(&mixed.path().join("{case}/mr.nii.gz"), 1).unwrap_err().to_string();
        assert!(nothing.contains("no file matches"), "{nothing}");
    }

    #[test]
    fn labels_beside_images_and_images_further_down_are_refused() {
        for (files, part) in [
            (&["PET_image.nii.gz", "PET_mask.nii.gz"][..], "is called like labels of PET_image.nii.gz"),
            (&["a.nii.gz", "a_seg.nii.gz", "b.nii.gz"], "a_seg.nii.gz is called like labels of a.nii.gz"),
        ] {
            let error = unlabelled(folder(files).path(), 1).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let deeper = folder(&["a.nii.gz"]);
        std::fs::create_dir(deeper.path().join("sub")).unwrap();
        std::fs::write(deeper.path().join("sub/b.nii.gz"), b"").unwrap();
        let error = unlabelled(deeper.path(), 1).unwrap_err().to_string();
        assert!(error.contains("there are more in"), "{error}");
    }

    #[test]
    fn one_channel_strips_0000_and_leaves_several_channels_out() {
        let raw = folder(&["a_0000.nii.gz", "b_0000.nii.gz"]);
        assert_eq!(names(&unlabelled(raw.path(), 1).unwrap().0), [("a", 1), ("b", 1)]);
        let numbered = folder(&["scan_0000.nii.gz", "scan_0001.nii.gz"]);
        let (cases, excluded) = unlabelled(numbered.path(), 1).unwrap();
        assert!(cases.is_empty() && excluded[0].reason.contains("2 channel files, but the network takes 1"));
        let pattern = numbered.path().join("{case}.nii.gz");
        assert!(excluded[0].reason.contains(&pattern.display().to_string()), "{}", excluded[0].reason);
        assert_eq!(names(&unlabelled(&pattern, 1).unwrap().0), [("scan_0000", 1), ("scan_0001", 1)]);
        let others = folder(&["scan_0001.nii.gz", "scan_0002.nii.gz"]);
        assert_eq!(names(&unlabelled(others.path(), 1).unwrap().0), [("scan_0001", 1), ("scan_0002", 1)]);
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
