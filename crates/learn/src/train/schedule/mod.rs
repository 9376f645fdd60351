//! The learning rate as a function of the step. Only the plateau schedule has state, which checkpoints save.

pub mod plateau;
pub mod spec;

use super::TrainPlan;
use plateau::PlateauState;
use spec::Schedule;

/// Learning rate of a step (counted from 0 over the whole training).
pub fn learning_rate(plan: &TrainPlan, step: usize, fallen: &PlateauState) -> f64 {
    let warmup = match plan.warmup_steps {
        0 => 1.0,
        warmup => ((step + 1) as f64 / warmup as f64).min(1.0),
    };
    plan.optimizer.learning_rate() * warmup * factor(plan, step, fallen)
}

/// The schedule's factor, without warm-up.
fn factor(plan: &TrainPlan, step: usize, fallen: &PlateauState) -> f64 {
    let progress = step as f64 / plan.steps().max(1) as f64;
    let steps_per_epoch = plan.epoch_steps();
    let epoch = step / steps_per_epoch;
    match plan.schedule {
        Schedule::Constant {} => 1.0,
        Schedule::Step { every_epochs, factor } => factor.powi((epoch / every_epochs.max(1)) as i32),
        Schedule::Exponential { factor } => factor.powi(epoch as i32),
        Schedule::Polynomial { power } => (1.0 - progress).max(0.0).powf(power),
        Schedule::Cosine { minimum } => cosine(progress, minimum),
        Schedule::CosineRestarts { first_cycle_epochs, cycle_factor, minimum } => {
            let (mut start, mut length) = (0, first_cycle_epochs.max(1) * steps_per_epoch);
            while step >= start + length {
                start += length;
                length = length.saturating_mul(cycle_factor.max(1));
            }
            cosine((step - start) as f64 / length as f64, minimum)
        }
        Schedule::Plateau(_) => fallen.factor,
    }
}

/// Half a cosine from 1 to `minimum`.
fn cosine(progress: f64, minimum: f64) -> f64 {
    minimum + (1.0 - minimum) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests;
