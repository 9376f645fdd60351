//! Scores per case and structure, on the original grid; never sees a tensor.
//!
//! [`score()`] compares one prediction with its reference, [`table`] keeps the rows, [`summary`] averages them: over cases
//! first, then over structures. An undefined value is null and counted, never 0 and never silently dropped.

pub mod cascade;
pub mod overlap;
pub mod pair;
mod quantile;
pub mod score;
pub mod slices;
pub mod spec;
pub mod summary;
pub mod table;
pub mod trial;

pub use overlap::Overlap;
pub use score::{Score, ScoreError, score};
pub use spec::Evaluate;
pub use summary::{Statistics, StructureSummary, Summary, summarise};
pub use table::{Context, ScoreRow};
pub use trial::{Setting, TrialKey, Variant};
