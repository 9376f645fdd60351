//! The folders of runs, and the paths below them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Manifest, StoreError};
use crate::files;

/// Name of the plan in every folder.
pub(super) const PLAN: &str = "plan.toml";
/// Folder of all predictions of a training.
pub(super) const PREDICTIONS: &str = "predictions";

/// The folder of a training and of what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    pub(super) path: PathBuf,
}

/// The folder of predictions by one training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionFolder {
    pub(super) path: PathBuf,
}

/// The folder of scores of predictions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folder of all runs of all experiments, which holds the cache, too.
    pub fn run_root(&self) -> PathBuf {
        self.path.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
    }

    /// The lock file of the one writer.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// What is asked of the run now.
    pub fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// Provenance.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// Hashes of the files of every case.
    pub fn data(&self) -> PathBuf {
        self.path.join("data.json")
    }

    /// What happened, line by line.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// Checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The weights of the best epoch.
    pub fn best_weights(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }

    /// The weights of the last step.
    pub fn last_weights(&self) -> PathBuf {
        self.checkpoints().join("last").join("model.bpk")
    }

    /// One row per epoch.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.parquet")
    }

    /// The same for people and other tools.
    pub fn history_json(&self) -> PathBuf {
        self.path.join("training_history.json")
    }

    /// Which parameters began with weights from elsewhere.
    pub fn pretrained(&self) -> PathBuf {
        self.path.join("pretrained.json")
    }

    /// Cases that could not be used, with reasons.
    pub fn excluded(&self) -> PathBuf {
        self.path.join("excluded.json")
    }

    /// Predictions of an id.
    pub fn prediction(&self, id: &str) -> PredictionFolder {
        PredictionFolder { path: self.path.join(PREDICTIONS).join(id) }
    }

    /// Reads the manifest; none if there is no such file.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn read_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        let path = self.manifest();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::at(&path)(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let remedy = "delete this file and run the experiment again: training goes on from its checkpoint";
            StoreError::damaged(&path, format!("damaged ({error}); {remedy}"))
        })
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        write_json(&self.manifest(), manifest)
    }

    /// Removes everything that the run wrote.
    ///
    /// # Errors
    /// The operating system's.
    pub fn clear(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::at(&self.path)(error)),
            _ => Ok(()),
        }
    }
}

impl PredictionFolder {
    /// The folder itself, with a file for each predicted case.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan that it is made by.
    pub fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// Names and values of the structures in predicted label maps.
    pub fn label_map(&self) -> PathBuf {
        self.path.join("label_map.json")
    }

    /// Predictions that the result is compared with, by a name for files.
    pub fn variant(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Which slices of a case the second stage of a cascade looked at.
    pub fn looked_at(&self, case: &str) -> PathBuf {
        self.path.join("looked-at").join(format!("{case}.json"))
    }

    /// Probabilities of every slice, of a classifier.
    pub fn slices(&self) -> (PathBuf, PathBuf) {
        (self.path.join("slices.parquet"), self.path.join("slices.csv"))
    }

    /// Scores of an id.
    pub fn evaluation(&self, id: &str) -> EvaluationFolder {
        EvaluationFolder { path: self.path.join("evaluations").join(id) }
    }
}

impl EvaluationFolder {
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Scores per case and structure.
    pub fn scores(&self) -> (PathBuf, PathBuf) {
        (self.path.join("scores.parquet"), self.path.join("scores.csv"))
    }

    /// Scores of what the result is compared with: earlier passes of a network of several, a second stage without its first.
    pub fn variants(&self) -> (PathBuf, PathBuf) {
        (self.path.join("variants.parquet"), self.path.join("variants.csv"))
    }

    /// Probabilities and truth of every slice, of a classifier.
    pub fn slices(&self) -> (PathBuf, PathBuf) {
        (self.path.join("slices.parquet"), self.path.join("slices.csv"))
    }

    /// What a cascade's classifier of slices cost and saved.
    pub fn cascade(&self) -> (PathBuf, PathBuf) {
        (self.path.join("cascade.parquet"), self.path.join("cascade.csv"))
    }

    /// The run's own report and its pictures.
    pub fn report(&self) -> PathBuf {
        self.path.join("report")
    }

    /// Which overlay picture shows which case.
    pub fn panels(&self) -> PathBuf {
        self.report().join("panels.json")
    }
}

/// Writes a JSON file, whole or not at all.
///
/// # Errors
/// The operating system's.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::other);
    let text = text.map(|text| [&text[..], b"\n"].concat());
    text.and_then(|text| files::write_atomic(path, &text)).map_err(StoreError::at(path))
}

/// Reads a JSON file; none if there is no such file.
///
/// # Errors
/// The file is damaged.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| StoreError::damaged(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::at(path)(error)),
    }
}

/// What a folder holds, sorted; nothing if it cannot be read. Hidden entries (the cache) are left out.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    paths.sort();
    paths
}
