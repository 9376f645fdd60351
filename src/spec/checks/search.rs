//! Checks that a search can be judged and pruned as `[sweep]` states.

use crate::counted;
use crate::dataset::{Dataset, target};
use crate::evaluate::{DICE, IOU};
use crate::spec::finding::KeyPath;
use crate::spec::search::{Judged, Measure, Method, Objective, Prune, Search};
use crate::spec::{Experiment, Findings, Trial};

/// Checks the settings of a search against its trials.
pub fn check(search: &Search, experiment: &Experiment, trials: &[Trial], dataset: &Dataset, findings: &mut Findings) {
    check_folds(&search.folds, trials, dataset, findings);
    if search.method == Method::Grid {
        return;
    }
    if search.objective.len() > 2 {
        let help = "keep the two that matter; tables and figures show all metrics";
        findings.error("sweep.objective", "a search has one or two objectives", help);
    }
    let names: Vec<String> = target(dataset, &experiment.structures)
        .map(|target| target.structures.into_iter().map(|structure| structure.name).collect())
        .unwrap_or_default();
    let on_validation = search.objectives().iter().any(|it| it.on == Judged::Validation && it.is_score());
    let split = |trial: &Trial| trial.experiment.split.clone().unwrap_or_else(|| dataset.split.clone());
    if on_validation && trials.iter().any(|trial| !super::split::has_validation(&split(trial))) {
        let help = "set `validation` of the split, or judge by `objective = [{ on = \"test\" }]`";
        findings.error("sweep", "the split has no validation cases, by which trials are judged", help);
    }
    for objective in &search.objective {
        check_objective(objective, &names, findings);
    }
    if let [first, second] = search.objective.as_slice()
        && first == second
    {
        let help = "keep one of them, or state another metric, structure or set of cases";
        findings.error("sweep.objective", "both objectives are the same", help);
    }
    if search.budget.hours == Some(0.0) {
        findings.error("sweep.budget.hours", "no trial would begin", "state more than 0 hours");
    }
    check_prune(search, trials, findings);
    let ensemble = experiment.ensemble.filter(|ensemble| ensemble.trials != Default::default());
    if ensemble.is_some() {
        let help = "set `ensemble.trials = \"none\"`, and average the best runs with `segspec predict RUN RUN …`";
        findings.error("ensemble.trials", "the trials of a search are not known beforehand", help);
    }
}

/// Folds of a split whose number the file tells; of lists of cases, the run tells.
fn check_folds(folds: &[usize], trials: &[Trial], dataset: &Dataset, findings: &mut Findings) {
    if let Some(index) = super::repeated(folds) {
        let place = KeyPath::from("sweep.folds").item(index);
        findings.error(place, "this fold is listed twice", "each fold makes one run: list it once");
    }
    let counts = trials.iter().map(|trial| trial.experiment.split.as_ref().unwrap_or(&dataset.split).folds());
    let Some(count) = counts.flatten().min() else { return };
    for (index, fold) in folds.iter().enumerate().filter(|(_, fold)| **fold >= count) {
        let message = format!("the split has {}, counted from 0: there is no fold {fold}", counted(count, "fold"));
        let help = if count == 1 {
            "remove `folds`, or choose the split `k-fold`".to_owned()
        } else {
            format!("use 0 to {}", count - 1)
        };
        findings.error(KeyPath::from("sweep.folds").item(index), message, help);
    }
}

fn check_objective(objective: &Objective, names: &[String], findings: &mut Findings) {
    let Objective { metric, structure, on } = objective;
    if !objective.is_mean() && !names.contains(structure) {
        let message = format!("there is no structure `{structure}` to judge trials by");
        findings.error("sweep.objective", message, format!("choose `mean` or one of {}", names.join(", ")));
    }
    let Measure::Metric(metric) = metric else { return };
    if *on == Judged::Validation && ![DICE, IOU].contains(metric) {
        let message = format!("{} is not measured on the validation cases", metric.name);
        findings.error("sweep.objective", message, "use `dice` or `iou`, or `on = \"test\"`");
    }
    if *on == Judged::Validation && *metric == IOU && !objective.is_mean() {
        let message = "the IoU of single structures is not recorded on the validation cases";
        findings.error("sweep.objective", message, "use `dice`, which ranks a structure's masks in the same order");
    }
}

fn check_prune(search: &Search, trials: &[Trial], findings: &mut Findings) {
    let Some(prune) = search.prune else { return };
    if search.objective.len() == 2 {
        let help = "remove `prune`, or keep one objective";
        findings.error("sweep.prune", "trials with two objectives cannot be ended early", help);
    }
    let first = search.objectives().into_iter().next().unwrap_or_default();
    match prune {
        Prune::Asha(rungs) => {
            if first.on == Judged::Test || !matches!(first.metric, Measure::Metric(_)) {
                let help = "use `on = \"validation\"` with `dice` or `iou`: test cases are only scored at the end";
                findings.error("sweep.prune", "unfinished trials have no value of this objective", help);
            }
            let mut epochs: Vec<usize> = trials.iter().map(|trial| trial.experiment.train.epochs).collect();
            epochs.dedup();
            if let [epochs] = epochs.as_slice()
                && rungs.min_epochs >= *epochs
            {
                let message = format!("the first rung is not before the last epoch, {epochs}");
                findings.error("sweep.prune.asha.min-epochs", message, "lower `min-epochs`");
            } else if epochs.len() > 1 {
                let help = "keep `train.epochs` the same for all trials: rungs compare trials after the same epochs";
                findings.error("sweep.prune", "the trials have different numbers of epochs", help);
            }
            let every = trials.iter().map(|trial| trial.experiment.train.validate_every).max().unwrap_or(1);
            if every == 0 || every > rungs.min_epochs {
                let message =
                    format!("no validation takes place before the first rung, after epoch {}", rungs.min_epochs);
                findings.error(
                    "sweep.prune.asha.min-epochs",
                    message,
                    "lower `train.validate-every`, or raise `min-epochs`",
                );
            }
        }
        Prune::Wilcoxon(_) => {
            if first.on == Judged::Validation || !matches!(first.metric, Measure::Metric(_)) {
                let help = "use `on = \"test\"`: scores of single validation cases are not kept";
                findings.error("sweep.prune", "this objective has no value per case to compare", help);
            }
            let seeds = trials.iter().map(|trial| trial.experiment.seed).collect::<std::collections::BTreeSet<_>>();
            if seeds.len() * search.folds.len().max(1) < 2 {
                let help = "list several `seeds` or `folds` under `[sweep]`: trials are compared after each of them";
                findings.error("sweep.prune", "each trial has a single run, after which it is over", help);
            }
        }
    }
}
