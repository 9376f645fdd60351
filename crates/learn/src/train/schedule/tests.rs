//! Schedules by hand and against PyTorch's schedulers (`tests/reference/optimizer.py`).

use crate::augment::AugmentPlan;
use serde::Deserialize;

use super::plateau::Plateau;
use super::*;
use crate::train::metric::Metric;
use crate::train::optimizer::spec::{AdamW, Optimizer};
use crate::train::spec::Train;

/// Ten epochs of ten steps.
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
    let warm_step = plan(Schedule::Step { every_epochs: 1, factor: 0.5 }, 20);
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
        (&warm_step, 9, 0.05),
        (&warm_step, 10, 0.1 * 0.55 * 0.5),
        (&warm_step, 35, 0.0125),
    ];
    for (plan, step, expected) in cases {
        let rate = learning_rate(plan, step, &PlateauState::default());
        assert!((rate - expected).abs() < 1e-12, "{:?} at {step}: {rate}", plan.schedule);
    }
}

#[derive(Deserialize)]
struct Reference {
    schedules: std::collections::BTreeMap<String, Vec<f64>>,
    /// Metric values given to the plateaus, one per epoch.
    values: Vec<f64>,
    plateaus: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rule: Plateau,
    rates: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../../tests/reference/optimizer.json")).unwrap()
}

#[test]
fn schedules_agree_with_pytorch() {
    let restarts = |cycle_factor, minimum| Schedule::CosineRestarts { first_cycle_epochs: 2, cycle_factor, minimum };
    let cases = [
        ("step", Schedule::Step { every_epochs: 3, factor: 0.2 }),
        ("exponential", Schedule::Exponential { factor: 0.9 }),
        ("polynomial", Schedule::Polynomial { power: 0.9 }),
        ("cosine", Schedule::Cosine { minimum: 0.01 }),
        ("cosine_restarts", restarts(1, 0.0)),
        ("cosine_restarts_doubling", restarts(2, 0.05)),
    ];
    let reference = reference();
    for (name, schedule) in cases {
        let plan = plan(schedule, 0);
        let expected = &reference.schedules[name];
        assert_eq!(expected.len(), plan.steps());
        for (step, expected) in expected.iter().enumerate() {
            let rate = learning_rate(&plan, step, &PlateauState::default());
            assert!((rate - expected).abs() < 1e-12, "{name} at {step}: {rate} instead of {expected}");
        }
    }
}

#[test]
fn plateaus_agree_with_pytorch() {
    let reference = reference();
    let mut falls = 0;
    for Case { rule, rates } in &reference.plateaus {
        let mut fallen = PlateauState::default();
        let plan = plan(Schedule::Plateau(*rule), 0);
        for (index, (value, expected)) in reference.values.iter().zip(rates).enumerate() {
            let before = fallen.factor;
            fallen.observe(rule, index + 1, *value);
            falls += usize::from(fallen.factor < before);
            let rate = learning_rate(&plan, 0, &fallen);
            assert!((rate - expected).abs() < 1e-12, "{rule:?} after {}: {rate} instead of {expected}", index + 1);
            // Checkpoints preserve the state exactly.
            let text = serde_json::to_string(&fallen).unwrap();
            fallen = serde_json::from_str(&text).unwrap();
        }
    }
    assert!(falls > 5, "{falls}");
}

#[test]
fn epochs_without_a_value_count_with_the_next() {
    let rule = Plateau { metric: Metric::ValidationDice, patience_epochs: 15, factor: 0.5, ..Plateau::default() };
    let mut fallen = PlateauState::default();
    for (epoch, dice, factor) in [(10, 0.5, 1.0), (20, 0.5, 1.0), (30, 0.5, 0.5), (40, 0.6, 0.5), (50, 0.6, 0.5)] {
        fallen.observe(&rule, epoch, dice);
        assert_eq!(fallen.factor, factor, "epoch {epoch}");
    }
}
