//! Medical Segmentation Decathlon: `dataset.json` lists the training cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::dataset_json::{DatasetJson, Entry};
use super::{Found, nifti_files, nifti_stem};
use crate::dataset::{Case, DataError, Label};
use crate::files;

pub(super) fn list(root: &Path) -> Result<Found, DataError> {
    let json = DatasetJson::read(&root.join("dataset.json"))?;
    let mut found = Found::default();
    let mut listed = BTreeSet::new();
    for entry in &json.training {
        let name = case_name(entry);
        if !listed.insert(name.clone()) {
            found.exclude(&format!("{name} (second entry)"), "listed twice in dataset.json");
            continue;
        }
        match files_of(root, entry) {
            Ok((images, label)) => found.cases.push(Case::new(&name, images, Some(Label::Map(label)))),
            Err(reason) => found.exclude(&name, reason),
        }
    }
    report_unlisted(&mut found, root, &listed)?;
    Ok(found)
}

fn case_name(entry: &Entry) -> String {
    let image = entry.image.all().first().map_or("", String::as_str);
    let file = image.rsplit('/').next().unwrap_or(image);
    nifti_stem(file).unwrap_or(file).to_owned()
}

/// The images and the label of an entry.
fn files_of(root: &Path, entry: &Entry) -> Result<(Vec<PathBuf>, PathBuf), String> {
    let label = match entry.label.as_ref().map(|label| label.all()) {
        None | Some([]) => return Err("dataset.json lists no label".into()),
        Some([label]) => label,
        Some(labels) => return Err(format!("dataset.json lists {} labels, expected one", labels.len())),
    };
    let there = |what: &str, listed: &String| {
        let path = files::inside(listed).map(|path| root.join(path));
        let path = path.ok_or_else(|| format!("{what} listed in dataset.json is outside its folder: {listed}"))?;
        let missing = || format!("{what} listed in dataset.json is missing: {}", path.display());
        if path.is_file() { Ok(path) } else { Err(missing()) }
    };
    let images: Vec<PathBuf> = entry.image.all().iter().map(|image| there("image", image)).collect::<Result<_, _>>()?;
    if images.is_empty() {
        return Err("dataset.json lists no image".into());
    }
    Ok((images, there("label", label)?))
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
