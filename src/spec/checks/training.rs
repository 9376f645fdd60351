//! Optimiser and schedule.

use crate::spec::Findings;
use crate::spec::finding::KeyPath;
use crate::train::spec::{AdamW, Optimizer, Schedule, Sgd, StepsPerEpoch, Train};

pub fn check(train: &Train, findings: &mut Findings) {
    match &train.optimizer {
        Optimizer::Adamw(adamw) => check_adamw(adamw, findings),
        Optimizer::Sgd(sgd) => check_sgd(sgd, findings),
    }
    warmup(train, findings);
    if let Schedule::Polynomial { power: 0.0 } = train.schedule {
        let help = "use a power above 0, or `constant = {}`";
        findings.error("train.schedule.polynomial.power", "a power of 0 never lowers the learning rate", help);
    }
    if train.sampling.drop_background >= 1.0 {
        let message = "every patch without a structure would be dropped, so none is ever learnt from";
        findings.error("train.sampling.drop-background", message, "use a probability below 1");
    }
}

fn learning_rate(path: &str, rate: f64, findings: &mut Findings) {
    if rate == 0.0 {
        findings.error(path, "with a learning rate of 0 nothing is learnt", "use a rate above 0");
    }
}

fn check_adamw(adamw: &AdamW, findings: &mut Findings) {
    learning_rate("train.optimizer.adamw.learning-rate", adamw.learning_rate, findings);
    for (index, beta) in adamw.betas.iter().enumerate().filter(|(_, beta)| !(0.0..1.0).contains(*beta)) {
        let path = KeyPath::from("train.optimizer.adamw.betas").item(index);
        findings.error(path, format!("a decay of {beta}"), "betas are 0 or more and below 1; usual are [0.9, 0.999]");
    }
}

fn check_sgd(sgd: &Sgd, findings: &mut Findings) {
    learning_rate("train.optimizer.sgd.learning-rate", sgd.learning_rate, findings);
    if sgd.momentum >= 1.0 {
        findings.error(
            "train.optimizer.sgd.momentum",
            "a momentum of 1 never forgets",
            "use less than 1, for example 0.99",
        );
    }
    if sgd.nesterov && sgd.momentum == 0.0 {
        let help = "set `nesterov = false`, or a momentum above 0";
        findings.error("train.optimizer.sgd.momentum", "Nesterov's form needs momentum", help);
    }
}

fn warmup(train: &Train, findings: &mut Findings) {
    let StepsPerEpoch::Fixed(steps) = train.steps_per_epoch else { return };
    let total = steps.saturating_mul(train.epochs);
    if train.warmup_steps >= total {
        let message = format!("the warm-up of {} steps is not shorter than the training", train.warmup_steps);
        let help = format!("training is {} epochs of {steps} steps: use less than {total}", train.epochs);
        findings.error("train.warmup-steps", message, help);
    }
}
