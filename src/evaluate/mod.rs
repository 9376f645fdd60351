//! Scores per case and structure on the original grid, and their statistics; independent of tensors.
//!
//! [`score()`] compares one prediction with its reference by the metrics of [`metric`], with the measures of [`mod@shape`]; [`table`] stores the scores of a run. [`trials`]
//! groups the runs of experiments, and [`summary`] averages over cases first, then over structures. Undefined values are null and
//! counted, never 0 and never silently dropped. [`files`] compares label files without an experiment.

pub mod metric;
pub mod overlap;
pub mod spec;
pub mod criteria;
pub mod shape;
pub mod score;
pub mod frame;
pub mod table;
pub mod statistics;
pub mod summary;
pub mod trial;
pub mod context;
pub mod trials;
pub mod rank;
pub mod reliability;
pub mod examples;
pub mod slices;
pub mod cascade;
pub mod clicks;
pub mod files;
mod quantile;

pub use context::{Context, Names};
pub use criteria::Criteria;
pub use metric::{DICE, HD95, IOU, Metric, MetricId, NSD};
pub use overlap::Overlap;
pub use score::{Score, ScoreError, score, score_overlap};
pub use spec::Evaluate;
pub use summary::{Statistics, Summary, summarise};
pub use trial::{Setting, TrialKey, Variant};
pub use trials::{Trial, Trials};
