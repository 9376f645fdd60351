//! What runs leave on disk: folders, manifests, locks, tables. The only module that builds paths below a run folder.
//!
//! ```text
//! runs/<experiment>/<training id>/
//!   plan.toml  manifest.json  data.json  events.jsonl  excluded.json  lock
//!   checkpoints/last/  checkpoints/best.safetensors  [checkpoints/epoch-N.safetensors]  [pretrained.json]
//!   history.parquet  training_history.json
//!   predictions/<prediction id>/
//!     plan.toml  label_map.json  CASE.nii.gz …  [looked-at/CASE.json]  [pass-1/CASE.nii.gz]  [second-stage-alone/CASE.nii.gz]
//!     (where structures overlap: one mask per structure along the fourth dimension; a classifier: slices.parquet)
//!     evaluations/<evaluation id>/
//!       scores.parquet  scores.csv  [variants.parquet]  [cascade.parquet]  report/  (a classifier: slices.parquet)
//! ```
//!
//! Folders are named by the ids of their stages ([`RunIds`](crate::plan::RunIds)): another prediction of the same training lies beside the
//! first, and what is there is never computed again.

pub mod folder;
pub mod history;
pub mod lock;
pub mod manifest;
pub mod stored;

pub use folder::{EvaluationFolder, PredictionFolder, RunFolder, read_json, write_json};
pub use lock::{Lock, LockError};
pub use manifest::{Manifest, PredictionRecord, TrainingRecord};
pub use stored::{Status, Stored, all};

use std::io;
use std::path::{Path, PathBuf};

/// A file of a run folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

impl StoreError {
    /// A closure that names the file of an operating system's error.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_path_buf(), source }
    }

    /// A file that is not what was written.
    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self { path: path.to_path_buf(), source: io::Error::new(io::ErrorKind::InvalidData, reason.to_string()) }
    }
}
