//! Which runs of an experiment are averaged: seeds of a trial, trials, folds.

use super::experiment::{PlannedRun, Stage};
use crate::dataset::Fold;
use crate::plan::{About, Plan};
use crate::predict::ensemble::{Ensemble, TrialEnsembles};

/// Plans the ensembles of planned runs; `held_out` are the cases that no fold saw. Runs that find different structures are not
/// averaged.
pub fn plan(wanted: &Ensemble, runs: &[PlannedRun], held_out: &[String]) -> Vec<Plan> {
    let members: Vec<&PlannedRun> = runs.iter().filter(|run| run.stage == Stage::Main).collect();
    let mut ensembles = Vec::new();
    if wanted.seeds {
        let groups = grouped(&members, |plan| (plan.about.trial.clone(), plan.about.fold));
        let name = |group: &[&PlannedRun]| name(group[0], &format!("ensemble of {} seeds", group.len()));
        let of_all_seeds = |plan: Plan| Plan { about: About { several_seeds: false, ..plan.about.clone() }, ..plan };
        ensembles.extend(groups.iter().filter_map(|group| mean(group, name(group), None).map(of_all_seeds)));
    }
    if wanted.trials != TrialEnsembles::None {
        for group in grouped(&members, |plan| (plan.seed, plan.about.fold)) {
            ensembles.extend(chosen(wanted.trials, &group).iter().filter_map(|group| {
                let names: Vec<&str> = group.iter().map(|run| run.plan.about.trial.as_str()).collect();
                mean(group, format!("ensemble of {}", names.join(" + ")), None)
            }));
        }
    }
    if wanted.folds && !held_out.is_empty() {
        let groups = grouped(&members, |plan| (plan.about.trial.clone(), plan.seed));
        let name = |group: &[&PlannedRun]| name(group[0], &format!("ensemble of {} folds", group.len()));
        ensembles.extend(groups.iter().filter_map(|group| mean(group, name(group), Some(held_out))));
    }
    ensembles
}

/// Runs with the same key, in the order of the runs.
fn grouped<'a, K: PartialEq>(runs: &[&'a PlannedRun], key: impl Fn(&Plan) -> K) -> Vec<Vec<&'a PlannedRun>> {
    let mut groups: Vec<(K, Vec<&PlannedRun>)> = Vec::new();
    for run in runs {
        let own = key(&run.plan);
        match groups.iter_mut().find(|(key, _)| *key == own) {
            Some((_, group)) => group.push(run),
            None => groups.push((own, vec![run])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Pairs, or all together.
fn chosen<'a>(which: TrialEnsembles, group: &[&'a PlannedRun]) -> Vec<Vec<&'a PlannedRun>> {
    match which {
        TrialEnsembles::None => Vec::new(),
        TrialEnsembles::All => vec![group.to_vec()],
        TrialEnsembles::Pairs => {
            let pairs = group
                .iter()
                .enumerate()
                .flat_map(|(index, one)| group.iter().skip(index + 1).map(move |other| vec![*one, *other]));
            pairs.collect()
        }
    }
}

fn name(run: &PlannedRun, what: &str) -> String {
    format!("{} {what}", run.plan.about.trial).trim_start().to_owned()
}

/// The plan of one ensemble: its first member's, with the members' ids. None for fewer than two members, or members that find
/// different structures.
fn mean(group: &[&PlannedRun], trial: String, held_out: Option<&[String]>) -> Option<Plan> {
    let first = &group.first().filter(|_| group.len() > 1)?.plan;
    if group.iter().any(|run| run.plan.target != first.target) {
        return None;
    }
    let members: Vec<String> = group.iter().map(|run| run.id.clone()).collect();
    let labels: Vec<String> = group.iter().map(|run| run.label()).collect();
    let about = About {
        trial,
        settings: vec![("members".to_owned(), labels.join(" + "))],
        notes: Vec::new(),
        ..first.about.clone()
    };
    let plan = Plan { about, members, cascade: None, ..first.clone() };
    Some(match held_out {
        None => plan,
        Some(test) => {
            let mut train: Vec<String> = group.iter().flat_map(|run| run.plan.cases.train.iter().cloned()).collect();
            train.sort();
            train.dedup();
            let cases = Fold { train, validation: Vec::new(), test: test.to_vec() };
            let about = About { fold: 0, folds: 1, held_out: true, ..plan.about.clone() };
            Plan { about, cases, ..plan }
        }
    })
}
