//! One training step: the gradients of its patches, and the update of the weights.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};

use super::average::blend;
use super::batch::Batch;
use super::coach::Coach;
use super::error::TrainError;
use super::fit::{Job, TrainingRun};
use super::{guard, optimizer};
use crate::Cancel;
use crate::backend::{self, Selected};
use crate::cancel::{Interrupted, interruptible};
use crate::dataset::Target;
use crate::interact::Interact;
use crate::loss;
use crate::model::block::DropoutRng;
use crate::random;

/// Result of a step.
struct Step {
    loss: f64,
    /// Whether the weights changed.
    taken: bool,
}

impl TrainingRun {
    /// Runs one step and returns its loss.
    ///
    /// # Errors
    /// The loss is not finite, the device failed, or [`TrainError::Stopped`]: the step was left before it changed anything.
    pub(super) fn step(&mut self, job: &Job, batch: Batch, rate: f64) -> Result<f64, TrainError> {
        let scaled = job.plan.precision.scales_loss();
        let factor = scaled.then_some(self.saved.state.loss_scale.factor);
        // Only what threads may share, unlike the job's callbacks.
        let part = Part {
            plan: job.plan,
            terms: job.loss,
            beside: job.beside,
            seed: job.seed,
            factor,
            rate,
            cancelled: job.cancelled,
            interact: job.interact,
            target: job.target,
            device: job.device,
        };
        let step = guard::guarded(|| match job.beside.is_empty() {
            true => backend::near(job.device, || self.learn(&part, batch)),
            // Each device's work is near it.
            false => self.learn(&part, batch),
        })?;
        let Step { loss, taken } = step.map_err(|Interrupted| TrainError::Stopped)?;
        let state = &mut self.saved.state;
        let step = state.step + 1;
        match (taken, scaled) {
            (true, true) => state.loss_scale.succeeded(),
            (true, false) => {}
            (false, true) if state.loss_scale.overflowed() => state.skipped += 1,
            (false, true) => return Err(TrainError::Overflow { step }),
            (false, false) => return Err(TrainError::Diverged { step, loss, learning_rate: rate }),
        }
        state.step = step;
        state.loss_sum += if taken { loss } else { 0.0 };
        Ok(loss)
    }

    /// Updates the weights by the patches of one step, unless the loss or, with a loss scale, the gradient is not finite.
    fn learn(&mut self, part: &Part, batch: Batch) -> Result<Step, Interrupted> {
        // Until the gradients are there, nothing changes but running statistics.
        let before = self.saved.network.statistics();
        let result = match part.beside.is_empty() {
            true => interruptible(part.cancelled, || self.gradients(part, batch)),
            false => self.shared_gradients(part, batch),
        };
        if result.is_err() {
            self.saved.network = self.saved.network.clone().with_statistics(before);
        }
        let (loss, gradients) = result?;
        let Some(mut gradients) = gradients else { return Ok(Step { loss, taken: false }) };
        let network = &self.saved.network;
        self.rules.freeze(network, &mut gradients, self.saved.state.history.len() + 1);
        if part.plan.clip_value > 0.0 {
            optimizer::clip_value(network, &mut gradients, part.plan.clip_value);
        }
        if part.plan.clip_norm > 0.0 || part.factor.is_some() {
            let norm = optimizer::clip_global_norm(network, &mut gradients, part.plan.clip_norm);
            let is_finite = |norm: Tensor<1>| norm.into_scalar::<f32>().is_finite();
            if part.factor.is_some() && !norm.is_none_or(is_finite) {
                return Ok(Step { loss, taken: false });
            }
        }
        let rates = self.rules.rates(part.rate);
        self.saved.network = self.saved.optimizer.step(rates, self.saved.network.clone(), gradients);
        if let (Some(ema), Some(average)) = (part.plan.ema, self.saved.average.take()) {
            let decay = ema.decay_at(self.saved.state.averaged);
            self.saved.average = Some(blend(average, &self.saved.network.valid(), decay));
            self.saved.state.averaged += 1;
        }
        Ok(Step { loss, taken: true })
    }

    /// Mean loss of the step's batches, and the mean of their gradients; no gradients if a loss is not finite.
    fn gradients(&self, part: &Part, batch: Batch) -> (f64, Option<GradientsParams>) {
        let network = &self.saved.network;
        let batches = self.batches(part, batch);
        let count = batches.len() as f64;
        let (mut sum, mut accumulated) = (0.0, GradientsAccumulator::new());
        let draws = DropoutRng::of_step(part.seed, self.saved.state.step);
        for batch in batches {
            let (images, truth) = batch.into_device(&self.device);
            let loss = loss::supervised(part.terms, network.forward_supervised(images, &draws), &truth);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return (value, None);
            }
            sum += value;
            let loss = part.factor.map_or(loss.clone(), |factor| loss.mul_scalar(factor));
            accumulated.accumulate(network, GradientsParams::from_grads(loss.backward(), network));
        }
        (sum / count, Some(self.mean(part, accumulated.grads(), count)))
    }

    /// The mean of the gradients of `count` batches, without the loss scale, from their sum.
    pub(super) fn mean(&self, part: &Part, mut sum: GradientsParams, count: f64) -> GradientsParams {
        let divisor = part.factor.unwrap_or(1.0) * count;
        if divisor != 1.0 {
            optimizer::multiply(&self.saved.network, &mut sum, 1.0 / divisor);
        }
        sum
    }

    /// The batches of a step; with `[interact]` with simulated clicks.
    pub(super) fn batches(&self, part: &Part, batch: Batch) -> Vec<Batch> {
        let batches = batch.pieces(part.plan.batch_size);
        let Some(interact) = part.interact else { return batches };
        let (structures, sigmoid) = (part.target.structures.len(), part.target.sigmoid());
        let network = self.saved.network.valid();
        let coach = Coach { network: &network, device: part.device, interact, structures, sigmoid };
        let stream = |number: usize| random::stream(part.seed, "clicks", self.saved.state.step as u64, number as u64);
        (0..).zip(batches).map(|(number, batch)| coach.tell(batch, &mut stream(number))).collect()
    }
}

/// The part of a job that a step needs.
pub(super) struct Part<'a> {
    pub(super) plan: &'a super::TrainPlan,
    pub(super) terms: &'a [loss::Loss],
    /// Devices that share the step with the one of the weights.
    pub(super) beside: &'a [Selected],
    pub(super) seed: u64,
    /// Loss scale, for f16.
    pub(super) factor: Option<f64>,
    rate: f64,
    pub(super) cancelled: &'a Cancel,
    pub(super) interact: Option<Interact>,
    target: &'a Target,
    /// Without autodiff.
    pub(super) device: &'a Device,
}
