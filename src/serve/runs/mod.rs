//! Runs: lists, details, cases, logs, reports; trainings that the page starts.

mod case;
mod catalog;
mod details;
mod events;
mod process;
mod queue;
mod report;

pub use case::{
    correction, correction_json, encoded, found_case, image, meshes, meshes_about, prediction, reference, show_case,
};
pub use catalog::Catalog;
pub use details::{all, one, plan, predicted_file};
pub use events::events;
pub use process::{Processes, start, stop};
pub use queue::{Queues, queue};
pub use report::report;
