//! Errors of runs and their failure classes, which decide the exit code.

use std::io;
use std::path::PathBuf;

use crate::dataset::{DataError, Excluded};
use crate::infer::InferError;
use crate::infer::OpenError;
use crate::observe::{FailureClass, Outcome};
use crate::preprocess::PrepareError;
use crate::store::remedy::IMPORT;
use crate::store::{LockError, StoreError};
use crate::train::TrainError;
use crate::train::checkpoint::CheckpointError;
use crate::train::pretrained::PretrainedError;

/// Why a run or an experiment did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(DataError),
    /// The split does not fit the cases.
    #[error(transparent)]
    Split(#[from] crate::dataset::split::SplitError),
    /// The plan could not be made.
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    /// No such fold.
    #[error("the split has {}, counted from 0: there is no fold {fold}", crate::counted(*folds, "fold"))]
    Fold {
        /// The requested fold.
        fold: usize,
        /// Number of folds.
        folds: usize,
    },
    /// No usable case remains.
    #[error(
        "no usable {what} case: {}; mend these files, `exclude` them in the dataset file, or choose another `split` or `--fold`",
        list(excluded)
    )]
    NoCases {
        /// `training` or `test`.
        what: &'static str,
        /// Why.
        excluded: Vec<Excluded>,
    },
    /// Pretrained weights.
    #[error("pretrained weights: {0}")]
    Pretrained(#[from] PretrainedError),
    /// The weights of an imported network are gone.
    #[error("{folder}: was imported and cannot be trained here; delete this folder and {IMPORT}")]
    Imported {
        /// The run.
        folder: String,
    },
    /// An imported network without cases.
    #[error(
        "{folder}: was imported without cases to score; {IMPORT} and --dataset, or segment images by `segspec predict`"
    )]
    NothingToScore {
        /// The run.
        folder: String,
    },
    /// Preprocessing.
    #[error(transparent)]
    Prepare(PrepareError),
    /// Training.
    #[error(transparent)]
    Train(TrainError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Prediction.
    #[error(transparent)]
    Predict(crate::predict::PredictError),
    /// A prediction could not be written.
    #[error(transparent)]
    Write(#[from] crate::volume::WriteError),
    /// A reference label map could not be read.
    #[error("{0}")]
    Reference(String),
    /// Scores.
    #[error(transparent)]
    Score(#[from] crate::evaluate::ScoreError),
    /// A table.
    #[error(transparent)]
    Table(#[from] crate::evaluate::table::TableError),
    /// The report.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// The lock of a run folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file of a run folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run whose network cannot be loaded.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The data of a plan is missing or has changed.
    #[error("{folder}: {reason}")]
    DataMoved {
        /// The dataset's folder.
        folder: PathBuf,
        /// What differs, and the remedy.
        reason: String,
    },
    /// `--continue-from` is not possible.
    #[error("cannot continue from {from}: {reason}")]
    Continue {
        /// The other run.
        from: String,
        /// Why not.
        reason: String,
    },
    /// A run that this one depends on is not finished.
    #[error("depends on run {run}, which is not finished")]
    Needs {
        /// The other run.
        run: String,
    },
    /// A device.
    #[error(transparent)]
    Device(#[from] crate::backend::DeviceError),
    /// A device cannot compute in the precision of the plan.
    #[error("{reason}: set `train.precision` to one of {usable}, or choose another device")]
    Precision {
        /// Which device, and why not.
        reason: String,
        /// Precisions that can be used.
        usable: String,
    },
    /// A training step that no batch of this size fits into.
    #[error(
        "training needs about {wanted} of memory, this machine has {total}: lower `train.batch-size`, `train.patch-size` or the \
         network's features, set `train.gradient-checkpointing = true`, or use a larger machine"
    )]
    Memory {
        /// Estimated.
        wanted: String,
        /// The machine's.
        total: String,
    },
    /// A file of the run folder.
    #[error("{path}: {}", crate::files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Nothing was found where results were expected.
    #[error("{0}")]
    NothingThere(String),
    /// Trials of a sweep whose settings cannot be planned.
    #[error("{} cannot be run:\n  {}\nLeave them out with `exclude` in [sweep], or change their values", crate::counted(.0.len(), "trial"), .0.join("\n  "))]
    Trials(Vec<String>),
    /// A search that cannot go on.
    #[error("{0}")]
    Search(String),
    /// A bug in segspec.
    #[error("internal error: {0}; please report it")]
    Internal(String),
    /// Stopped by the user; the state is saved.
    #[error("stopped; state saved. Run the same command to resume")]
    Interrupted,
}

impl RunError {
    /// Adds the path to an I/O error.
    pub fn file(path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path, source }
    }

    /// Class of the failure; `None` if the user stopped the run.
    pub fn class(&self) -> Option<FailureClass> {
        Some(match self {
            Self::Interrupted => return None,
            Self::Device(_) | Self::Precision { .. } | Self::Memory { .. } | Self::Lock(_) => FailureClass::Environment,
            error if error.is_environment() => FailureClass::Environment,
            Self::Data(_) | Self::Split(_) | Self::NoCases { .. } | Self::Reference(_) => FailureClass::Data,
            Self::Score(_) | Self::NothingThere(_) | Self::Pretrained(_) | Self::DataMoved { .. } => FailureClass::Data,
            Self::Train(TrainError::Pretrained(_)) => FailureClass::Data,
            Self::Plan(_) | Self::Fold { .. } | Self::Train(TrainError::Group(_) | TrainError::Sharing { .. }) => {
                FailureClass::Spec
            }
            Self::Continue { .. } | Self::Search(_) | Self::Trials(_) => FailureClass::Spec,
            Self::Open(OpenError::NoWeights { .. } | OpenError::LostLast { .. } | OpenError::Nested { .. }) => {
                FailureClass::Data
            }
            Self::Store(error) | Self::Open(OpenError::Store(error))
                if error.source.kind() == io::ErrorKind::NotFound =>
            {
                FailureClass::Data
            }
            _ => FailureClass::Trial,
        })
    }

    /// The outcome of a run that ended with this error.
    pub fn outcome(&self) -> Outcome {
        match self.class() {
            None => Outcome::Stopped,
            Some(class) => Outcome::Failed { class, reason: self.to_string() },
        }
    }

    fn is_environment(&self) -> bool {
        match self {
            Self::Data(error) => error.is_environment(),
            Self::Prepare(error) | Self::Train(TrainError::Prepare(error)) => error.is_environment(),
            Self::Write(error) => error.environment,
            Self::Table(error) => error.is_environment(),
            Self::Report(error) => error.is_environment(),
            Self::File { source, .. } => crate::files::is_environment(source),
            Self::Store(error) | Self::Open(OpenError::Store(error)) => crate::files::is_environment(&error.source),
            Self::Checkpoint(error)
            | Self::Train(TrainError::Checkpoint(error))
            | Self::Open(OpenError::Checkpoint(error)) => error.is_environment(),
            _ => false,
        }
    }
}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Cancelled => Self::Interrupted,
            error => Self::Data(error),
        }
    }
}

impl From<InferError> for RunError {
    fn from(error: InferError) -> Self {
        match error {
            InferError::Predict(error) => error.into(),
            error => Self::Reference(error.to_string()),
        }
    }
}

impl From<PrepareError> for RunError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Cancelled => Self::Interrupted,
            error => Self::Prepare(error),
        }
    }
}

impl From<TrainError> for RunError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Stopped => Self::Interrupted,
            error => Self::Train(error),
        }
    }
}

impl From<crate::predict::PredictError> for RunError {
    fn from(error: crate::predict::PredictError) -> Self {
        match error {
            crate::predict::PredictError::Cancelled => Self::Interrupted,
            error => Self::Predict(error),
        }
    }
}

fn list(excluded: &[Excluded]) -> String {
    let rows: Vec<String> = excluded.iter().take(3).map(|row| format!("{}: {}", row.case, row.reason)).collect();
    match rows.is_empty() {
        true => "the dataset has none".into(),
        false => rows.join("; "),
    }
}
