//! The training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::batch::{self, Batch, Encoder};
use super::cases::Cases;
use super::checkpoint::{self, CheckpointError, State};
use super::history::{EpochRecord, Event, Validation};
use super::pretrained::PretrainedError;
use super::schedule::learning_rate;
use super::spec::{BestMetric, TrainPlan};
use super::{guard, loader, optimizer, probe};
use crate::backend;
use crate::dataset::Target;
use crate::loss::{self, Loss};
use crate::model::block::Draws;
use crate::model::{self, Interface, ModelPlan, Network};
use crate::preprocess::{PrepareError, PreparedCase};

/// Everything that one training needs.
pub struct Job<'a> {
    /// Schedule, sampling, optimiser.
    pub plan: &'a TrainPlan,
    /// Architecture.
    pub model: &'a ModelPlan,
    /// Channels in and out.
    pub interface: Interface,
    /// Terms of the loss.
    pub loss: &'a [Loss],
    /// Structures to find.
    pub target: &'a Target,
    /// Seed of weights, order and patches.
    pub seed: u64,
    /// Where to compute, without autodiff.
    pub device: &'a Device,
    /// Gives a new network weights from elsewhere.
    pub initial: Option<Initial<'a>>,
    /// Training cases.
    pub cases: Vec<&'a PreparedCase>,
    /// Folder of the checkpoints.
    pub checkpoints: &'a Path,
    /// Scores a network (without autodiff) on the validation cases; none if there are none.
    pub validate: Option<Validate<'a>>,
    /// Set from outside to stop after the current step, with everything saved.
    pub cancelled: &'a AtomicBool,
}

/// Scores a network (without autodiff) on the validation cases.
pub type Validate<'a> = &'a dyn Fn(&Network) -> Result<Validation, TrainError>;

/// Gives a new network weights from elsewhere.
pub type Initial<'a> = &'a dyn Fn(Network) -> Result<Network, PretrainedError>;

/// How a training ended.
pub enum Ended {
    /// All epochs are done; the network of the last step, and the state.
    Finished(Box<Network>, State),
    /// Stopped from outside; `last` holds the state.
    Interrupted,
}

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no number any more.
    #[error("the loss became {loss} at step {step}: lower the learning rate ({learning_rate:e}) or `train.clip-norm`")]
    Diverged {
        /// Counted over all epochs, from 1.
        step: usize,
        /// The value.
        loss: f64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// No factor of the loss keeps the gradients within 16 bits.
    #[error(
        "step {step} overflowed 16 bits whatever the factor of the loss: set `train.precision = \"bf16\"` or \"f32\""
    )]
    Overflow {
        /// Counted over all epochs, from 1.
        step: usize,
    },
    /// The device has no room for a step.
    #[error(
        "the device ran out of memory ({reason}): lower `train.batch-size`, `train.patch-size` or the model's features, set \
         `train.precision = \"bf16\"` or `train.gradient-checkpointing = true`"
    )]
    Memory {
        /// What the device said.
        reason: String,
    },
    /// The device failed.
    #[error("the device failed: {reason}")]
    Device {
        /// What it said.
        reason: String,
    },
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The weights to start from.
    #[error("pretrained weights: {0}")]
    Pretrained(#[from] PretrainedError),
    /// A prepared case could not be read.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Stopped while validating.
    #[error("stopped")]
    Stopped,
    /// Validation failed.
    #[error("validation: {0}")]
    Validation(String),
}

/// Trains from the last checkpoint, or from the beginning, to the last epoch.
///
/// The result depends on the plan, the cases and the seed alone: not on where it was stopped, nor on threads.
///
/// # Errors
/// See [`TrainError`].
pub fn fit(job: &Job, observe: &mut dyn FnMut(Event)) -> Result<Ended, TrainError> {
    let mut run = Fitting::start(job)?;
    run.announce(job, observe)?;
    let encoder = Encoder::new(job.target);
    let cases = Cases::new(job.cases.clone());
    let (plan, seed) = (job.plan, job.seed);
    let make = |step: usize| batch::make(plan, &cases, &encoder, seed, step);
    std::thread::scope(|scope| {
        let mut batches = loader::start(scope, plan.loader_threads, run.state.step..plan.steps(), make);
        while run.state.history.len() < plan.epochs {
            if !run.train_epoch(job, &mut batches, observe)? || !run.finish_epoch(job, observe)? {
                run.save(job)?;
                return Ok(Ended::Interrupted);
            }
        }
        Ok(Ended::Finished(Box::new(run.network.valid()), run.state))
    })
}

