//! nnU-Net raw: `imagesTr/CASE_0000.nii.gz`, one file per channel, and `labelsTr/CASE.nii.gz`; or with the `file_ending` that
//! `dataset.json` states; or with the files that its key `dataset` lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DatasetJson, Found, nifti_files, visible_entries};
use crate::dataset::spec::ListedCase;
use crate::dataset::{DataError, Label};
use crate::volume::{format, read_header};

/// The cases that `dataset.json` lists with their files, if it does.
pub(super) fn own_list(root: &Path) -> Result<Option<Vec<ListedCase>>, DataError> {
    let listed = DatasetJson::of_folder(root)?.listed_cases();
    Ok(Some(listed).filter(|listed| !listed.is_empty()))
}

/// Lists the cases; `declared` is the number of `[[channel]]` entries in the dataset file.
pub(super) fn list(root: &Path, declared: usize) -> Result<Found, DataError> {
    let mut found = Found::default();
    let mut channels: BTreeMap<String, BTreeMap<usize, PathBuf>> = BTreeMap::new();
    let folder = root.join("imagesTr");
    let images = image_files(root, "imagesTr")?;
    let ending = images.first().map_or(".nii.gz".to_owned(), |(stem, file)| file[stem.len()..].to_owned());
    for (stem, file) in images {
        match channel_of(&stem) {
            Some((case, channel)) => {
                channels.entry(case.to_owned()).or_default().insert(channel, folder.join(file));
            }
            None => found.exclude(&stem, format!("imagesTr/{file}: the name has no channel suffix such as _0000")),
        }
    }
    let expected = expected_channels(root, declared, &channels)?;
    let expected = if in_one_file(expected, &channels) { 1 } else { expected };
    let mut images = BTreeMap::new();
    for (case, files) in channels {
        match (0..expected).find(|channel| !files.contains_key(channel)) {
            Some(missing) => found.exclude(&case, format!("imagesTr/{case}_{missing:04}{ending} is missing")),
            None => {
                images.insert(case, files.into_values().take(expected).collect());
            }
        }
    }
    let folder = root.join("labelsTr");
    let labels = image_files(root, "labelsTr")?.into_iter().map(|(stem, file)| (stem, Label::Map(folder.join(file))));
    let known: Vec<String> = found.excluded.iter().map(|row| row.case.clone()).collect();
    found.pair(images, labels.filter(|(stem, _)| !known.contains(stem)).collect());
    Ok(found)
}

/// Stem and name of the files with the dataset's ending: the one that `dataset.json` states, else NIfTI, else any image format.
pub(crate) fn image_files(root: &Path, folder: &str) -> Result<Vec<(String, String)>, DataError> {
    let ending = DatasetJson::of_folder(root)?.file_ending;
    let folder = root.join(folder);
    let nifti = nifti_files(&folder)?;
    if !folder.is_dir() || ((ending.is_empty() || ending.starts_with(".nii")) && !nifti.is_empty()) {
        return Ok(nifti);
    }
    let stem = |name: &str| match ending.is_empty() {
        false => name.strip_suffix(&ending).filter(|stem| !stem.is_empty()).map(str::to_owned),
        true => format::stem(name).map(str::to_owned),
    };
    let names = visible_entries(&folder)?.into_iter();
    Ok(names.filter_map(|name| stem(&name).map(|stem| (stem, name.clone()))).collect())
}

/// `case_0001` → (`case`, 1).
pub(crate) fn channel_of(stem: &str) -> Option<(&str, usize)> {
    let (case, channel) = stem.rsplit_once('_')?;
    let digits = channel.len() == 4 && channel.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !case.is_empty() { Some((case, channel.parse().ok()?)) } else { None }
}

/// The number of channels in the dataset file, else in `dataset.json`, else the maximum over the cases.
fn expected_channels(
    root: &Path,
    declared: usize,
    found: &BTreeMap<String, BTreeMap<usize, PathBuf>>,
) -> Result<usize, DataError> {
    if declared > 0 {
        return Ok(declared);
    }
    let json = DatasetJson::of_folder(root)?;
    let listed = json.channel_names.len().max(json.modality.len());
    if listed > 0 {
        return Ok(listed);
    }
    Ok(found.values().filter_map(|files| files.keys().last()).max().map_or(1, |last| last + 1))
}

/// Whether the only file of each case holds all channels, as colour pictures do.
fn in_one_file(channels: usize, found: &BTreeMap<String, BTreeMap<usize, PathBuf>>) -> bool {
    let single = channels > 1 && found.values().all(|files| files.len() == 1 && files.contains_key(&0));
    let first = found.values().find_map(|files| files.get(&0)).filter(|_| single);
    first.is_some_and(|path| holds_all(path, channels))
}

/// Whether a file holds this number of channels.
pub(super) fn holds_all(path: &Path, channels: usize) -> bool {
    read_header(path).is_ok_and(|header| header.channels == channels)
}
