//! Trained networks of other programs as runs of this one, which predict, score and fine-tune like any other.

pub mod nnunet;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::dataset::{DataError, SplitError};
use crate::store::{StoreError, Stored};
use crate::train::checkpoint::CheckpointError;
use crate::train::pretrained::PretrainedError;

/// Why a network cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read, or holds what is not supported.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Whether the disk or a permission is the cause.
        environment: bool,
    },
    /// Another process is importing the same.
    #[error("{}: another segspec is at work in this folder ({holder}); wait until it ends", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// The other process.
        holder: String,
    },
    /// The caller asked to stop.
    #[error("stopped; folds that were imported stay")]
    Interrupted,
    /// The dataset to score on does not fit the model.
    #[error("{0}")]
    Dataset(String),
    /// The dataset to score on cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Its split cannot be used.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The weights do not fit the network.
    #[error(transparent)]
    Weights(#[from] PretrainedError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The weights cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl ImportError {
    /// What is wrong with a file.
    pub(crate) fn of(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.into(), reason: reason.into(), environment: false }
    }

    /// Whether the machine is the reason (disk, permission, another process), rather than the model.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::File { environment, .. } => *environment,
            Self::Busy { .. } => true,
            Self::Store(error) => crate::files::is_environment(&error.source),
            Self::Checkpoint(error) => error.is_environment(),
            Self::Data(error) => error.is_environment(),
            Self::Interrupted | Self::Weights(_) | Self::Dataset(_) | Self::Split(_) => false,
        }
    }

    /// A file that cannot be read or written.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        let environment = crate::files::is_environment(error);
        Self::File { path: path.into(), reason: crate::files::reason(error), environment }
    }
}

/// Whether a run was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// It was not.
    New,
    /// It was, and is left as it was.
    Same,
    /// It was, and has other cases or another post-processing now.
    Changed,
}

/// A network that became a run.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// What it is, for people: `fold 0`.
    pub name: String,
    /// Its run folder.
    pub folder: PathBuf,
    /// Whether it was there already.
    pub known: Known,
    /// Number of cases to score.
    pub cases: usize,
    /// The run.
    #[serde(skip)]
    pub run: Stored,
}
