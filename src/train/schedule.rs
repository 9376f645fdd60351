//! The learning rate as a function of the step: no state, so that a resumed run needs none.

use super::TrainPlan;
use super::spec::{Optimizer, Schedule};

/// Learning rate of a step (counted from 0 over the whole training).
pub fn learning_rate(plan: &TrainPlan, step: usize) -> f64 {
    let base = match &plan.optimizer {
        Optimizer::Adamw(adamw) => adamw.learning_rate,
        Optimizer::Sgd(sgd) => sgd.learning_rate,
    };
    let steps = plan.steps();
    let warmup = match plan.warmup_steps {
        0 => 1.0,
        warmup => ((step + 1) as f64 / warmup as f64).min(1.0),
    };
    let progress = step as f64 / steps.max(1) as f64;
    let factor = match plan.schedule {
        Schedule::Constant {} => 1.0,
        Schedule::Polynomial { power } => (1.0 - progress).max(0.0).powf(power),
        Schedule::Cosine { minimum } => {
            minimum + (1.0 - minimum) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
        }
    };
    base * warmup * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::AugmentPlan;
    use crate::train::spec::{AdamW, Train};

    fn plan(schedule: Schedule, warmup_steps: usize) -> TrainPlan {
        let train = Train { schedule, warmup_steps, epochs: 10, ..Train::default() };
        let optimizer = Optimizer::Adamw(AdamW { learning_rate: 0.1, ..AdamW::default() });
        TrainPlan { optimizer, ..TrainPlan::resolve(&train, [8, 8, 8], 2, 20, AugmentPlan::default()) }
    }

    #[test]
    fn schedules_by_hand() {
        let constant = plan(Schedule::Constant {}, 0);
        let polynomial = plan(Schedule::Polynomial { power: 0.9 }, 0);
        let cosine = plan(Schedule::Cosine { minimum: 0.1 }, 0);
        let warm = plan(Schedule::Constant {}, 4);
        let cases = [
            (&constant, 0, 0.1),
            (&constant, 99, 0.1),
            (&polynomial, 0, 0.1),
            (&polynomial, 50, 0.1 * 0.5f64.powf(0.9)),
            (&cosine, 0, 0.1),
            (&cosine, 50, 0.055),
            (&warm, 0, 0.025),
            (&warm, 1, 0.05),
            (&warm, 3, 0.1),
            (&warm, 50, 0.1),
        ];
        for (plan, step, expected) in cases {
            assert!((learning_rate(plan, step) - expected).abs() < 1e-12, "{:?} at {step}", plan.schedule);
        }
    }
}
