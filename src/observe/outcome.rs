//! How a run ended.

use serde::{Deserialize, Serialize};

/// How a process's work on a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Outcome {
    /// Everything that its plan asks for is done.
    Finished,
    /// It was done before; nothing was computed.
    Skipped,
    /// Its training was paused after so many epochs, as asked; a later call goes on.
    Paused {
        /// Epochs done.
        epochs: usize,
    },
    /// Somebody stopped it; a later call goes on.
    Stopped,
    /// Another process works on it.
    Busy {
        /// Which one, for people.
        holder: String,
    },
    /// It failed.
    Failed {
        /// What kind of failure it is.
        class: FailureClass,
        /// The reason, for people.
        reason: String,
    },
}

/// What is to blame for a failure: decides the exit code, and whether other runs can be expected to fail, too.
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
    /// Whether the run has everything that its plan asks for.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished | Self::Skipped)
    }

    /// In a few words, for tables.
    pub fn words(&self) -> String {
        match self {
            Self::Finished => "finished".into(),
            Self::Skipped => "finished before".into(),
            Self::Paused { epochs } => format!("paused after epoch {epochs}"),
            Self::Stopped => "stopped".into(),
            Self::Busy { holder } => format!("in work elsewhere ({holder})"),
            Self::Failed { reason, .. } => format!("failed: {reason}"),
        }
    }
}
