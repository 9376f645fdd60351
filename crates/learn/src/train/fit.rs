//! The training loop.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use super::batch::{Batch, Encoder, Maker, Sampler};
use super::cases::Cases;
use super::checkpoint::{self, Saved, State};
use super::deal::Deal;
use super::error::TrainError;
use super::history::{Event, Validation};
use super::optimizer::Rules;
use super::pretrained::PretrainedError;
use super::schedule::learning_rate;
use super::spec::TrainPlan;
use super::{loader, probe, shared};
use crate::Cancel;
use crate::backend::Selected;
use crate::dataset::Target;
use crate::interact::Interact;
use crate::loss::Loss;
use crate::model::{self, Interface, ModelPlan, Network, Task};
use crate::preprocess::{PrepareError, PreparedCase};

/// Inputs of a training run.
pub struct Job<'a> {
    /// Id of the training, which its checkpoints state.
    pub run: String,
    /// Schedule, sampling, optimiser.
    pub plan: &'a TrainPlan,
    /// Task of the network.
    pub task: Task,
    /// Architecture.
    pub model: &'a ModelPlan,
    /// Input and output channels.
    pub interface: Interface,
    /// Terms of the loss.
    pub loss: &'a [Loss],
    /// Structures to segment.
    pub target: &'a Target,
    /// Clicks that the network takes; none for most.
    pub interact: Option<Interact>,
    /// Seed of weights, order and patches.
    pub seed: u64,
    /// Device, without autodiff.
    pub device: &'a Device,
    /// Devices that share each step with it.
    pub beside: &'a [Selected],
    /// Loads pretrained weights into a new network.
    pub initial: Option<Initial<'a>>,
    /// Training cases.
    pub cases: Vec<&'a PreparedCase>,
    /// Folder of the checkpoints.
    pub checkpoints: &'a Path,
    /// Scores a network (without autodiff) on the validation cases; none if there are none.
    pub validate: Option<Validate<'a>>,
    /// Pauses training after this many epochs in total, with everything saved; none trains to the end.
    pub stop_after: Option<usize>,
    /// Stops training after the current step, with everything saved.
    pub cancelled: &'a Cancel,
}

/// Scores a network (without autodiff) on the validation cases.
pub type Validate<'a> = &'a dyn Fn(&Network) -> Result<Validation, TrainError>;

/// Loads pretrained weights into a new network.
pub type Initial<'a> = &'a dyn Fn(Network) -> Result<Network, PretrainedError>;

/// How a training ended.
pub enum Ended {
    /// All epochs are done, or early stopping ended training: the network (last step or average of the weights) and the state.
    Finished(Box<Network>, Box<State>),
    /// Paused after the requested epoch; `last` holds the state.
    Paused(Box<State>),
    /// Stopped from outside; `last` holds the state.
    Interrupted,
}

/// Trains from the last checkpoint, or from the start, to the last epoch.
///
/// The result depends only on the plan, the cases and the seed, not on interruptions or the number of threads.
///
/// # Errors
/// See [`TrainError`].
pub fn fit(job: &Job, observe: &mut dyn FnMut(Event)) -> Result<Ended, TrainError> {
    let mut run = TrainingRun::start(job)?;
    let encoder = Encoder::new(job.target, job.task);
    let cases = Cases::new(job.cases.clone());
    let deal = match Deal::new(job.plan, &cases, &encoder.structures, job.seed, job.cancelled) {
        Err(TrainError::Stopped) => return Ok(Ended::Interrupted),
        deal => deal?,
    };
    let plan = &deal.counted(job.plan);
    let job = &Job { plan, cases: job.cases.clone(), run: job.run.clone(), ..*job };
    match run.announce(job, observe) {
        Err(TrainError::Stopped) => return Ok(Ended::Interrupted),
        announced => announced?,
    }
    let sampler = Sampler { plan, structures: &encoder.structures, seed: job.seed };
    let maker = &Maker { sampler, cases: &cases, deal: &deal, encoder: &encoder };
    std::thread::scope(|scope| {
        let remaining = run.saved.state.step..plan.steps();
        let mut batches = loader::start(scope, plan.loader_threads, remaining, |step| maker.make(step));
        while !run.is_done(plan) {
            if job.stop_after.is_some_and(|epochs| run.saved.state.history.len() >= epochs) {
                return Ok(Ended::Paused(Box::new(run.saved.state)));
            }
            if !run.train_epoch(job, &mut batches, observe)? || !run.finish_epoch(job, observe)? {
                run.save(job)?;
                return Ok(Ended::Interrupted);
            }
        }
        Ok(Ended::Finished(Box::new(run.predicting()), Box::new(run.saved.state)))
    })
}

