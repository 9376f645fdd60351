//! Runs: planned from an experiment, then executed one by one.
//!
//! [`planning::plan`] plans all runs of an experiment file and [`experiment::run_all`] executes them. [`one::run`] takes one plan through
//! its stages: [`cases`] locates and verifies the data, [`preparing`] preprocesses it, the network is trained, and [`task`] predicts and
//! scores. [`report`] collects the results.

pub mod bench;
pub mod cases;
pub mod cautions;
pub mod continuing;
pub mod energy;
pub mod ensemble;
pub mod error;
pub mod experiment;
pub mod forecast;
pub mod found;
pub mod one;
pub mod panels;
pub mod planning;
pub mod preparing;
pub mod preview;
pub mod report;
pub mod setting;
pub mod sizing;
pub mod task;
pub mod trial;
pub mod warm;
mod repair;

pub use error::RunError;
use one::checkpoint_of as checkpoint_state;
pub use planning::{Folds, Planned, Planner, Request, plan};
pub use setting::Setting;
