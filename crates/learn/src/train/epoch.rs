//! The end of an epoch: validation, the best weights, plateau and early stopping, the checkpoint.

use super::checkpoint;
use super::error::TrainError;
use super::fit::{Job, TrainingRun};
use super::history::{EpochRecord, Event, Validation};
use super::metric::Metric;
use super::schedule::plateau::PlateauState;
use super::schedule::spec::Schedule;
use super::spec::BestMetric;
use super::stopping::EarlyStoppingState;

impl TrainingRun {
    /// Validates, records and saves the epoch; false if stopped during validation.
    ///
    /// # Errors
    /// Validation failed, or the disk is full.
    pub(super) fn finish_epoch(&mut self, job: &Job, observe: &mut dyn FnMut(Event)) -> Result<bool, TrainError> {
        let plan = job.plan;
        let epoch = self.saved.state.history.len() + 1;
        let state = &self.saved.state;
        let loss = state.loss_sum / (plan.epoch_steps() - state.skipped).max(1) as f64;
        // The state changes only after validation: if stopped during it, the end of the epoch is repeated on resumption.
        let (_, unvalidated) = self.watched(job, epoch, loss, None);
        let Some(validation) = self.validation(job, epoch, unvalidated.stopped, observe)? else { return Ok(false) };
        let best = self.keep(job, epoch, validation.as_ref())?;
        let (fallen, waiting) = self.watched(job, epoch, loss, validation.as_ref());
        let learning_rate = self.rate(plan, self.saved.state.step - 1);
        let state = &mut self.saved.state;
        (state.fallen, state.waiting) = (fallen, waiting);
        let record = EpochRecord {
            epoch,
            step: state.step,
            loss,
            skipped_steps: state.skipped,
            learning_rate,
            seconds: state.seconds,
            waited_seconds: self.waited,
            validation,
            best: best.is_some(),
            stopped_early: waiting.stopped && epoch < plan.epochs,
        };
        state.history.push(record.clone());
        (state.loss_sum, state.skipped, state.seconds) = (0.0, 0, 0.0);
        self.save(job)?;
        checkpoint::settle_best(job.checkpoints, &self.saved.state)?;
        observe(Event::Epoch(record.clone()));
        if let Some(score) = best {
            observe(Event::NewBest { epoch, score });
        }
        if record.stopped_early {
            observe(Event::StoppedEarly { epoch, best_epoch: waiting.best_epoch });
        }
        Ok(true)
    }

    /// States of plateau and early stopping after an epoch.
    fn watched(
        &self,
        job: &Job,
        epoch: usize,
        loss: f64,
        validation: Option<&Validation>,
    ) -> (PlateauState, EarlyStoppingState) {
        let (mut fallen, mut waiting) = (self.saved.state.fallen, self.saved.state.waiting);
        let value = |metric: Metric| metric.value(loss, validation, deciding_structure(job));
        if let Schedule::Plateau(rule) = &job.plan.schedule
            && let Some(value) = value(rule.metric)
        {
            fallen.observe(rule, epoch, value);
        }
        if let Some(rule) = &job.plan.early_stopping
            && let Some(value) = value(rule.metric)
        {
            waiting.observe(rule, epoch, value);
        }
        (fallen, waiting)
    }

    /// The epoch's scores, if validation is due; the outer none if stopped during validation.
    fn validation(
        &self,
        job: &Job,
        epoch: usize,
        stopped: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Option<Validation>>, TrainError> {
        let every = job.plan.validate_every;
        let due = every > 0 && (epoch.is_multiple_of(every) || epoch == job.plan.epochs || stopped);
        let Some(validate) = job.validate.filter(|_| due) else { return Ok(Some(None)) };
        observe(Event::Validating { epoch });
        match validate(&self.predicting()) {
            Err(TrainError::Stopped) => Ok(None),
            result => Ok(Some(Some(result?))),
        }
    }

    /// Exports the epoch's weights if they are the best so far or due by `keep-every`; returns the score if they are the best.
    fn keep(&mut self, job: &Job, epoch: usize, validation: Option<&Validation>) -> Result<Option<f64>, TrainError> {
        let score = validation.and_then(|scores| deciding_score(job, scores));
        let best = score.filter(|score| self.saved.state.best.is_none_or(|(best, _)| *score > best));
        if let Some(score) = best {
            let hash = checkpoint::export(&job.checkpoints.join(checkpoint::NEXT), &self.predicting())?;
            self.saved.state.best = Some((score, epoch));
            self.saved.state.best_file = Some(hash);
        }
        if job.plan.keep_every > 0 && epoch.is_multiple_of(job.plan.keep_every) {
            checkpoint::export(&job.checkpoints.join(format!("epoch-{epoch}.safetensors")), &self.predicting())?;
        }
        Ok(best)
    }
}

/// Index of the structure whose score selects the checkpoint; none for the mean.
fn deciding_structure(job: &Job) -> Option<usize> {
    let name = job.plan.best.structure.as_ref()?;
    job.target.structures.iter().position(|structure| structure.name == *name)
}

/// The score that selects the best checkpoint: of one structure, or the mean.
fn deciding_score(job: &Job, validation: &Validation) -> Option<f64> {
    let metric = match job.plan.best.metric {
        BestMetric::Dice => Metric::ValidationDice,
        BestMetric::Iou => Metric::ValidationIou,
    };
    metric.value(0.0, Some(validation), deciding_structure(job))
}
