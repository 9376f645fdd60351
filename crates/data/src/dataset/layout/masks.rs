//! Images by pattern, and one mask or surface per structure: `segmentations/liver.nii.gz` (TotalSegmentator), or bones as STL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Found, pairs};
use crate::dataset::{Case, DataError, Dataset, Label};

/// Placeholders for the names of case and structure.
const CASE: &str = "{case}";
pub(super) const STRUCTURE: &str = "{structure}";

pub(super) fn list(root: &Path, spec: &Dataset, name: &str, images: &[&str], mask: &str) -> Result<Found, DataError> {
    let channels = pairs::files(root, name, images)?;
    let names: BTreeSet<&String> = channels.iter().flat_map(BTreeMap::keys).collect();
    let mut found = Found::default();
    for case in names {
        let missing = images.iter().zip(&channels).find(|(_, files)| !files.contains_key(case));
        if let Some((pattern, _)) = missing {
            found.exclude(case, format!("{} is missing", pattern.replace(CASE, case)));
            continue;
        }
        let files: Vec<PathBuf> = channels.iter().filter_map(|files| files.get(case).cloned()).collect();
        match of_case(root, spec, mask, case) {
            Err(reason) => found.exclude(case, reason),
            Ok(masks) if masks.is_empty() => {
                found.exclude(case, format!("image without masks: no structure of the dataset has a file at {mask}"))
            }
            Ok(masks) => found.cases.push(Case::new(case, files, Some(Label::Masks(masks)))),
        }
    }
    Ok(found)
}

/// The existing mask files. A structure without a file is absent from the case.
///
/// # Errors
/// Several files match the pattern of one structure.
pub(super) fn of_case(root: &Path, spec: &Dataset, pattern: &str, case: &str) -> Result<Vec<(u16, PathBuf)>, String> {
    let place = |name: &str| {
        let path = pattern.trim_start_matches("./").replace(CASE, case).replace(STRUCTURE, name);
        pairs::only_match(root, &path)
    };
    let structures = spec.structures.iter().enumerate();
    let files = structures.map(|(index, structure)| Ok((spec.mask_value(index), place(&structure.name)?)));
    let files = files.collect::<Result<Vec<_>, String>>()?;
    Ok(files.into_iter().filter(|(_, path)| path.is_file()).collect())
}
