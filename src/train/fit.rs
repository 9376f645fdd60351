//! The training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;

use super::batch::{self, Batch, Encoder};
use super::cases::Cases;
use super::checkpoint::{self, CheckpointError, State};
use super::history::{EpochRecord, Event, Validation};
use super::schedule::learning_rate;
use super::spec::{BestMetric, TrainPlan};
use super::{loader, optimizer, probe};
use crate::backend;
use crate::dataset::Target;
use crate::loss::{self, Loss};
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
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
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
    run.announce(job, observe);
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

/// A training on its way.
struct Fitting {
    network: Network,
    optimizer: ModuleOptimizer,
    state: State,
    device: Device,
    /// Seconds of the current epoch's steps, and their number, since this process works on it.
    seconds: f64,
    steps_here: usize,
}

impl Fitting {
    fn start(job: &Job) -> Result<Self, TrainError> {
        let device = job.device.clone().autodiff();
        let network = model::build(job.model, job.interface, job.seed, &device);
        let optimizer = optimizer::build(&job.plan.optimizer);
        let (network, optimizer, state) = match checkpoint::recover(job.checkpoints) {
            true => checkpoint::load(job.checkpoints, network, optimizer)?,
            false => (network, optimizer, State::default()),
        };
        Ok(Self { network, optimizer, state, device, seconds: 0.0, steps_here: 0 })
    }

    fn announce(&self, job: &Job, observe: &mut dyn FnMut(Event)) {
        let remaining = job.plan.steps().saturating_sub(self.state.step);
        let (parameters, memory_bytes, step_seconds) = probe::probe(job, remaining);
        observe(Event::Started {
            parameters,
            memory_bytes,
            epoch_seconds: step_seconds.map(|seconds| seconds * job.plan.steps_per_epoch as f64),
            epochs: job.plan.epochs,
            steps_per_epoch: job.plan.steps_per_epoch,
            resumed_at: self.state.step,
            history: &self.state.history,
        });
    }

    /// Does the remaining steps of the current epoch; false if it was stopped.
    fn train_epoch(
        &mut self,
        job: &Job,
        batches: &mut impl Iterator<Item = Result<Batch, PrepareError>>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TrainError> {
        let epoch = self.state.history.len() + 1;
        (self.seconds, self.steps_here) = (0.0, 0);
        while self.state.step < epoch * job.plan.steps_per_epoch {
            if job.cancelled.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let Some(batch) = batches.next() else { return Ok(false) };
            let start = Instant::now();
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
        let (terms, clip_norm) = (job.loss, job.plan.clip_norm);
        let loss = backend::near(job.device, || self.learn(terms, clip_norm, batch, rate));
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: self.state.step + 1, loss, learning_rate: rate });
        }
        self.state.step += 1;
        self.state.loss_sum += loss;
        Ok(loss)
    }

    /// Changes the weights by one batch, unless its loss is no number; returns the loss.
    fn learn(&mut self, terms: &[Loss], clip_norm: f64, batch: Batch, rate: f64) -> f64 {
        let (images, truth) = batch.into_device(&self.device);
        let loss = loss::supervised(terms, self.network.forward_supervised(images), &truth);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return value;
        }
        let mut gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        if clip_norm > 0.0 {
            optimizer::clip_global_norm(&self.network, &mut gradients, clip_norm);
        }
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        value
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
            loss: self.state.loss_sum / job.plan.steps_per_epoch as f64,
            learning_rate: learning_rate(job.plan, self.state.step - 1),
            seconds: self.seconds,
            validation,
            best: best.is_some(),
        });
        self.state.loss_sum = 0.0;
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
