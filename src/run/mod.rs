//! Runs: the stages in order, the results folder, events, provenance.
//!
//! [`trial::run`] takes one plan through all stages; [`experiment`] plans and does all runs of a file; [`report`] gathers
//! what they left.

pub mod bench;
pub mod clock;
pub mod dashboard;
pub mod error;
pub mod event;
pub mod experiment;
pub mod inputs;
pub mod lock;
pub mod manifest;
pub mod prepare;
pub mod preview;
pub mod report;
pub mod store;
pub mod terminal;
pub mod trained;
pub mod trial;
mod ensemble;
mod finder;
mod panels;
mod predicting;
mod slices;
mod tables;
mod validate;

pub use error::{Kind, RunError};
pub use event::{Event, Observer};
pub use experiment::{Folds, Planned, PlannedRun};
pub use store::{RunFolder, Status};
pub use trained::Trained;

/// Epochs that a run has finished.
pub fn finished_epochs(folder: &RunFolder) -> usize {
    tables::read_history(folder).map_or(0, |frame| frame.height())
}

/// Mean Dice of a finished run: over cases, then over structures.
pub fn mean_dice_of(folder: &RunFolder) -> Option<f64> {
    let frame = crate::evaluate::table::read(&folder.scores().0).ok()?;
    crate::evaluate::summary::overall_mean(&frame, crate::evaluate::DICE).ok()?
}
