//! The results folder: the only place that builds paths below a run folder.
//!
//! ```text
//! runs/<experiment>/<run-id>/
//!   plan.toml  manifest.json  events.jsonl  history.parquet  label_map.json  training_history.json  lock
//!   checkpoints/last/  checkpoints/best.safetensors  [checkpoints/epoch-N.safetensors]
//!   predictions/CASE.nii.gz (where structures overlap: one mask per structure along the fourth dimension)
//!   scores.parquet  scores.csv  excluded.json  report/
//!   [variants.parquet]  [cascade.parquet]  of a classifier instead of predictions and scores: slices.parquet
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use crate::files;
use crate::plan::Plan;

/// One run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing was computed yet.
    New,
    /// Begun, not finished: it goes on where it stopped.
    Resumable,
    /// All done; it is not run again.
    Finished,
}

impl RunFolder {
    /// The folder of a run below the run root.
    pub fn of(run_root: &Path, experiment: &str, run_id: &str) -> Self {
        Self { path: run_root.join(experiment).join(run_id) }
    }

    /// A folder that the person named; it must hold a plan.
    ///
    /// # Errors
    /// There is no `plan.toml`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        fs::metadata(folder.plan())?;
        Ok(folder)
    }

    /// The folder of another run of the same experiment.
    pub fn sibling(&self, run_id: &str) -> Self {
        Self { path: self.path.with_file_name(run_id) }
    }

    /// All run folders below a run root, or of one experiment, in the order of their names.
    pub fn all(run_root: &Path, experiment: Option<&str>) -> Vec<Self> {
        let experiments = match experiment {
            Some(name) => vec![run_root.join(name)],
            None => entries(run_root),
        };
        experiments.iter().flat_map(|folder| entries(folder)).filter_map(|path| Self::open(&path).ok()).collect()
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's id.
    pub fn id(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The lock file of the one writer.
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The resolved plan.
    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.toml")
    }

    /// Provenance.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
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

    /// Names and values of the structures in predicted label maps.
    pub fn label_map(&self) -> PathBuf {
        self.path.join("label_map.json")
    }

    /// Predictions.
    pub fn predictions(&self) -> PathBuf {
        self.path.join("predictions")
    }

    /// Scores per case and structure.
    pub fn scores(&self) -> (PathBuf, PathBuf) {
        (self.path.join("scores.parquet"), self.path.join("scores.csv"))
    }

    /// Which parameters began with weights from elsewhere.
    pub fn pretrained(&self) -> PathBuf {
        self.path.join("pretrained.json")
    }

    /// Scores of what the result is compared with: earlier passes of a network of several, a segmenter without its cascade.
    pub fn variants(&self) -> (PathBuf, PathBuf) {
        (self.path.join("variants.parquet"), self.path.join("variants.csv"))
    }

    /// Probabilities and truth of every slice, of a network that classifies slices.
    pub fn slices(&self) -> (PathBuf, PathBuf) {
        (self.path.join("slices.parquet"), self.path.join("slices.csv"))
    }

    /// What a cascade's classifier of slices cost and saved.
    pub fn cascade(&self) -> (PathBuf, PathBuf) {
        (self.path.join("cascade.parquet"), self.path.join("cascade.csv"))
    }

    /// Cases that could not be used, with reasons.
    pub fn excluded(&self) -> PathBuf {
        self.path.join("excluded.json")
    }

    /// The run's own report and its pictures.
    pub fn report(&self) -> PathBuf {
        self.path.join("report")
    }

    /// Reads the plan.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn read_plan(&self) -> io::Result<Plan> {
        let text = fs::read_to_string(self.plan())?;
        toml::from_str(&text).map_err(|error| io::Error::other(format!("{}: {error}", self.plan().display())))
    }

    /// Reads the manifest, if there is one.
    pub fn read_manifest(&self) -> Option<Manifest> {
        serde_json::from_slice(&fs::read(self.manifest()).ok()?).ok()
    }

    /// How far the run is.
    pub fn status(&self) -> Status {
        match self.read_manifest() {
            Some(manifest) if manifest.finished => Status::Finished,
            _ if self.plan().exists() => Status::Resumable,
            _ => Status::New,
        }
    }

    /// Removes everything that the run wrote.
    ///
    /// # Errors
    /// The operating system's.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Appends one line to `events.jsonl`, with the time.
    ///
    /// # Errors
    /// The operating system's.
    pub fn log(&self, event: &serde_json::Value) -> io::Result<()> {
        let mut line = serde_json::json!({ "time": super::clock::now() });
        if let (Some(line), Some(event)) = (line.as_object_mut(), event.as_object()) {
            line.extend(event.clone());
        }
        let mut file = OpenOptions::new().create(true).append(true).open(self.path.join("events.jsonl"))?;
        // In one call, so that a killed process leaves no half line that the next one would append to.
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// Writes a JSON file, whole or not at all.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_json(&self, path: &Path, value: &impl serde::Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
        text.push(b'\n');
        files::write_atomic(path, &text)
    }
}

/// What a folder holds, sorted; nothing if it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
