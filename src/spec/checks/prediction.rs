//! Checks which weights are used for prediction, and how predictions are scored.

use super::split::has_validation;
use crate::auto::Auto;
use crate::dataset::Dataset;
use crate::predict::spec::Weights;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};
use crate::train::spec::BestCases;

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    best_weights(experiment, dataset, findings);
    for (index, dice) in experiment.evaluate.success_dice.iter().enumerate().filter(|(_, d)| !(0.0..=1.0).contains(*d))
    {
        let path = KeyPath::from("evaluate.success-dice").item(index);
        findings.error(path, format!("{dice} is not a Dice value"), "Dice values go from 0 to 1");
    }
    if let Some(index) = super::repeated(&experiment.evaluate.success_dice) {
        let path = KeyPath::from("evaluate.success-dice").item(index);
        findings.error(path, "this Dice value is listed twice", "list every value once");
    }
}

fn best_weights(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    if experiment.predict.weights != Auto::Fixed(Weights::Best) {
        return;
    }
    let split = experiment.split.as_ref().unwrap_or(&dataset.split);
    if experiment.train.validate_every == 0 {
        let help = "set `train.validate-every` above 0, or use \"last\"";
        findings.error("predict.weights", "without validation there are no best weights", help);
    } else if experiment.train.best.cases == BestCases::Validation && !has_validation(split) {
        let help = "give the split validation cases, or use \"last\"";
        findings.error("predict.weights", "the split has no validation cases to select the best weights", help);
    }
}
