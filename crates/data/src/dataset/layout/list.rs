//! Cases listed one by one: in the dataset file, or in a CSV or JSON file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::dataset_json::Texts;
use super::pairs::label_of;
use super::{Found, case_name_of, masks};
use crate::counted;
use crate::dataset::spec::ListedCase;
use crate::dataset::{Case, DataError, Dataset, Groups, Label};

/// Columns of a list in CSV, as messages name them.
const COLUMNS: &str = "case, image (or image-0, image-1, …), label, patient, fold, series";

/// Lists the cases, with their patients and folds.
pub(super) fn list(
    root: &Path,
    spec: &Dataset,
    file: Option<&str>,
    cases: &[ListedCase],
) -> Result<(Found, Groups), DataError> {
    let listed = match file {
        Some(file) => read(&root.join(file))?,
        None => cases.to_vec(),
    };
    let (mut found, mut groups, mut seen) = (Found::default(), Groups::default(), BTreeSet::new());
    for entry in &listed {
        if !seen.insert(entry.case.as_str()) {
            found.exclude(&format!("{} (second entry)", entry.case), "this case is listed twice");
            continue;
        }
        if let Some(patient) = &entry.patient {
            groups.patients.insert(entry.case.clone(), patient.clone());
        }
        if let Some(fold) = &entry.fold {
            groups.folds.insert(entry.case.clone(), fold.clone());
        }
        match case(root, spec, entry) {
            Ok(case) => found.cases.push(case),
            Err(reason) => found.exclude(&entry.case, reason),
        }
    }
    Ok((found, groups))
}

fn case(root: &Path, spec: &Dataset, entry: &ListedCase) -> Result<Case, String> {
    let there = |what: &str, listed: &str| {
        let path = root.join(listed);
        if path.exists() { Ok(path) } else { Err(format!("{what} of the list is missing: {}", path.display())) }
    };
    let images: Vec<PathBuf> = entry.images.iter().map(|image| there("an image", image)).collect::<Result<_, _>>()?;
    if images.is_empty() {
        return Err("the list names no image".into());
    }
    if !entry.series.is_empty() && entry.series.len() != images.len() {
        return Err(format!("the list names {} series for {}", entry.series.len(), counted(images.len(), "image")));
    }
    let label = entry.label.as_deref().ok_or("the list names no label")?;
    let label = if label.contains(masks::STRUCTURE) {
        let files = masks::of_case(root, spec, label, &entry.case)?;
        if files.is_empty() {
            return Err(format!("image without masks: no structure of the dataset has a file at {label}"));
        }
        Label::Masks(files)
    } else {
        label_of(&there("the label", label)?).map_err(|error| error.to_string())?
    };
    let mut case = Case::new(&entry.case, images, Some(label));
    case.series.clone_from(&entry.series);
    Ok(case)
}

/// Reads a list in CSV, or in JSON: an array of entries, or an object with such an array as `training`, `train` or `cases` (MONAI's
/// data lists).
///
/// # Errors
/// [`DataError::Layout`], naming the file and the row.
pub(super) fn read(path: &Path) -> Result<Vec<ListedCase>, DataError> {
    let wrong = |reason: String| DataError::Layout { reason: format!("{}: {reason}", path.display()) };
    let text = std::fs::read_to_string(path).map_err(|source| DataError::Unreadable { path: path.into(), source })?;
    let text = text.trim_start_matches('\u{feff}');
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let listed = if is_json { from_json(text) } else { from_csv(text) }.map_err(wrong)?;
    if listed.is_empty() { Err(wrong("lists no case".into())) } else { Ok(listed) }
}

/// An entry of a JSON list. Further keys are allowed: other programs read the same list.
#[derive(Deserialize)]
struct Entry {
    #[serde(default, alias = "name", alias = "id", alias = "case_id")]
    case: Option<String>,
    #[serde(alias = "images")]
    image: Texts,
    #[serde(default, alias = "seg", alias = "mask", alias = "segmentation")]
    label: Option<Texts>,
    #[serde(default, alias = "patient_id", alias = "subject")]
    patient: Option<String>,
    #[serde(default)]
    fold: Option<serde_json::Value>,
    #[serde(default)]
    series: Option<Texts>,
}

fn from_json(text: &str) -> Result<Vec<ListedCase>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    part(&value, &["training", "train", "cases"])?.ok_or("has no list `training`, `train` or `cases`".into())
}