/// Rejects parameter groups that match nothing in the network, before any training.
///
/// # Errors
/// [`TrainError::Group`].
pub fn refuse_unknown_groups(
    plan: &TrainPlan,
    model: &ModelPlan,
    interface: Interface,
    device: &Device,
) -> Result<(), TrainError> {
    // With autodiff, because trained parameters are recognised by their gradients.
    let network = model::build(model, interface, plan.precision, 0, &device.clone().autodiff());
    Rules::new(&network, &plan.optimizer, &plan.groups, plan.decay_norms_and_biases)?;
    Ok(())
}

/// The device of the plan's training steps, with autodiff.
pub(super) fn autodiff(job: &Job) -> Device {
    differentiating(job.plan, job.device)
}

/// A device of the plan's training steps, with autodiff.
pub(super) fn differentiating(plan: &TrainPlan, device: &Device) -> Device {
    let device = device.clone().autodiff();
    if plan.gradient_checkpointing { device.gradient_checkpointing() } else { device }
}

/// A training run in progress.
pub(super) struct TrainingRun {
    /// Content of a checkpoint.
    pub(super) saved: Saved,
    /// Learning-rate factors, weight decays and freezing of parameters.
    pub(super) rules: Rules,
    pub(super) device: Device,
    /// Seconds and number of the current epoch's steps in this process.
    pub(super) seconds: f64,
    steps_here: usize,
    /// Seconds of the current epoch spent waiting for batches.
    pub(super) waited: f64,
    /// When the state was saved last, or the training began.
    last_save: Instant,
    /// Random numbers that dropout takes for a batch, where several devices share the steps; known after the first batch.
    pub(super) drawn: OnceLock<u128>,
}

impl TrainingRun {
    fn start(job: &Job) -> Result<Self, TrainError> {
        let (plan, device) = (job.plan, autodiff(job));
        let network = model::build(job.model, job.interface, plan.precision, job.seed, &device);
        let rules = |network: &Network| Rules::new(network, &plan.optimizer, &plan.groups, plan.decay_norms_and_biases);
        // Reports groups that match nothing before any weights are read.
        rules(&network)?;
        shared::refuse(&network, plan, job.beside.len() + 1)?;
        let mut saved = match checkpoint::recover(job.checkpoints) {
            true => checkpoint::load(job.checkpoints, &job.run, network, plan.ema.is_some(), |network| {
                // Parameters loaded from a checkpoint have other ids.
                rules(network).unwrap_or_default().optimizer(&plan.optimizer)
            })?,
            false => return Self::new(job),
        };
        saved.state.training = Some(job.run.clone());
        let rules = rules(&saved.network)?;
        Ok(Self::of(saved, rules, device))
    }

    fn of(saved: Saved, rules: Rules, device: Device) -> Self {
        let (last_save, drawn) = (Instant::now(), OnceLock::new());
        Self { saved, rules, device, seconds: 0.0, steps_here: 0, waited: 0.0, last_save, drawn }
    }

