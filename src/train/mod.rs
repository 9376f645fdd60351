//! Training: loop, optimiser, schedule, checkpoints.

pub mod spec;
pub use spec::{Train, TrainPlan};
