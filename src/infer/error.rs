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
    /// The device cannot compute in the precision of the network.
    #[error("{folder}: its network computes in {precision}, and {reason}: use `--device cpu`, or another device")]
    Precision {
        /// The run.
        folder: String,
        /// Of the network.
        precision: &'static str,
        /// Which device, and why not.
        reason: String,
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
    /// Clicks that cannot be followed.
    #[error(transparent)]
    Click(#[from] ClickError),
}

/// Why clicks cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClickError {
    /// The network was trained without them, or there are several networks.
    #[error("clicks need one run of an experiment with `[interact]`, and this is none (docs/interact.md)")]
    NoClicks,
    /// A text that is no list of clicks.
    #[error(
        "{reason}; a click is {{\"structure\": \"NAME\", \"at-mm\": [x, y, z], \"positive\": true}} (docs/interact.md)"
    )]
    Text {
        /// What is wrong with it.
        reason: String,
    },
    /// A structure that the network does not know.
    #[error("click {number}: unknown structure `{name}`; this network knows {known}")]
    Structure {
        /// Which click, from 1.
        number: usize,
        /// The name.
        name: String,
        /// The known names.
        known: String,
    },
    /// More clicks than are followed.
    #[error("{found} clicks are more than the {most} that are followed")]
    TooMany {
        /// Number of clicks.
        found: usize,
        /// Maximum.
        most: usize,
    },
    /// Outside what the network sees.
    #[error(
        "the click at {at_mm:?} mm [x, y, z] (RAS+) is outside the part of the image that the network sees: inside lie {inside}"
    )]
    Outside {
        /// World millimetres.
        at_mm: [f64; 3],
        /// Its bounds.
        inside: String,
    },
    /// The current segmentation is of another grid.
    #[error(
        "the segmentation to refine has {found:?} voxels [z, y, x], the image {expected:?}: refine one of the same image"
    )]
    Grid {
        /// Of the segmentation.
        found: [usize; 3],
        /// Of the image.
        expected: [usize; 3],
    },
}
