//! Whether a trial is worth going on with.

mod asha;
#[cfg(test)]
mod tests;
mod wilcoxon;

use serde::{Deserialize, Serialize};

pub use asha::{Asha, Promotion, Rung, RungResult};
pub use wilcoxon::{Comparison, Wilcoxon};

/// What to do with a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Give it up.
    Stop,
}
