//! Content hashes of cases. A content hash changes with every byte of the files and with every option that affects how they are read,
//! and with nothing else. Cache keys and IDs are derived from it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::spec::MaskValues;
use super::{Case, Label, Reading};
use crate::files;

/// Hexadecimal digits of a content hash: 128 bits.
const DIGITS: usize = 32;

/// Content hashes of a case, including the reading options of its dataset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// Hash of the image with all channels.
    pub image: String,
    /// Hash of the labels on the image's grid; `None` without labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Content {
    /// Both hashes in one string, for file names.
    pub fn name(&self) -> String {
        format!("{}-{}", self.image, self.label.as_deref().unwrap_or("unlabelled"))
    }
}

/// Hash of one file of a case, independent of its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Name of the case.
    pub case: String,
    /// `image-0`, `image-1`, … or `label`.
    pub role: String,
    /// BLAKE3 of the content in hex, as printed by `b3sum`.
    pub blake3: String,
}

/// Content hashes of a case; `hash` returns the BLAKE3 of a file.
///
/// # Errors
/// I/O errors, naming the file.
pub fn content(case: &Case, hash: &dyn Fn(&Path) -> io::Result<String>) -> io::Result<Content> {
    let all = |path: &Path| -> io::Result<Vec<String>> { files::below(path)?.iter().map(|file| hash(file)).collect() };
    let channels: Vec<Vec<String>> = case.images.iter().map(|path| all(path)).collect::<io::Result<_>>()?;
    // Listed in full: a new option does not compile until it is in a hash.
    let Reading {
        resample_labels,
        resample_channels,
        overlap,
        names,
        mask_values,
        only_value,
        choice,
        coordinates,
        spacing_mm,
    } = &case.reading;
    let mut image = name(&("image", &channels, case.stack_spacing_mm, choice, resample_channels))?;
    if !case.series.is_empty() {
        image = name(&("image of series", image, &case.series))?;
    }
    let spaced = spacing_mm.map(|stated| format!("spacing-mm {stated:?}"));
    let image = versioned(image, &[resample_channels.then_some(PLACEMENT), spaced.as_deref()])?;
    let Some(label) = &case.label else { return Ok(Content { image, label: None }) };
    // Labels may be resampled to the image's grid, so the image is part of their hash.
    let rules = (&image, resample_labels, overlap, names, coordinates);
    let surfaces = matches!(label, Label::Masks(masks) if masks.iter().any(|(_, path)| is_surface(path)));
    let nonzero = mask_values.map(|MaskValues::Nonzero| format!("mask-values nonzero {only_value:?}"));
    let versions =
        [(*resample_labels || surfaces).then_some(PLACEMENT), (!names.is_empty()).then_some(NAMES), nonzero.as_deref()];
    let label = match label {
        Label::Map(path) => name(&("map", rules, all(path)?)),
        Label::Corrected(path) => name(&("corrected", rules, all(path)?)),
        Label::Pictures(paths) => {
            name(&("pictures", rules, paths.iter().map(|path| hash(path)).collect::<io::Result<Vec<_>>>()?))
        }
        Label::Masks(masks) => {
            let each = masks.iter().map(|(value, path)| Ok((*value, all(path)?)));
            name(&("masks", rules, each.collect::<io::Result<Vec<_>>>()?))
        }
        Label::Runs(runs) => name(&("runs", rules, runs.rows()?)),
    };
    let label = versioned(label?, &versions)?;
    let label = match &case.ignored {
        Some((value, path)) => name(&("ignored", label, value, all(path)?))?,
        None => label,
    };
    Ok(Content { image, label: Some(label) })
}

/// Version of the placement of grids, where the affine decides which voxels are read. 2: half turns of a NIfTI qform are exact.
const PLACEMENT: &str = "placement 2";

/// Version of the identification by name. 2: capital letters, spaces, `-` and `_` make no difference.
const NAMES: &str = "names 2";

/// Names of surface files; their content is not read for a hash.
fn is_surface(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ["stl", "obj", "ply"].contains(&ending.as_str())
}

/// A hash with the versions of the rules that apply to its case, so that what other rules read is not taken for the same.
fn versioned(hash: String, versions: &[Option<&str>]) -> io::Result<String> {
    let versions: Vec<&str> = versions.iter().flatten().copied().collect();
    if versions.is_empty() { Ok(hash) } else { name(&(versions, hash)) }
}

fn name(parts: &impl Serialize) -> io::Result<String> {
    let text = serde_json::to_vec(parts)?;
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 content of a case");
    Ok(hasher.update(&text).finalize().to_hex()[..DIGITS].to_owned())
}

/// Content hashes of a case, computed from its files without a cache.
///
/// # Errors
/// I/O errors.
pub fn content_of(case: &Case) -> io::Result<Content> {
    content(case, &hash_of)
}

/// BLAKE3 of a file, in hex.
///
/// # Errors
/// I/O errors, naming the file.
pub fn hash_of(path: &Path) -> io::Result<String> {
    let naming = |error| crate::files::naming(path, &error);
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path).map_err(naming)?).map_err(naming)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// File hashes grouped by case and role, as in a manifest.
pub fn by_role(hashes: &[FileHash]) -> BTreeMap<&str, BTreeMap<&str, Vec<&str>>> {
    let mut cases: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for hash in hashes {
        cases.entry(&hash.case).or_default().entry(&hash.role).or_default().push(&hash.blake3);
    }
    cases
}

/// The file hashes of a case, in the order of [`Case::files`].
///
/// # Errors
/// I/O errors, naming the file.
pub fn file_hashes(case: &Case, hash: &dyn Fn(&Path) -> io::Result<String>) -> io::Result<Vec<FileHash>> {
    let named = |(role, path): (String, PathBuf)| Ok(FileHash { case: case.name.clone(), role, blake3: hash(&path)? });
    case.files()?.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests;
