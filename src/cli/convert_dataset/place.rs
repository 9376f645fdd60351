//! The folder of a raw dataset: `DatasetNNN_NAME`.

use std::path::{Path, PathBuf};

use crate::cli::{Exit, Failure};

/// What a raw dataset consists of; a folder with anything else is not replaced.
const PARTS: [&str; 6] = ["dataset.json", "imagesTr", "labelsTr", "imagesTs", "labelsTs", "splits_final.json"];

/// Where the dataset is written to.
#[derive(Debug)]
pub(super) struct Target {
    /// Its folder.
    pub folder: PathBuf,
    /// nnU-Net's number of it.
    pub number: u16,
}

impl Target {
    /// `DatasetNNN_NAME`.
    pub fn folder_name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn usage<T>(text: String) -> Result<T, Failure> {
    Err(Failure::message(Exit::Usage, text))
}

/// A name that is part of a folder's: as stated, or the dataset's with `_` for other letters.
pub(super) fn name(wanted: &str, is_stated: bool) -> Result<String, Failure> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if is_stated && (wanted.is_empty() || !wanted.chars().all(is_plain)) {
        return usage(format!("--name `{wanted}`: use only the letters A to Z, digits, `-` and `_`"));
    }
    Ok(wanted.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect())
}

/// Chooses the folder: of the same name, or with the first number that is free.
pub(super) fn target(output: &Path, number: Option<u16>, name: &str) -> Result<Target, Failure> {
    let there = datasets(output)?;
    let same = there.iter().find(|(_, other)| other == name).map(|(number, _)| *number);
    let free = || (1..=999).find(|number| there.iter().all(|(taken, _)| taken != number));
    let Some(number) = number.or(same).or_else(free) else {
        return usage(format!("{}: every number from 1 to 999 is taken; choose another --output", output.display()));
    };
    if let Some((_, other)) = there.iter().find(|(taken, other)| *taken == number && other != name) {
        return usage(format!(
            "{}: the number {number} belongs to Dataset{number:03}_{other}; choose another --number",
            output.display()
        ));
    }
    Ok(Target { folder: output.join(format!("Dataset{number:03}_{name}")), number })
}

/// Numbers and names of the datasets in a folder.
fn datasets(output: &Path) -> Result<Vec<(u16, String)>, Failure> {
    let entries = match std::fs::read_dir(output) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| Failure::reading(output, &error))?,
    };
    let parsed = |name: String| {
        let (number, name) = name.strip_prefix("Dataset")?.split_once('_')?;
        Some((number.parse().ok()?, name.to_owned()))
    };
    let mut found: Vec<(u16, String)> =
        entries.flatten().filter_map(|entry| parsed(entry.file_name().to_string_lossy().into_owned())).collect();
    found.sort();
    Ok(found)
}

/// Whether a file or a folder with something in it is there.
pub(super) fn is_there(folder: &Path) -> bool {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.symlink_metadata().is_ok(),
    }
}

/// Refuses to replace what is there, unless it is a raw dataset and the user asks for it.
pub(super) fn refuse(folder: &Path, overwrite: bool) -> Result<(), Failure> {
    if !is_there(folder) {
        return Ok(());
    }
    if !overwrite {
        let remedy = "choose another --name or --number, or replace it with --overwrite";
        return usage(format!("{}: is there already; {remedy}", folder.display()));
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::reading(folder, &error))?;
    let other = entries.flatten().find(|entry| !PARTS.iter().any(|part| entry.file_name() == *part));
    match other {
        Some(other) => usage(format!(
            "{}: is no part of a raw dataset, and --overwrite replaces the whole folder: move it, or choose another --name",
            other.path().display()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_free_or_refused() {
        let place = tempfile::tempdir().unwrap();
        let chosen =
            |number: Option<u16>, name: &str| target(place.path(), number, name).map(|target| target.folder_name());
        assert_eq!(chosen(None, "a").unwrap(), "Dataset001_a");
        for folder in ["Dataset001_b", "Dataset007_c_d", "notes"] {
            std::fs::create_dir(place.path().join(folder)).unwrap();
        }
        assert_eq!(chosen(None, "a").unwrap(), "Dataset002_a");
        assert_eq!(chosen(None, "c_d").unwrap(), "Dataset007_c_d");
        assert_eq!(chosen(Some(9), "c_d").unwrap(), "Dataset009_c_d");
        let error = chosen(Some(7), "a").unwrap_err().error.to_string();
        assert!(error.contains("belongs to Dataset007_c_d"), "{error}");
        assert_eq!(name("gi tract", false).unwrap(), "gi_tract");
        assert!(name("gi tract", true).is_err());
    }

    #[test]
    fn only_raw_datasets_are_replaced() {
        let place = tempfile::tempdir().unwrap();
        refuse(place.path(), false).unwrap();
        std::fs::write(place.path().join("dataset.json"), "{}").unwrap();
        assert!(refuse(place.path(), false).unwrap_err().error.to_string().contains("--overwrite"));
        refuse(place.path(), true).unwrap();
        std::fs::write(place.path().join("notes.txt"), "mine").unwrap();
        assert!(refuse(place.path(), true).unwrap_err().error.to_string().contains("notes.txt"));
    }
}
