//! Medical Segmentation Decathlon: `dataset.json` lists the training cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::{Found, nifti_files, nifti_stem};
use crate::dataset::{Case, DataError, Label};
use crate::files;

/// The parts of an MSD or nnU-Net `dataset.json` that segspec reads.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DatasetJson {
    /// One-line description.
    #[serde(default)]
    pub description: String,
    /// Source of the data.
    #[serde(default)]
    pub reference: String,
    /// Licence.
    #[serde(default, alias = "license")]
    pub licence: String,
    /// MSD: channel number → modality.
    #[serde(default)]
    pub modality: BTreeMap<String, String>,
    /// nnU-Net: channel number → name.
    #[serde(default)]
    pub channel_names: BTreeMap<String, String>,
    /// MSD: value → name; nnU-Net: name → value or values.
    #[serde(default)]
    pub labels: BTreeMap<String, serde_json::Value>,
    /// nnU-Net: ending of images and labels.
    #[serde(default)]
    pub file_ending: String,
    /// nnU-Net: files of each case, if they lie in other folders.
    #[serde(default)]
    pub dataset: BTreeMap<String, serde_json::Value>,
    /// Other keys, which segspec does not need.
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
    /// MSD: the training cases.
    #[serde(default)]
    pub training: Vec<Entry>,
}

/// One training case of `dataset.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    /// Path of the image, relative to the dataset folder.
    pub image: String,
    /// Path of the label, relative to the dataset folder.
    #[serde(default)]
    pub label: Option<String>,
}

impl DatasetJson {
    /// Reads the file.
    ///
    /// # Errors
    /// [`DataError::DatasetJson`], naming the file.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::DatasetJson { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| {
            wrong(format!(
                "{}; the MSD layout requires it (other layouts: `nnunet`, `pairs`)",
                crate::files::reason(&error)
            ))
        })?;
        serde_json::from_str(&text).map_err(|error| wrong(format!("is not an MSD or nnU-Net dataset.json: {error}")))
    }
}

pub(super) fn list(root: &Path) -> Result<Found, DataError> {
    let json = DatasetJson::read(&root.join("dataset.json"))?;
    let mut found = Found::default();
    let mut listed = BTreeSet::new();
    for entry in &json.training {
        let name = case_name(&entry.image);
        if !listed.insert(name.clone()) {
            found.exclude(&format!("{name} (second entry)"), "listed twice in dataset.json");
            continue;
        }
        add(&mut found, root, name, entry);
    }
    report_unlisted(&mut found, root, &listed)?;
    Ok(found)
}

fn case_name(image: &str) -> String {
    let file = image.rsplit('/').next().unwrap_or(image);
    nifti_stem(file).unwrap_or(file).to_owned()
}

fn add(found: &mut Found, root: &Path, name: String, entry: &Entry) {
    let Some(label) = &entry.label else {
        return found.exclude(&name, "dataset.json lists no label");
    };
    let [image, label] = [("image", &entry.image), ("label", label)].map(|(what, listed)| {
        let path = files::inside(listed).map(|path| root.join(path));
        let path = path.ok_or_else(|| format!("{what} listed in dataset.json is outside its folder: {listed}"))?;
        let missing = || format!("{what} listed in dataset.json is missing: {}", path.display());
        if path.is_file() { Ok(path) } else { Err(missing()) }
    });
    match (image, label) {
        (Ok(image), Ok(label)) => found.cases.push(Case::new(&name, vec![image], Some(Label::Map(label)))),
        (Err(reason), _) | (_, Err(reason)) => found.exclude(&name, reason),
    }
}

/// Reports files that dataset.json does not list; they are not cases.
fn report_unlisted(found: &mut Found, root: &Path, listed: &BTreeSet<String>) -> Result<(), DataError> {
    let stems = |folder: &str| -> Result<BTreeSet<String>, DataError> {
        let files = nifti_files(&root.join(folder))?;
        Ok(files.into_iter().map(|(stem, _)| stem).filter(|stem| !listed.contains(stem)).collect())
    };
    let (images, labels) = (stems("imagesTr")?, stems("labelsTr")?);
    for name in images.union(&labels) {
        let what = match (images.contains(name), labels.contains(name)) {
            (true, true) => "image and label exist but are",
            (true, false) => "image without label,",
            _ => "label without image,",
        };
        found.exclude(name, format!("{what} not listed in dataset.json"));
    }
    Ok(())
}
