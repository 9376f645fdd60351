//! Paths of and below run folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Manifest, StoreError};
use super::{corrected, remedy};
use crate::files;
use crate::spec::carried::DATASET;

/// Name of the plan in every folder.
pub(super) const PLAN: &str = "plan.toml";
/// Folder of a report within the folder of its scores. Commands write reports without the run's lock.
pub const REPORT: &str = "report";
/// The cache below a run root.
const CACHE: &str = ".cache";
/// Folder of a training's predictions.
pub const PREDICTIONS: &str = "predictions";

/// The folder of a run: its training and everything computed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    pub(super) path: PathBuf,
}

/// The folder of one prediction of a training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionFolder {
    pub(super) path: PathBuf,
}

/// The folder of the scores of a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationFolder {
    path: PathBuf,
}

/// Cache folder below a run root: preprocessed cases, checks, file hashes.
pub fn cache(run_root: &Path) -> PathBuf {
    run_root.join(CACHE)
}

impl RunFolder {
    /// A folder that exists.
    pub fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Root folder of all experiments; it also holds the cache.
    pub fn run_root(&self) -> PathBuf {
        self.path.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
    }

    /// The cache of preprocessed cases, checks and file hashes: that of the run root, or, for a folder that was moved out of its
    /// experiment's, one of its own.
    pub fn cache(&self, experiment: &str) -> PathBuf {
        match self.path.parent().and_then(Path::file_name).is_some_and(|name| name == experiment) {
            true => cache(&self.run_root()),
            false => self.path.join(CACHE),
        }
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The run's latest plan.
    pub fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// The experiment and its dataset as files that run again.
    pub fn specs(&self) -> [PathBuf; 2] {
        ["experiment.toml", DATASET].map(|name| self.path.join(name))
    }

    /// The files of the user that it was planned from.
    pub fn sources(&self) -> PathBuf {
        self.path.join("sources.json")
    }

    /// Provenance.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// Hashes of the files of every case.
    pub fn data(&self) -> PathBuf {
        self.path.join("data.json")
    }

    /// Log of events, one JSON object per line.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// Event files of TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// Tags and note of a person.
    pub fn marks(&self) -> PathBuf {
        self.path.join("marks.json")
    }

    /// Label maps that people corrected; `corrections.json` in it says who, when and from what.
    pub fn corrections(&self) -> PathBuf {
        self.path.join("corrections")
    }

    /// What a worker process wrote to its standard error: warnings of libraries, the message of a panic.
    pub fn worker_log(&self) -> PathBuf {
        self.path.join("worker.log")
    }

    /// Checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The weights of the best epoch.
    pub fn best_weights(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }

    /// The weights after the last step.
    pub fn last_weights(&self) -> PathBuf {
        self.checkpoints().join("last").join("model.bpk")
    }

    /// The state of the training after the last step.
    pub fn last_state(&self) -> PathBuf {
        self.checkpoints().join("last").join("state.json")
    }

    /// The model card, beside the best weights.
    pub fn card(&self) -> PathBuf {
        self.checkpoints().join("model-card.md")
    }

    /// What only a training that goes on needs: the optimiser's state, the weights of single epochs, and, unless predictions use them
    /// (`keeps_last`), those of the last step.
    pub fn resumable_state(&self, keeps_last: bool) -> Vec<PathBuf> {
        let is_epoch = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("epoch-") && name.ends_with(".safetensors")
        };
        let epochs = files_in(&self.checkpoints()).into_iter().filter(is_epoch);
        let last = self.checkpoints().join("last");
        let state = files_in(&last).into_iter().filter(|path| !path.ends_with("state.json"));
        state.filter(|path| !(keeps_last && *path == self.last_weights())).chain(epochs).collect()
    }

    /// Label maps, probabilities and pictures of all predictions; their scores and tables are not among them.
    pub fn predicted_files(&self) -> Vec<PathBuf> {
        const KEPT: [&str; 5] = ["json", "toml", "parquet", "csv", "html"];
        let mut found = Vec::new();
        let mut folders = vec![self.path.join(PREDICTIONS)];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !KEPT.contains(&ending.as_str()) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// One row per epoch.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.parquet")
    }

    /// The same as JSON.
    pub fn history_json(&self) -> PathBuf {
        self.path.join("training_history.json")
    }

