//! Measured cost of training: a few steps from the initial weights, with real patches.

use std::time::Instant;

use burn::module::Module;

use super::batch::{Encoder, Maker, Sampler};
use super::cases::Cases;
use super::deal::Deal;
use super::error::TrainError;
use super::fit::{Job, TrainingRun};
use crate::model::Network;

/// Unmeasured steps at the start, which allocate memory and tune kernels.
const WARM_UP: usize = 2;

/// Median seconds of one training step.
#[derive(Clone, Debug)]
pub struct StepCost {
    /// Cutting and augmenting its patches, on one thread.
    pub loading: f64,
    /// Forward, loss, backward and optimiser.
    pub training: f64,
    /// The network after the measured steps, without autodiff.
    pub network: Network,
}

/// Runs a few training steps without saving anything.
///
/// # Errors
/// A case cannot be read, the loss is not finite, or the device failed.
pub fn measure_steps(job: &Job, steps: usize) -> Result<StepCost, TrainError> {
    let mut run = TrainingRun::new(job)?;
    let (encoder, cases) = (Encoder::new(job.target, job.task), Cases::new(job.cases.clone()));
    let deal = Deal::new(job.plan, &cases, &encoder.structures, job.seed, job.cancelled)?;
    let plan = deal.counted(job.plan);
    let sampler = Sampler { plan: &plan, structures: &encoder.structures, seed: job.seed };
    let maker = Maker { sampler, cases: &cases, deal: &deal, encoder: &encoder };
    let (mut loading, mut training) = (Vec::new(), Vec::new());
    for step in 0..WARM_UP + steps.max(1) {
        let start = Instant::now();
        let batch = maker.make(step)?;
        loading.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let rate = run.rate(job.plan, step);
        run.step(job, batch, rate)?;
        crate::backend::wait(job.device);
        training.push(start.elapsed().as_secs_f64());
    }
    let median = |seconds: Vec<f64>| median(seconds[WARM_UP..].to_vec());
    Ok(StepCost { loading: median(loading), training: median(training), network: run.saved.network.valid() })
}

/// The median, the upper one of an even number of values; 0 if there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
