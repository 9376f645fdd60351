//! How a run ended.

use serde::{Deserialize, Serialize};

/// How a process's work on a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Outcome {
    /// The run is complete.
    Finished,
    /// It was already complete; nothing was computed.
    Skipped,
    /// Training was paused after the requested number of epochs; a later call continues it.
    Paused {
        /// Epochs done.
        epochs: usize,
    },
    /// The user stopped it; a later call continues it.
    Stopped,
    /// Another process is using it.
    Busy {
        /// That process, for display.
        holder: String,
    },
    /// It failed.
    Failed {
        /// What kind of failure it is.
        class: FailureClass,
        /// The reason, for display.
        reason: String,
    },
}

/// Cause of a failure: determines the exit code, and whether other runs are expected to fail, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The data.
    Data,
    /// The spec.
    Spec,
    /// The computation.
    Trial,
    /// The machine.
    Environment,
}

impl Outcome {
    /// Whether the run is complete.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished | Self::Skipped)
    }

    /// Short description, for tables.
    pub fn words(&self) -> String {
        match self {
            Self::Finished => "finished".into(),
            Self::Skipped => "already finished".into(),
            Self::Paused { epochs } => format!("paused after epoch {epochs}"),
            Self::Stopped => "stopped".into(),
            Self::Busy { holder } => format!("in progress elsewhere ({holder})"),
            Self::Failed { reason, .. } => format!("failed: {reason}"),
        }
    }
}
