//! Runs: lists, details, cases, logs, reports on them and on experiments; trainings that the page starts.

mod case;
mod catalog;
mod details;
mod events;
mod process;
mod queue;
mod report;
mod summaries;
mod voxels;

pub use case::{correction_json, files_of, found_case, show_case, with_added};
pub use catalog::Catalog;
pub use details::{all, modality, one, plan, predicted_file};
pub use events::events;
pub use process::{Processes, start, stop};
pub use queue::{Queues, queue};
pub use report::{Reports, keyed, report};
pub use voxels::{correction, download, image, meshes, meshes_about, prediction, reference};
