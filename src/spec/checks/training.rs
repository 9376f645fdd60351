//! Checks optimiser, schedule, and early stopping.

use super::split::has_validation;
use crate::counted;
use crate::dataset::Dataset;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};
use crate::train::spec::{BestCases, Metric, Optimizer, Schedule, Sgd, StepsPerEpoch, Train};

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let train = &experiment.train;
    optimizer(&train.optimizer, findings);
    groups(train, findings);
    if let Some(ema) = train.ema.filter(|ema| !(ema.decay > 0.0 && ema.decay < 1.0)) {
        let help = "use a number above 0 and below 1, for example 0.999";
        findings.error("train.ema.decay", format!("`decay` must be above 0 and below 1, got {}", ema.decay), help);
    }
    warmup(train, findings);
    schedule(train, findings);
    if train.sampling.drop_background >= 1.0 {
        let message = "every patch without a structure would be dropped";
        findings.error("train.sampling.drop-background", message, "use a probability below 1");
    }
    if train.steps_per_epoch == StepsPerEpoch::Tiles && train.sampling.foreground > 0.0 {
        let message = "tiles have fixed positions, so no patch can be centred on a structure";
        findings.error("train.steps-per-epoch", message, "set `train.sampling.foreground = 0.0`");
    }
    let split = experiment.split.as_ref().unwrap_or(&dataset.split);
    let validates = train.best.cases == BestCases::Test || has_validation(split);
    let mut watched = Vec::new();
    if let Schedule::Plateau(plateau) = &train.schedule {
        watched.push(("train.schedule.plateau", plateau.metric));
    }
    if let Some(stopping) = &train.early_stopping {
        watched.push(("train.early-stopping", stopping.metric));
    }
    for (path, metric) in watched {
        needs_validation(path, metric, train.validate_every > 0, validates, findings);
    }
}

fn needs_validation(path: &str, metric: Metric, in_epochs: bool, cases: bool, findings: &mut Findings) {
    if !metric.needs_validation() {
        return;
    }
    if !in_epochs {
        let help = "set `train.validate-every` above 0, or use the metric \"training-loss\"";
        findings.error(path, "this metric needs validation, which is switched off", help);
    } else if !cases {
        let help = "give the split validation cases, or use the metric \"training-loss\"";
        findings.error(path, "this metric needs validation cases, and the split has none", help);
    }
}

fn optimizer(optimizer: &Optimizer, findings: &mut Findings) {
    let (path, betas) = match optimizer {
        Optimizer::Adam(adam) => ("train.optimizer.adam", &adam.betas[..]),
        Optimizer::Adamw(adamw) => ("train.optimizer.adamw", &adamw.betas[..]),
        Optimizer::Sgd(_) => ("train.optimizer.sgd", &[][..]),
    };
    let path = KeyPath::from(path);
    if optimizer.learning_rate() == 0.0 {
        let help = "use a rate above 0";
        findings.error(path.key("learning-rate"), "with a learning rate of 0, nothing is learnt", help);
    }
    for (index, beta) in betas.iter().enumerate().filter(|(_, beta)| !(0.0..1.0).contains(*beta)) {
        let path = path.key("betas").item(index);
        findings.error(path, format!("betas must be in [0, 1), got {beta}"), "usual values are [0.9, 0.999]");
    }
    if let Optimizer::Sgd(spec) = optimizer {
        sgd(spec, findings);
    }
}

fn sgd(sgd: &Sgd, findings: &mut Findings) {
    if sgd.momentum >= 1.0 {
        findings.error(
            "train.optimizer.sgd.momentum",
            "`momentum` must be below 1",
            "use less than 1, for example 0.99",
        );
    }
    if sgd.nesterov && sgd.momentum == 0.0 {
        let help = "set `nesterov = false`, or a momentum above 0";
        findings.error("train.optimizer.sgd.momentum", "Nesterov momentum needs a momentum above 0", help);
    }
}

fn groups(train: &Train, findings: &mut Findings) {
    let list = KeyPath::from("train.group");
    let names: Vec<&str> = train.groups.iter().map(|group| group.parameters.as_str()).collect();
    for (index, _) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
        let path = list.item(index).key("parameters");
        findings.error(path, "this name is empty", "name a part of the network, for example \"encoder\"");
    }
    if let Some(index) = super::repeated(&names) {
        let path = list.item(index).key("parameters");
        findings.error(path, "another group has the same parameters", "put all their settings in one group");
    }
}

fn warmup(train: &Train, findings: &mut Findings) {
    let StepsPerEpoch::Fixed(steps) = train.steps_per_epoch else { return };
    let total = steps.saturating_mul(train.epochs);
    if train.warmup_steps >= total {
        let message =
            format!("the warm-up of {} is not shorter than the training", counted(train.warmup_steps, "step"));
        let help = format!(
            "training is {} of {}: use fewer than {total}",
            counted(train.epochs, "epoch"),
            counted(steps, "step")
        );
        findings.error("train.warmup-steps", message, help);
    }
}

fn schedule(train: &Train, findings: &mut Findings) {
    let constant = "use `constant = {}` for a constant learning rate";
    match train.schedule {
        Schedule::Polynomial { power: 0.0 } => {
            let help = "use a power above 0, or `constant = {}`";
            findings.error("train.schedule.polynomial.power", "a power of 0 never lowers the learning rate", help);
        }
        Schedule::Step { factor, .. } => falls("train.schedule.step.factor", factor, constant, findings),
        Schedule::Exponential { factor } => falls("train.schedule.exponential.factor", factor, constant, findings),
        Schedule::Plateau(plateau) => falls("train.schedule.plateau.factor", plateau.factor, constant, findings),
        _ => {}
    }
}

/// A factor must lower the learning rate, but not to 0.
fn falls(path: &str, factor: f64, constant: &str, findings: &mut Findings) {
    if factor == 0.0 {
        findings.error(
            path,
            "a factor of 0 sets the learning rate to 0",
            "use a factor between 0 and 1, for example 0.5",
        );
    } else if factor == 1.0 {
        findings.error(path, "a factor of 1 never lowers the learning rate", constant);
    }
}
