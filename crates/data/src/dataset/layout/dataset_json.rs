//! `dataset.json` of the Decathlon, of both versions of nnU-Net, and of MONAI's data lists.

use std::collections::BTreeMap;
use std::path::Path;

use regex::{Captures, Regex};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::dataset::DataError;
use crate::dataset::spec::ListedCase;

/// The parts of a `dataset.json` that segspec reads.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DatasetJson {
    /// One-line description.
    #[serde(default, deserialize_with = "text")]
    pub description: String,
    /// Source of the data.
    #[serde(default, deserialize_with = "text")]
    pub reference: String,
    /// Licence; nnU-Net and the Decathlon spell it in both ways.
    #[serde(default, deserialize_with = "text")]
    pub licence: String,
    #[serde(default, deserialize_with = "text")]
    license: String,
    /// MSD and nnU-Net 1: channel number → modality.
    #[serde(default, deserialize_with = "numbered")]
    pub modality: BTreeMap<String, String>,
    /// nnU-Net 2: channel number → name.
    #[serde(default, deserialize_with = "numbered")]
    pub channel_names: BTreeMap<String, String>,
    /// MSD and nnU-Net 1: value → name; nnU-Net 2: name → value or values.
    #[serde(default)]
    pub labels: BTreeMap<String, Value>,
    /// nnU-Net 2: ending of images and labels.
    #[serde(default)]
    pub file_ending: String,
    /// nnU-Net 2: files of each case, if they lie in other folders.
    #[serde(default)]
    pub dataset: BTreeMap<String, Value>,
    /// Other keys, which segspec does not need.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
    /// MSD, nnU-Net 1, MONAI: the training cases.
    #[serde(default)]
    pub training: Vec<Entry>,
}

/// One training case of `dataset.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    /// Paths of the images, relative to the dataset folder.
    pub image: Texts,
    /// Path of the label, relative to the dataset folder.
    #[serde(default)]
    pub label: Option<Texts>,
    /// MONAI: the fold in which the case is tested.
    #[serde(default)]
    pub fold: Option<Value>,
}

/// One or several texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    /// A text.
    One(String),
    /// A list of texts.
    Several(Vec<String>),
}

impl Texts {
    /// Every text.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }
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
        let mut json: Self = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| wrong(format!("is not an MSD or nnU-Net dataset.json: {error}")))?;
        if json.licence.is_empty() {
            json.licence = std::mem::take(&mut json.license);
        }
        // `nii.gz` is meant as `.nii.gz`.
        if !json.file_ending.is_empty() && !json.file_ending.starts_with('.') {
            json.file_ending.insert(0, '.');
        }
        Ok(json)
    }

    /// The file of a folder; without one, as if it were empty.
    ///
    /// # Errors
    /// [`DataError::DatasetJson`], naming the file.
    pub fn of_folder(root: &Path) -> Result<Self, DataError> {
        let path = root.join("dataset.json");
        if path.is_file() { Self::read(&path) } else { Ok(Self::default()) }
    }

    /// Whether its `training` entries are those of a MONAI data list: folds, several images per case, or validation cases.
    pub fn is_data_list(&self) -> bool {
        let is_monai = |entry: &Entry| entry.fold.is_some() || matches!(entry.image, Texts::Several(_));
        self.training.iter().any(is_monai) || (!self.training.is_empty() && self.others.contains_key("validation"))
    }

    /// nnU-Net 2: the cases of `"dataset": {"case": {"images": […], "label": …}}`, whose paths may contain environment variables.
    pub fn listed_cases(&self) -> Vec<ListedCase> {
        let images = |value: Option<&Value>| -> Vec<String> {
            let one = value.and_then(Value::as_str).into_iter();
            let several = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            one.chain(several).map(expanded).collect()
        };
        let case = |(name, entry): (&String, &Value)| ListedCase {
            case: name.clone(),
            images: images(entry.get("images")),
            label: entry.get("label").and_then(Value::as_str).map(expanded),
            ..ListedCase::default()
        };
        self.dataset.iter().map(case).collect()
    }
}

/// A path with the values of the environment variables that it names as `$NAME` or `${NAME}`; unknown ones stay as they are.
fn expanded(path: &str) -> String {
    let Ok(variable) = Regex::new(r"\$([A-Za-z0-9_]+|\{[^}]*\})") else { return path.to_owned() };
    let value = |found: &Captures| {
        let name = found[1].trim_start_matches('{').trim_end_matches('}');
        std::env::var(name).unwrap_or_else(|_| found[0].to_owned())
    };
    variable.replace_all(path, value).into_owned()
}

/// A text; nothing and numbers are texts, too, and lists are joined.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    fn plain(value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        }
    }
    Value::deserialize(deserializer).map(|value| plain(&value))
}

/// Channels by their numbers: `{"0": "CT"}`, `["CT"]` or `"CT"`.
fn numbered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Channels {
        Numbered(BTreeMap<String, String>),
        Named(Texts),
    }
    Ok(match Channels::deserialize(deserializer)? {
        Channels::Numbered(channels) => channels,
        Channels::Named(names) => {
            names.all().iter().enumerate().map(|(number, name)| (number.to_string(), name.clone())).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DatasetJson, DataError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dataset.json"), text).unwrap();
        DatasetJson::of_folder(folder.path())
    }

    #[test]
    fn every_spelling_is_read() {
        let json = read(
            r#"{"description": null, "reference": ["a", "b"], "licence": "", "license": "CC0", "modality": ["T1", "T2"],
                "file_ending": "nii.gz"}"#,
        )
        .unwrap();
        assert_eq!((json.description.as_str(), json.reference.as_str(), json.licence.as_str()), ("", "a, b", "CC0"));
        assert_eq!(json.modality.get("1").map(String::as_str), Some("T2"));
        assert_eq!(json.file_ending, ".nii.gz");
        assert_eq!(read(r#"{"channel_names": "CT"}"#).unwrap().channel_names.len(), 1);
        assert!(read(r#"{"channel_names": {"0": 1}}"#).is_err());
    }

    #[test]
    fn data_lists_differ_from_the_decathlons() {
        let list =
            |entry: &str, more: &str| read(&format!(r#"{{"training": [{entry}]{more}}}"#)).unwrap().is_data_list();
        let plain = r#"{"image": "a.nii", "label": "b.nii"}"#;
        assert!(!list(plain, ""));
        assert!(list(plain, r#", "validation": []"#));
        assert!(list(r#"{"image": ["a.nii"], "label": "b.nii"}"#, ""));
        assert!(list(r#"{"image": "a.nii", "label": "b.nii", "fold": 0}"#, ""));
    }

    #[test]
    fn variables_in_paths_are_expanded_where_they_are_set() {
        assert_eq!(expanded("$CARGO_MANIFEST_DIR/x"), format!("{}/x", std::env::var("CARGO_MANIFEST_DIR").unwrap()));
        assert_eq!(expanded("${CARGO_MANIFEST_DIR}"), std::env::var("CARGO_MANIFEST_DIR").unwrap());
        assert_eq!(expanded("$SEGSPEC_NO_SUCH_VARIABLE/x"), "$SEGSPEC_NO_SUCH_VARIABLE/x");
        assert_eq!(expanded("plain/x"), "plain/x");
    }
}
