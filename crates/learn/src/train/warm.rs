//! A training step ahead of a training: on a GPU it compiles and tunes the kernels, which are kept.

use burn::module::Module;

use super::batch::Batch;
use super::error::TrainError;
use super::fit::{Job, TrainingRun};
use crate::backend;
use crate::model::Network;

/// Runs one training step on empty patches and discards it; returns the network without autodiff. Needs no cases, and saves nothing.
///
/// # Errors
/// The device failed, or [`TrainError::Stopped`].
pub fn warm(job: &Job) -> Result<Network, TrainError> {
    let mut run = TrainingRun::new(job)?;
    let rate = run.rate(job.plan, 0);
    match run.step(job, Batch::blank(job), rate) {
        // On empty patches a loss may be no number: the kernels are there all the same.
        Ok(_) | Err(TrainError::Diverged { .. } | TrainError::Overflow { .. }) => {}
        Err(error) => return Err(error),
    }
    backend::wait(job.device);
    Ok(run.saved.network.valid())
}
