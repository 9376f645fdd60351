//! Pairs predictions with references: files with the same case name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::volume::format;

/// A reference and its prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name of the case: the reference's file name without its extension (`.nii.gz`, `.seg.nrrd`, …).
    pub case: String,
    /// File of the reference.
    pub reference: PathBuf,
    /// File of the prediction.
    pub prediction: PathBuf,
}

/// All pairs of two folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// In the order of case names.
    pub pairs: Vec<Pair>,
    /// Predictions without a reference, in the order of their names. They are not scored.
    pub extra: Vec<PathBuf>,
}

/// Why references and predictions cannot be paired.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A path is missing or cannot be listed.
    #[error("{path}: {source}")]
    List {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No label file in a folder.
    #[error("{path}: no label file in this folder ({})", format::ENDINGS.join(", "))]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Two files of one folder have the same case name.
    #[error("case `{case}` has two files: {first} and {second}; remove one of them")]
    Twice {
        /// The case.
        case: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// References without a prediction. They are never skipped: that would hide failures.
    #[error("{}", missing_message(folder, references))]
    Missing {
        /// Folder of the predictions.
        folder: PathBuf,
        /// The references without one.
        references: Vec<PathBuf>,
    },
}

fn missing_message(folder: &Path, references: &[PathBuf]) -> String {
    let names: Vec<String> = references.iter().map(|path| format!("  {}", path.display())).collect();
    let count = references.len();
    format!("{}: no prediction for {count} reference file(s):\n{}", folder.display(), names.join("\n"))
}

/// Name of the case that a file belongs to; `None` for hidden files and those without the extension of an image.
pub fn case_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    format::stem(name).filter(|_| !name.starts_with('.')).map(str::to_owned)
}

/// Pairs files by case name. Either path may be a folder or a file; with a file there is one pair (two files are paired whatever
/// their names).
///
/// # Errors
/// [`PairError`] for paths that cannot be read, empty folders, ambiguous names and missing predictions.
pub fn pair(reference: &Path, prediction: &Path) -> Result<Pairs, PairError> {
    let mut references = list(reference)?;
    let mut predictions = list(prediction)?;
    if !reference.is_dir() && !prediction.is_dir() {
        predictions = references.keys().cloned().zip(predictions.into_values()).collect();
    }
    if !prediction.is_dir() && reference.is_dir() {
        references.retain(|case, _| predictions.contains_key(case));
    }
    let mut pairs = Vec::new();
    let mut missing = Vec::new();
    for (case, reference) in references {
        match predictions.remove(&case) {
            Some(prediction) => pairs.push(Pair { case, reference, prediction }),
            None => missing.push(reference),
        }
    }
    if pairs.is_empty() && missing.is_empty() {
        // A single prediction without a reference of that name.
        missing.push(reference.to_owned());
    }
    match missing.is_empty() {
        true => Ok(Pairs { pairs, extra: extra(reference, predictions) }),
        false => Err(PairError::Missing { folder: prediction.to_owned(), references: missing }),
    }
}

/// Predictions without a reference; for a single reference, the rest of the predictions' folder is ignored.
fn extra(reference: &Path, predictions: BTreeMap<String, PathBuf>) -> Vec<PathBuf> {
    if reference.is_dir() { predictions.into_values().collect() } else { Vec::new() }
}

fn list(path: &Path) -> Result<BTreeMap<String, PathBuf>, PairError> {
    let failed = |source| PairError::List { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        let case = case_name(path).unwrap_or_else(|| path.display().to_string());
        return Ok(BTreeMap::from([(case, path.to_owned())]));
    }
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let Some(case) = case_name(&file).filter(|_| !file.is_dir()) else { continue };
        if let Some(other) = files.insert(case.clone(), file.clone()) {
            let (first, second) = if other < file { (other, file) } else { (file, other) };
            return Err(PairError::Twice { case, first, second });
        }
    }
    if files.is_empty() { Err(PairError::Empty { path: path.to_owned() }) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| fs::write(folder.path().join(file), b"").unwrap());
        folder
    }

    #[test]
    fn files_are_paired_by_case_whatever_their_ending() {
        let references = folder(&["b.nii", "a.nii.gz", "notes.txt", "._a.nii.gz"]);
        let predictions = folder(&["a.nii", "b.nii.gz", "c.nii.gz"]);
        let pairs = pair(references.path(), predictions.path()).unwrap();
        let cases: Vec<&str> = pairs.pairs.iter().map(|pair| pair.case.as_str()).collect();
        assert_eq!(cases, ["a", "b"]);
        assert_eq!(pairs.pairs[0].prediction, predictions.path().join("a.nii"));
        assert_eq!(pairs.extra, [predictions.path().join("c.nii.gz")]);
    }

    #[test]
    fn a_missing_prediction_is_an_error_that_names_the_file() {
        let references = folder(&["a.nii.gz", "b.nii.gz"]);
        let predictions = folder(&["a.nii.gz"]);
        let message = pair(references.path(), predictions.path()).unwrap_err().to_string();
        assert!(message.contains("b.nii.gz") && !message.contains("a.nii.gz"), "{message}");
    }

    #[test]
    fn files_pair_with_files_and_with_folders() {
        let references = folder(&["a.nii.gz", "b.nii.gz"]);
        let predictions = folder(&["a.nii.gz", "other.nii"]);
        let two = pair(&references.path().join("b.nii.gz"), &predictions.path().join("other.nii")).unwrap();
        assert_eq!((two.pairs.len(), two.pairs[0].case.as_str()), (1, "b"));
        let in_folder = pair(&references.path().join("a.nii.gz"), predictions.path()).unwrap();
        assert_eq!((in_folder.pairs.len(), in_folder.extra.len()), (1, 0));
        let one_prediction = pair(references.path(), &predictions.path().join("a.nii.gz")).unwrap();
        assert_eq!(one_prediction.pairs[0].case, "a");
        assert!(pair(references.path(), &predictions.path().join("other.nii")).is_err());
    }

    #[test]
    fn ambiguous_empty_and_absent_folders_are_refused() {
        let one = folder(&["a.nii"]);
        let twice = folder(&["a.nii", "a.nii.gz"]);
        let message = pair(one.path(), twice.path()).unwrap_err().to_string();
        assert!(message.contains("`a` has two files"), "{message}");
        let empty = folder(&["readme.txt"]);
        assert!(matches!(pair(empty.path(), one.path()), Err(PairError::Empty { .. })));
        assert!(matches!(pair(one.path(), &empty.path().join("nowhere")), Err(PairError::List { .. })));
    }
}