    /// A new training run.
    pub(super) fn new(job: &Job) -> Result<Self, TrainError> {
        let (plan, device) = (job.plan, autodiff(job));
        let network = model::build(job.model, job.interface, plan.precision, job.seed, &device);
        shared::refuse(&network, plan, job.beside.len() + 1)?;
        let network = job.initial.map_or(Ok(network.clone()), |initial| initial(network))?;
        let rules = Rules::new(&network, &plan.optimizer, &plan.groups, plan.decay_norms_and_biases)?;
        let average = plan.ema.map(|_| network.valid());
        let optimizer = rules.optimizer(&plan.optimizer);
        let state = State { training: Some(job.run.clone()), ..State::default() };
        let saved = Saved { network, optimizer, average, state };
        Ok(Self::of(saved, rules, device))
    }

    fn announce(&self, job: &Job, observe: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
        let state = &self.saved.state;
        let remaining = if self.is_done(job.plan) { 0 } else { job.plan.steps().saturating_sub(state.step) };
        let (parameters, memory_bytes, step_seconds) = probe::probe(job, remaining)?;
        observe(Event::Started {
            parameters,
            memory_bytes,
            epoch_seconds: step_seconds.map(|seconds| seconds * job.plan.epoch_steps() as f64),
            epochs: job.plan.epochs,
            steps_per_epoch: job.plan.epoch_steps(),
            resumed_at: state.step,
            history: state.history.clone(),
        });
        Ok(())
    }

    /// Whether the last epoch is done, or early stopping ended the training.
    fn is_done(&self, plan: &TrainPlan) -> bool {
        self.saved.state.history.len() >= plan.epochs || self.saved.state.waiting.stopped
    }

    /// Learning rate of a step, counted from 0.
    pub(super) fn rate(&self, plan: &TrainPlan, step: usize) -> f64 {
        learning_rate(plan, step, &self.saved.state.fallen)
    }

    /// The network for validation and prediction, without autodiff: the average if there is one.
    pub(super) fn predicting(&self) -> Network {
        self.saved.average.clone().unwrap_or_else(|| self.saved.network.valid())
    }

    /// Runs the remaining steps of the current epoch; false if stopped.
    fn train_epoch(
        &mut self,
        job: &Job,
        batches: &mut impl Iterator<Item = Result<Batch, PrepareError>>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool, TrainError> {
        let epoch = self.saved.state.history.len() + 1;
        (self.seconds, self.steps_here, self.waited) = (0.0, 0, 0.0);
        while self.saved.state.step < epoch * job.plan.epoch_steps() {
            if job.cancelled.is_stopped() {
                return Ok(false);
            }
            let waiting = Instant::now();
            let Some(batch) = batches.next() else { return Ok(false) };
            let start = Instant::now();
            self.waited += (start - waiting).as_secs_f64();
            let rate = self.rate(job.plan, self.saved.state.step);
            let loss = match self.step(job, batch?, rate) {
                Err(TrainError::Stopped) => return Ok(false),
                loss => loss?,
            };
            let seconds = start.elapsed().as_secs_f64();
            self.seconds += seconds;
            self.saved.state.seconds += seconds;
            self.steps_here += 1;
            self.save_when_due(job)?;
            observe(Event::Step {
                epoch,
                step: self.saved.state.step - (epoch - 1) * job.plan.epoch_steps(),
                loss,
                learning_rate: rate,
                patches_per_second: (self.steps_here * job.plan.patches_per_step()) as f64 / self.seconds,
            });
        }
        Ok(true)
    }

    /// Saves the state within an epoch, so that a long one is never lost. A bench has no checkpoints.
    fn save_when_due(&mut self, job: &Job) -> Result<(), TrainError> {
        let minutes = job.plan.checkpoint_minutes;
        let is_due = minutes > 0.0 && self.last_save.elapsed().as_secs_f64() >= 60.0 * minutes;
        if is_due && !job.checkpoints.as_os_str().is_empty() {
            self.save(job)?;
        }
        Ok(())
    }

    pub(super) fn save(&mut self, job: &Job) -> Result<(), TrainError> {
        let _hold = job.cancelled.hold();
        checkpoint::save(job.checkpoints, &self.saved)?;
        self.last_save = Instant::now();
        Ok(())
    }
}
