//! Why a run cannot predict, or a case not be segmented.

use crate::counted;
use crate::evaluate::table::TableError;
use crate::predict::PredictError;
use crate::preprocess::CaseError;
use crate::store::StoreError;
use crate::store::remedy::IMPORT;
use crate::train::checkpoint::CheckpointError;

/// Why a run cannot be used for prediction.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of its folder, or of a folder that it needs, cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A table of a run that it needs cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An import was interrupted.
    #[error("{folder}: was imported only in part; {IMPORT}")]
    Partial {
        /// The run.
        folder: String,
    },
    /// The weights of an imported network are missing or damaged.
    #[error("{reason}; delete the folder {folder} and {IMPORT}")]
    ImportLost {
        /// The run.
        folder: String,
        /// The file, and what is wrong with it.
        reason: String,
    },
    /// There are no weights yet.
    #[error("{folder}: no weights yet; `segspec run` trains them")]
    NoWeights {
        /// The run.
        folder: String,
    },
    /// The state of the last epoch of a finished training was deleted.
    #[error("{last} is missing: {remedy}")]
    LostLast {
        /// Its folder.
        last: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The weights changed since the run predicted with them.
    #[error(
        "{folder}: the weights do not match the manifest: a file was changed or damaged; delete this folder {remedy}"
    )]
    OtherWeights {
        /// The run.
        folder: String,
        /// What to do then.
        remedy: String,
    },
    /// A run whose network is needed is itself an ensemble.
    #[error("{folder}: is itself an ensemble; give the runs that it averages instead")]
    Nested {
        /// The run.
        folder: String,
    },
}

/// Why one case could not be segmented.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// Its files cannot be read, or not be prepared according to the plan.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// Its number of channels differs from that of the training images.
    #[error("the image has {}, the network takes {expected}", counted(*found, "channel"))]
    Channels {
        /// Channels of the image.
        found: usize,
        /// Channels of the network.
        expected: usize,
    },
    /// The network's prediction failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
}