/// The device of the plan's training steps.
pub(super) fn autodiff(job: &Job) -> Device {
    let device = job.device.clone().autodiff();
    if job.plan.gradient_checkpointing { device.gradient_checkpointing() } else { device }
}

/// What a step came to.
struct Step {
    loss: f64,
    /// Whether the weights changed.
    taken: bool,
}

/// A training on its way.
struct Fitting {
    network: Network,
    optimizer: ModuleOptimizer,
    state: State,
    device: Device,
    /// Seconds of the current epoch's steps, and their number, since this process works on it.
    seconds: f64,
    steps_here: usize,
    /// Seconds of the current epoch without a batch.
    waited: f64,
}

impl Fitting {
    fn start(job: &Job) -> Result<Self, TrainError> {
        let device = autodiff(job);
        let network = model::build(job.model, job.interface, job.plan.precision, job.seed, &device);
        let optimizer = optimizer::build(&job.plan.optimizer);
        let (network, optimizer, state) = match checkpoint::recover(job.checkpoints) {
            true => checkpoint::load(job.checkpoints, network, optimizer)?,
            false => {
                let network = job.initial.map_or(Ok(network.clone()), |initial| initial(network))?;
                (network, optimizer, State::default())
            }
        };
        Ok(Self { network, optimizer, state, device, seconds: 0.0, steps_here: 0, waited: 0.0 })
    }

    fn announce(&self, job: &Job, observe: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
        let remaining = job.plan.steps().saturating_sub(self.state.step);
        let (parameters, memory_bytes, step_seconds) = guard::guarded(|| probe::probe(job, remaining))?;
        observe(Event::Started {
            parameters,
            memory_bytes,
            epoch_seconds: step_seconds.map(|seconds| seconds * job.plan.steps_per_epoch as f64),
            epochs: job.plan.epochs,
            steps_per_epoch: job.plan.steps_per_epoch,
            resumed_at: self.state.step,
            history: &self.state.history,
        });
        Ok(())
    }

    /// Does the remaining steps of the current epoch; false if it was stopped.
    fn train_epoch(
        &mut self,
        job: &Job,
        batches: &mut impl Iterator<Item = Result<Batch, PrepareError>>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TrainError> {
        let epoch = self.state.history.len() + 1;
        (self.seconds, self.steps_here, self.waited) = (0.0, 0, 0.0);
        while self.state.step < epoch * job.plan.steps_per_epoch {
            if job.cancelled.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let waiting = Instant::now();
            let Some(batch) = batches.next() else { return Ok(false) };
            let start = Instant::now();
            self.waited += (start - waiting).as_secs_f64();
            let rate = learning_rate(job.plan, self.state.step);
            let loss = self.step(job, batch?, rate)?;
            self.seconds += start.elapsed().as_secs_f64();
            self.steps_here += 1;
            observe(Event::Step {
                epoch,
                step: self.state.step - (epoch - 1) * job.plan.steps_per_epoch,
                loss,
                learning_rate: rate,
                patches_per_second: (self.steps_here * job.plan.batch_size) as f64 / self.seconds,
            });
        }
        Ok(true)
    }

    fn step(&mut self, job: &Job, batch: Batch, rate: f64) -> Result<f64, TrainError> {
        let scaled = job.plan.precision.scales_loss();
        let (terms, clip_norm) = (job.loss, job.plan.clip_norm);
        let factor = scaled.then_some(self.state.loss_scale.factor);
        let draws = (job.seed, self.state.step);
        let Step { loss, taken } =
            guard::guarded(|| backend::near(job.device, || self.learn(terms, clip_norm, factor, batch, rate, draws)))?;
        let step = self.state.step + 1;
        match (taken, scaled) {
            (true, true) => self.state.loss_scale.succeeded(),
            (true, false) => {}
            (false, true) if self.state.loss_scale.overflowed() => self.state.skipped += 1,
            (false, true) => return Err(TrainError::Overflow { step }),
            (false, false) => return Err(TrainError::Diverged { step, loss, learning_rate: rate }),
        }
        self.state.step = step;
        self.state.loss_sum += if taken { loss } else { 0.0 };
        Ok(loss)
    }

    /// Changes the weights by one batch, unless its loss is no number or, with a factor, its gradients are not.
    fn learn(
        &mut self,
        terms: &[Loss],
        clip_norm: f64,
        factor: Option<f64>,
        batch: Batch,
        rate: f64,
        draws: (u64, usize),
    ) -> Step {
        let (images, truth) = batch.into_device(&self.device);
        let loss =
            loss::supervised(terms, self.network.forward_supervised(images, &Draws::of_step(draws.0, draws.1)), &truth);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Step { loss: value, taken: false };
        }
        let loss = factor.map_or(loss.clone(), |factor| loss.mul_scalar(factor));
        let mut gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        if let Some(factor) = factor {
            optimizer::multiply(&self.network, &mut gradients, 1.0 / factor);
        }
        if clip_norm > 0.0 || factor.is_some() {
            let norm = optimizer::clip_global_norm(&self.network, &mut gradients, clip_norm);
            let is_finite = |norm: Tensor<1>| norm.into_scalar::<f32>().is_finite();
            if factor.is_some() && !norm.is_none_or(is_finite) {
                return Step { loss: value, taken: false };
            }
        }
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        Step { loss: value, taken: true }
    }

