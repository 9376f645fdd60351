//! Training: loop, optimiser, schedule, checkpoints.
//!
//! The loop is ours rather than burn-train's: a stopped run must go on exactly where it was (data order, schedule, best
//! score), and a failure must be an error, not a panic. burn-train's dashboard shows it (`run --tui`).

pub mod checkpoint;
pub mod history;
pub mod pretrained;
pub mod schedule;
pub mod spec;

mod batch;
mod cases;
mod fit;
mod guard;
mod loader;
mod loss_scale;
mod optimizer;
mod probe;

pub use batch::{case_of, draw_at, draw_sample};
pub use cases::LoadedCase;
pub use fit::{Ended, Job, TrainError, fit};
pub use history::{EpochRecord, Event, Validation};
pub use spec::{Train, TrainPlan};
