//! Runs: lists, details, cases, logs, reports; trainings that the page starts.

mod case;
mod catalog;
mod details;
mod events;
mod process;
mod queue;
mod report;
mod voxels;

pub use case::{correction_json, files_of, found_case, show_case};
pub use catalog::Catalog;
pub use details::{all, modality, one, plan, predicted_file};
pub use events::events;
pub use process::{Processes, start, stop};
pub use queue::{Queues, queue};
pub use report::{Reports, keyed, report};
pub use voxels::{correction, image, meshes, meshes_about, prediction, reference};