    /// Validates, records and saves the epoch; false if it was stopped while validating.
    fn finish_epoch(&mut self, job: &Job, observe: &mut dyn FnMut(Event)) -> Result<bool, TrainError> {
        let epoch = self.state.history.len() + 1;
        let due =
            job.plan.validate_every > 0 && (epoch.is_multiple_of(job.plan.validate_every) || epoch == job.plan.epochs);
        let mut validation = None;
        if let (true, Some(validate)) = (due, job.validate) {
            observe(Event::Validating { epoch });
            validation = match validate(&self.network.valid()) {
                Err(TrainError::Stopped) => return Ok(false),
                result => Some(result?),
            };
        }
        let score = validation.as_ref().and_then(|scores| deciding_score(job, scores));
        let best = score.filter(|score| self.state.best.is_none_or(|(best, _)| *score > best));
        if let Some(score) = best {
            checkpoint::export(&job.checkpoints.join("best.safetensors"), &self.network)?;
            self.state.best = Some((score, epoch));
        }
        if job.plan.keep_every > 0 && epoch.is_multiple_of(job.plan.keep_every) {
            checkpoint::export(&job.checkpoints.join(format!("epoch-{epoch}.safetensors")), &self.network)?;
        }
        self.state.history.push(EpochRecord {
            epoch,
            step: self.state.step,
            loss: self.state.loss_sum / (job.plan.steps_per_epoch - self.state.skipped).max(1) as f64,
            skipped_steps: self.state.skipped,
            learning_rate: learning_rate(job.plan, self.state.step - 1),
            seconds: self.seconds,
            waited_seconds: self.waited,
            validation,
            best: best.is_some(),
        });
        (self.state.loss_sum, self.state.skipped) = (0.0, 0);
        self.save(job)?;
        if let Some(record) = self.state.history.last() {
            observe(Event::Epoch(record));
        }
        if let Some(score) = best {
            observe(Event::NewBest { epoch, score });
        }
        Ok(true)
    }

    fn save(&self, job: &Job) -> Result<(), TrainError> {
        Ok(checkpoint::save(job.checkpoints, &self.network, &self.optimizer, &self.state)?)
    }
}

/// The score that makes a checkpoint the best: of one structure, or the mean.
fn deciding_score(job: &Job, validation: &Validation) -> Option<f64> {
    let scores = match job.plan.best.metric {
        BestMetric::Dice => &validation.dice,
        BestMetric::Iou => &validation.iou,
    };
    match &job.plan.best.structure {
        None => Validation::mean(scores),
        Some(name) => {
            let index = job.target.structures.iter().position(|structure| structure.name == *name)?;
            scores.get(index).copied().flatten()
        }
    }
}
