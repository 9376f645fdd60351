//! Checks that ensembles have members.

use std::collections::BTreeSet;

use crate::dataset::Dataset;
use crate::dataset::spec::Split;
use crate::spec::ensemble::TrialEnsembles;
use crate::spec::{Experiment, Findings, Trial};

pub fn check(experiment: &Experiment, trials: &[Trial], dataset: &Dataset, findings: &mut Findings) {
    let Some(ensemble) = experiment.ensemble else { return };
    let wants_trials = ensemble.trials != TrialEnsembles::None;
    if !(ensemble.seeds || wants_trials || ensemble.folds) {
        let help = "set `seeds = true`, `trials = \"pairs\"` or `folds = true`, or remove the table";
        findings.error("ensemble", "this ensemble has no members", help);
    }
    let split = experiment.split.as_ref().unwrap_or(&dataset.split);
    if ensemble.folds && !matches!(split, Split::KFold { held_out, .. } if *held_out > 0.0) {
        let help = "hold out cases for it, for example with `held-out = 0.2` in `[split.k-fold]`";
        findings.error(
            "ensemble.folds",
            "no case is left for scoring: every case is a training case of some fold",
            help,
        );
    }
    let seeds: BTreeSet<u64> = trials.iter().map(|trial| trial.experiment.seed).collect();
    if ensemble.seeds && seeds.len() < 2 {
        let help = "list several under `[sweep]`, for example `seeds = [0, 1, 2]`";
        findings.error("ensemble.seeds", "the experiment has only one seed", help);
    }
    if wants_trials && trials.len() < 2 * seeds.len() {
        let help = "sweep over a key under `[sweep]`, for example `model.unet.residual = [false, true]`";
        findings.error("ensemble.trials", "the experiment has only one trial", help);
    }
}
