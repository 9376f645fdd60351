//! Training: loop, optimiser, schedule, checkpoints.
//!
//! The loop is ours rather than burn-train's: a stopped run must resume exactly where it was (data order, schedule, best
//! score), and a failure must be an error, not a panic. `run --tui` shows it in burn-train's dashboard.

pub mod average;
pub mod checkpoint;
pub mod history;
pub mod memory;
pub mod metric;
pub mod optimizer;
pub mod pretrained;
pub mod schedule;
pub mod spec;
pub mod stopping;

mod batch;
mod bench;
mod cases;
mod coach;
mod deal;
mod epoch;
mod error;
mod fit;
mod guard;
mod loader;
mod loss_scale;
mod probe;
mod shared;
mod step;
mod steps;
mod warm;

pub use batch::Sampler;
pub use bench::{StepCost, measure_steps, median};
pub use cases::LoadedCase;
pub use deal::{Deal, Tiles, case_of, tiles_of};
pub use error::TrainError;
pub use fit::{Ended, Job, fit, refuse_unknown_groups};
pub use history::{EpochRecord, Event, Validation};
pub use probe::probe;
pub use shared::refuse_sharing;
pub use spec::{Train, TrainPlan};
pub use warm::warm;
