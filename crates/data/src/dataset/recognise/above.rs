//! Folders above datasets: a pattern over them would mix datasets, or take one of them without its description.

use std::collections::BTreeSet;

use super::monai;
use super::survey::{Kind, Survey};
use crate::dataset::DataError;

/// Datasets that an error lists.
const LISTED: usize = 20;
/// Deepest folder in which data lists are looked for, and the largest number of JSON files that are read for it.
const LISTS: (usize, usize) = (2, 200);
/// Folders of a BIDS dataset with descriptions of their own.
const WITHIN_BIDS: [&str; 4] = ["derivatives", "sourcedata", "rawdata", "code"];

/// Refuses a folder above several datasets that describe themselves, or above one in which all of its images are.
///
/// # Errors
/// [`DataError::Above`] with the datasets.
pub(super) fn refuse(survey: &Survey) -> Result<(), DataError> {
    let is_bids = survey.has("dataset_description.json")
        || survey.items.iter().any(|item| item.path.starts_with("sub-") && item.path.contains('/'));
    if is_bids {
        return Ok(());
    }
    let (lists, subjects) = (listed(survey), bids(survey));
    let all: BTreeSet<String> = lists.iter().chain(&subjects).cloned().collect();
    let is_within = |folder: &str, other: &str| folder.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
    let found: Vec<&String> = all.iter().filter(|folder| !all.iter().any(|other| is_within(folder, other))).collect();
    let image = [Kind::Volume, Kind::Segments, Kind::Picture, Kind::Dicom];
    let refused = match found.as_slice() {
        [] => false,
        // The subjects of a single BIDS dataset are found from above, too.
        [only] => lists.contains(*only) && survey.of_kinds(&image).all(|item| is_within(&item.path, only)),
        _ => true,
    };
    if !refused {
        return Ok(());
    }
    let place = |folder: &&String| survey.root.join(folder.as_str()).display().to_string();
    let mut datasets: Vec<String> = found.iter().take(LISTED).map(place).collect();
    if found.len() > LISTED {
        datasets.push(format!("and {} more", found.len() - LISTED));
    }
    Err(DataError::Above { path: survey.root.clone(), count: found.len(), datasets: datasets.join("\n  ") })
}

/// Folders with `imagesTr` and `dataset.json`, as nnU-Net and the Decathlon have them, and folders with a list of files.
fn listed(survey: &Survey) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut read = 0;
    for item in survey.items.iter().filter(|item| item.path.ends_with(".json") && item.path.contains('/')) {
        let folder = item.folder();
        let (depth, most) = LISTS;
        let is_known = match item.name() {
            "dataset.json" => !survey.below(&format!("{folder}/imagesTr")).is_empty(),
            "dataset_description.json" | "splits_final.json" => false,
            name if name.starts_with("sub-") || item.path.matches('/').count() > depth || read >= most => false,
            _ => {
                read += 1;
                monai::is_list(&survey.root.join(folder), item.name())
            }
        };
        if is_known {
            found.insert(folder.to_owned());
        }
    }
    found
}

/// Folders with subjects and `dataset_description.json`, without those within a dataset.
fn bids(survey: &Survey) -> BTreeSet<String> {
    let described =
        survey.items.iter().filter(|item| item.name() == "dataset_description.json").map(|item| item.folder());
    let is_whole = |folder: &&str| !folder.split('/').any(|part| WITHIN_BIDS.contains(&part));
    let has_subjects =
        |folder: &&str| survey.below(folder).iter().any(|item| item.path[folder.len()..].starts_with("/sub-"));
    described.filter(|folder| !folder.is_empty()).filter(is_whole).filter(has_subjects).map(str::to_owned).collect()
}