/// The entries of the first of these keys that a list in JSON has; those of a bare array belong to `training`.
///
/// # Errors
/// What is wrong with the list or with an entry.
pub(crate) fn part(value: &serde_json::Value, keys: &[&str]) -> Result<Option<Vec<ListedCase>>, String> {
    let entries = match value {
        serde_json::Value::Object(object) => keys.iter().find_map(|key| object.get(*key)),
        other => Some(other).filter(|_| keys.contains(&"training")),
    };
    let Some(entries) = entries else { return Ok(None) };
    let entries = entries.as_array().ok_or("its list of cases is no array")?;
    let entry = |(index, entry)| of_json(entry).map_err(|error| format!("entry {index}: {error}"));
    entries.iter().enumerate().map(entry).collect::<Result<_, _>>().map(Some)
}

fn of_json(value: &serde_json::Value) -> Result<ListedCase, String> {
    let entry: Entry = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let label = match entry.label.as_ref().map(Texts::all) {
        Some(labels) if labels.len() > 1 => return Err(format!("names {} labels, expected one", labels.len())),
        labels => labels.and_then(|labels| labels.first().cloned()),
    };
    let images = entry.image.all().to_vec();
    let named = || images.first().map(|image| case_name_of(image)).unwrap_or_default();
    let fold = entry.fold.map(|fold| fold.as_str().map_or_else(|| fold.to_string(), str::to_owned));
    let series = entry.series.map(|series| series.all().to_vec()).unwrap_or_default();
    Ok(ListedCase { case: entry.case.unwrap_or_else(named), images, series, label, patient: entry.patient, fold })
}

fn from_csv(text: &str) -> Result<Vec<ListedCase>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let known = |name: &str| ["case", "label", "patient", "fold"].contains(&name);
    let is = |name: &str, what: &str| name == what || name.starts_with(&format!("{what}-"));
    let strange = headers.iter().find(|name| !known(name) && !is(name, "image") && !is(name, "series"));
    if let Some(name) = strange {
        return Err(format!("has a column `{name}`; known are {COLUMNS}"));
    }
    if !headers.iter().any(|name| is(name, "image")) {
        return Err(format!("has no column `image`; known are {COLUMNS}"));
    }
    let mut listed = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cells = || headers.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let one = |what: &str| cells().find(|(name, _)| *name == what).map(|(_, cell)| cell.to_owned());
        let all = |what: &str| cells().filter(|(name, _)| is(name, what)).map(|(_, cell)| cell.to_owned()).collect();
        let images: Vec<String> = all("image");
        let named = || images.first().map(|image| case_name_of(image)).unwrap_or_default();
        listed.push(ListedCase {
            case: one("case").unwrap_or_else(named),
            series: all("series"),
            label: one("label"),
            patient: one("patient"),
            fold: one("fold"),
            images,
        });
    }
    Ok(listed)
}

/// The files that an ignore mask's pattern finds, by case; for layouts whose cases have names in their paths.
pub(super) fn ignore_masks(root: &Path, name: &str, pattern: &str) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let files = super::pairs::files(root, name, &[pattern])?;
    Ok(files.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_both_forms_of_json_list_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [
            ("a.csv", "case,image-0,image-1,label,patient,fold\np1,i/1_0.nii,i/1_1.nii,l/1.nii,anna,0\n"),
            (
                "b.json",
                r#"[{"case": "p1", "image": ["i/1_0.nii", "i/1_1.nii"], "label": "l/1.nii", "patient": "anna", "fold": 0}]"#,
            ),
            (
                "c.json",
                r#"{"training": [{"name": "p1", "images": ["i/1_0.nii", "i/1_1.nii"], "label": ["l/1.nii"],
                "subject": "anna", "fold": "0", "weight": 2}]}"#,
            ),
        ];
        for (file, text) in texts {
            let path = folder.path().join(file);
            std::fs::write(&path, text).unwrap();
            let listed = read(&path).unwrap();
            let expected = ListedCase {
                case: "p1".into(),
                images: vec!["i/1_0.nii".into(), "i/1_1.nii".into()],
                series: vec![],
                label: Some("l/1.nii".into()),
                patient: Some("anna".into()),
                fold: Some("0".into()),
            };
            assert_eq!(listed, [expected], "{file}");
        }
    }

    #[test]
    fn a_wrong_list_is_named_with_its_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        for (text, fault) in [
            ("case,scan\na,b\n", "has a column `scan`"),
            ("case,label\na,b\n", "has no column `image`"),
            ("case,image\n", "lists no case"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(fault) && message.contains("list.csv"), "{message}");
        }
        let path = folder.path().join("list.json");
        for (text, fault) in [("{\"x\": 1}", "has no list"), ("[{\"label\": \"a\"}]", "entry 0"), ("[", "is not JSON")]
        {
            std::fs::write(&path, text).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(fault), "{message}");
        }
    }
}
