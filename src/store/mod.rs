//! Runs on disk: folders, manifests, locks, tables. No other module builds paths below a run folder.
//!
//! ```text
//! runs/<experiment>/<training id>/
//!   plan.toml  experiment.toml  dataset.toml  sources.json  manifest.json  data.json  events.jsonl  lock
//!   checkpoints/last/  checkpoints/best.safetensors  [checkpoints/epoch-N.safetensors]  [pretrained.json]
//!   history.parquet  training_history.json  [corrections/CASE.nrrd, corrections.json]
//!   predictions/<prediction id>/
//!     plan.toml  excluded.json  label_map.json  CASE.nii.gz …  [looked-at/CASE.json]  [pass-1/CASE.nii.gz]  [second-stage-alone/CASE.nii.gz]
//!     (where structures overlap: one mask per structure along the fourth dimension; a classifier: slices.parquet)
//!     evaluations/<evaluation id>/
//!       scores.parquet  scores.csv  [variants.parquet]  [cascade.parquet]  report/  (a classifier: slices.parquet)
//! ```
//!
//! Folders are named by the ids of their stages ([`RunIds`](crate::plan::RunIds)): several predictions of one training lie side by side,
//! and existing results are never computed again.

pub mod corrected;
pub mod folder;
pub mod history;
pub mod listing;
pub mod lock;
pub mod manifest;
pub mod marks;
pub mod sources;
pub mod remedy;
pub mod stored;

pub use corrected::CorrectedLabels;
pub use folder::{EvaluationFolder, PREDICTIONS, PredictionFolder, REPORT, RunFolder, cache, read_json, write_json};
pub use listing::{Listed, list};
pub use lock::{Lock, LockError};
pub use manifest::{Manifest, PredictionRecord, TrainingRecord};
pub use marks::Marks;
pub use sources::SourceFile;
pub use stored::{Specs, Status, Stored, all};

use std::io;
use std::path::{Path, PathBuf};

/// A file of a run folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {}", crate::files::reason(source))]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

impl StoreError {
    /// Adds the path to an I/O error.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_path_buf(), source }
    }

    /// Error for a file with invalid content.
    pub(crate) fn damaged(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self { path: path.to_path_buf(), source: io::Error::new(io::ErrorKind::InvalidData, reason.to_string()) }
    }
}