    /// Which parameters were initialised from pretrained weights.
    pub fn pretrained(&self) -> PathBuf {
        self.path.join("pretrained.json")
    }

    /// The prediction with this id.
    pub fn prediction(&self, id: &str) -> PredictionFolder {
        PredictionFolder { path: self.path.join(PREDICTIONS).join(id) }
    }

    /// Reads the manifest; `None` if the file does not exist.
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
            let usual = "delete this file and run the experiment again: training goes on from its checkpoint";
            let imported = "delete this file and import the model again with `segspec import nnunet`";
            let remedy = remedy::of(&path, usual, imported);
            StoreError::damaged(&path, format!("damaged ({error}); {remedy}"))
        })
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// I/O errors.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        write_json(&self.manifest(), manifest)
    }

    /// Removes everything in the folder but the lock, which the caller holds, and a person's work: tags, note, corrected labels.
    ///
    /// # Errors
    /// I/O errors.
    pub fn clear(&self) -> Result<(), StoreError> {
        let kept = [self.lock(), self.marks(), self.corrections()];
        let all = fs::read_dir(&self.path).map_err(StoreError::at(&self.path))?;
        for path in all.flatten().map(|entry| entry.path()).filter(|path| !kept.contains(path)) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::at(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl PredictionFolder {
    /// The folder itself: one file per predicted case.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plan of this prediction.
    pub fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    /// Values (or masks) and names of the structures in the predicted files.
    pub fn label_map(&self) -> PathBuf {
        self.path.join("label_map.json")
    }

    /// Unusable cases, with reasons.
    pub fn excluded(&self) -> PathBuf {
        self.path.join("excluded.json")
    }

    /// Predictions of a variant, for comparison.
    pub fn variant(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Voxels of a case by their predicted probability.
    pub fn reliability(&self, case: &str) -> PathBuf {
        self.path.join("reliability").join(format!("{case}.json"))
    }

    /// The slices of a case selected by the first stage of a cascade.
    pub fn looked_at(&self, case: &str) -> PathBuf {
        self.path.join("looked-at").join(format!("{case}.json"))
    }

    /// Slice probabilities of a classifier.
    pub fn slices(&self) -> (PathBuf, PathBuf) {
        (self.path.join("slices.parquet"), self.path.join("slices.csv"))
    }

    /// The scores with this id.
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

    /// Scores of the variants: earlier passes of a multi-pass network, or the second stage of a cascade alone.
    pub fn variants(&self) -> (PathBuf, PathBuf) {
        (self.path.join("variants.parquet"), self.path.join("variants.csv"))
    }

    /// Probabilities and reference of every slice, of a classifier.
    pub fn slices(&self) -> (PathBuf, PathBuf) {
        (self.path.join("slices.parquet"), self.path.join("slices.csv"))
    }

    /// Slices skipped by a cascade's classifier, and the recall lost.
    pub fn cascade(&self) -> (PathBuf, PathBuf) {
        (self.path.join("cascade.parquet"), self.path.join("cascade.csv"))
    }

    /// Scores after simulated clicks, of a network that takes them.
    pub fn clicks(&self) -> (PathBuf, PathBuf) {
        (self.path.join("clicks.parquet"), self.path.join("clicks.csv"))
    }

    /// Report of this run with its pictures.
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// The list of overlay pictures with their cases.
    pub fn panels(&self) -> PathBuf {
        self.report().join("panels.json")
    }
}

/// Files in a folder, sorted; none if there is no such folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = all.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Writes a JSON file atomically.
///
/// # Errors
/// I/O errors.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::other);
    let text = text.map(|text| [&text[..], b"\n"].concat());
    text.and_then(|text| files::write_atomic(path, &text)).map_err(StoreError::at(path))
}

/// Reads a JSON file; `None` if it does not exist.
///
/// # Errors
/// The file is damaged.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
            let usual = "run the experiment again, which writes this file again";
            let remedy = match path.file_name().is_some_and(|name| name == corrected::RECORD) {
                true => "restore it from a copy, or remove it: the label maps beside it then are nobody's corrections",
                false => remedy::of(path, usual, "`segspec run-plan` of the run's folder writes this file again"),
            };
            StoreError::damaged(path, format!("damaged ({error}); {remedy}"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::at(path)(error)),
    }
}

/// Entries of a folder, sorted, without hidden ones (the cache); empty if it cannot be read.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    paths.sort();
    paths
}
