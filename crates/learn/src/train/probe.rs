//! Estimates the cost of a training run before it starts.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::error::TrainError;
use super::fit::Job;
use super::guard;
use super::memory::{self, Step};
use crate::backend;
use crate::cancel::{Interrupted, interruptible};
use crate::loss::{self, Truth};
use crate::model::block::DropoutRng;
use crate::model::{self, Task};

/// Runs shorter than this are not worth a measured step.
const MIN_STEPS_TO_PROBE: usize = 20;

/// Trainable parameters, estimated bytes, and the seconds of one measured step (forward and backward, on a network that is
/// discarded).
///
/// # Errors
/// The device failed, or [`TrainError::Stopped`].
pub fn probe(job: &Job, remaining_steps: usize) -> Result<(usize, usize, Option<f64>), TrainError> {
    let device = super::fit::autodiff(job);
    let network = model::build(job.model, job.interface, job.plan.precision, job.seed, &device);
    let parameters = network.num_params();
    let elements = job.model.feature_map_elements(job.plan.patch_size, job.interface) as f64;
    let step_memory = Step { elements, batch_size: job.plan.batch_size, parameters: parameters as f64 };
    let bytes = step_memory.bytes(&memory::settings(job.plan)) as usize;
    if remaining_steps < MIN_STEPS_TO_PROBE {
        return Ok((parameters, bytes, None));
    }
    // Several devices share the batches of a step, or each batch.
    let devices = job.beside.len() + 1;
    let steps = || (0..job.plan.accumulate).try_for_each(|_| step(job, &network, &device));
    // The first step allocates memory, which later ones reuse.
    steps()?;
    let start = Instant::now();
    steps()?;
    Ok((parameters, bytes, Some(start.elapsed().as_secs_f64() / devices as f64)))
}

fn step(job: &Job, network: &model::Network, device: &Device) -> Result<(), TrainError> {
    let [depth, height, width] = job.plan.patch_size;
    let batch = job.plan.batch_size;
    let terms = job.loss;
    let images = Tensor::zeros([batch, job.interface.channels, depth, height, width], device);
    let [depth, height, width] = if job.task == Task::ClassifySlices { [1; 3] } else { job.plan.patch_size };
    let truth = match job.target.sigmoid() {
        true => Truth::Masks(Tensor::zeros([batch, job.interface.outputs, depth, height, width], device)),
        false => Truth::Classes(Tensor::<5, Int>::zeros([batch, 1, depth, height, width], device)),
    };
    let work = || {
        let loss = loss::supervised(terms, network.forward_supervised(images, &DropoutRng::of_step(0, 0)), &truth);
        // Reading the value waits for the device.
        let _ = loss.clone().into_data();
        let _ = loss.backward();
    };
    let cancelled = job.cancelled;
    let done = guard::guarded(|| backend::near(job.device, || interruptible(cancelled, work)))?;
    done.map_err(|Interrupted| TrainError::Stopped)
}
