//! What types cannot express: checks of the meaning of values, and of values against each other.
//!
//! Each check is a small function that reports through [`Findings`]; none stops another.

mod augment;
mod cascade;
mod dataset;
mod ensemble;
mod intensity;
mod interact;
mod launcher;
mod loss;
mod name;
mod network;
mod patch;
mod prediction;
mod preprocess;
mod pretrained;
mod search;
mod split;
mod structures;
mod tracking;
mod training;

use super::search::Search;
use super::{Experiment, Findings, Trial};
use crate::dataset::Dataset;

/// Checks a dataset alone.
pub fn dataset(dataset: &Dataset, findings: &mut Findings) {
    name::check(dataset.name.as_deref(), findings);
    dataset::check(dataset, findings);
    split::check(&dataset.split, findings);
}

/// Checks an experiment (one trial of it) on its dataset.
pub fn experiment(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    name::check(experiment.name.as_deref(), findings);
    structures::check(experiment, dataset, findings);
    if let Some(split) = &experiment.split {
        split::check(split, findings);
    }
    network_and_training(experiment, dataset, findings);
    prediction::check(experiment, dataset, findings);
    cascade::check(experiment, dataset, findings);
    interact::check(experiment, dataset, findings);
}

/// Checks that also apply to the first stage of a cascade.
fn network_and_training(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    preprocess::check(&experiment.preprocess, findings);
    intensity::check(&experiment.preprocess, dataset, findings);
    network::check(&experiment.model, findings);
    network::fits(experiment, dataset, findings);
    pretrained::check(experiment.pretrained.as_ref(), findings);
    patch::check(experiment, findings);
    augment::check(experiment, findings);
    loss::check(experiment, dataset, findings);
    training::check(experiment, dataset, findings);
    super::machine::check(experiment, dataset, findings);
}

/// Checks all trials together.
pub fn trials(experiment: &Experiment, trials: &[Trial], search: &Search, dataset: &Dataset, findings: &mut Findings) {
    ensemble::check(experiment, trials, dataset, findings);
    search::check(search, experiment, trials, dataset, findings);
    launcher::check(&experiment.launcher, findings);
    tracking::check(&experiment.track, findings);
}

const AXES: [&str; 3] = ["depth", "height", "width"];

/// Index of the first repeated item.
fn repeated<T: PartialEq>(items: &[T]) -> Option<usize> {
    (1..items.len()).find(|index| items.iter().take(*index).any(|earlier| Some(earlier) == items.get(*index)))
}
