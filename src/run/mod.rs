//! Runs: planned from an experiment, then done one by one.
//!
//! [`planning::plan`] makes the plans of all runs of a file; [`experiment::run_all`] does them; [`one::run`] takes one plan through its
//! stages: [`cases`] finds and proves the data, [`preparing`] prepares it, the network is trained, and [`task`] predicts and scores.
//! [`report`] gathers what they left.

pub mod bench;
pub mod cases;
pub mod continuing;
pub mod error;
pub mod experiment;
pub mod found;
pub mod one;
pub mod planning;
pub mod preparing;
pub mod preview;
pub mod report;
pub mod setting;
pub mod task;
mod ensemble;
mod panels;

pub use error::RunError;
pub use planning::{Folds, Planned, Request, plan};
pub use setting::Setting;
