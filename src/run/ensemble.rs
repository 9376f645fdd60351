//! Selects the runs whose probabilities are averaged: seeds of a trial, trials, or folds.

use crate::evaluate::Variant;
use crate::plan::{About, Average, Data, LookPlan, Plan, Role, Scored, Work};
use crate::spec::ensemble::{Ensemble, TrialEnsembles};
use crate::store::Stored;

/// Plans the ensembles of the planned runs; `held_out` are the cases in no fold. Runs with different structures are never averaged.
pub fn plan(wanted: &Ensemble, runs: &[Stored], held_out: Option<&Data>) -> Vec<Plan> {
    let members: Vec<&Stored> = runs.iter().filter(|run| is_main(&run.plan)).collect();
    let mut ensembles = Vec::new();
    if wanted.seeds {
        let groups = grouped(&members, |plan| (plan.about.trial.clone(), plan.about.fold));
        let of_all_seeds = |plan: Plan| Plan { about: About { several_seeds: false, ..plan.about.clone() }, ..plan };
        let mean = |group: &Vec<&Stored>| mean(group, Variant::EnsembleOfSeeds(group.len()), None).map(of_all_seeds);
        ensembles.extend(groups.iter().filter_map(mean));
    }
    if wanted.trials != TrialEnsembles::None {
        for group in grouped(&members, |plan| (plan.seed(), plan.about.fold)) {
            ensembles.extend(chosen(wanted.trials, &group).iter().filter_map(|group| {
                let names = group.iter().map(|run| run.plan.about.trial.label()).collect();
                mean(group, Variant::EnsembleOfTrials(names), None)
            }));
        }
    }
    if let Some(held_out) = held_out.filter(|data| wanted.folds && data.of(Role::Test).next().is_some()) {
        let groups = grouped(&members, |plan| (plan.about.trial.clone(), plan.seed()));
        let mean = |group: &Vec<&Stored>| mean(group, Variant::EnsembleOfFolds(group.len()), Some(held_out));
        ensembles.extend(groups.iter().filter_map(mean));
    }
    ensembles
}

/// Whether a run is neither the first stage of a cascade nor an ensemble.
pub fn is_main(plan: &Plan) -> bool {
    matches!(plan.about.trial.variant, Variant::Network | Variant::Cascade)
}

/// Groups of runs with equal keys, in the order of the runs.
fn grouped<'a, K: PartialEq>(runs: &[&'a Stored], key: impl Fn(&Plan) -> K) -> Vec<Vec<&'a Stored>> {
    let mut groups: Vec<(K, Vec<&Stored>)> = Vec::new();
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
fn chosen<'a>(which: TrialEnsembles, group: &[&'a Stored]) -> Vec<Vec<&'a Stored>> {
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

/// The plan of one ensemble: that of its first member, with the ids of all members. `None` for fewer than two members, or where their
/// structures differ.
fn mean(group: &[&Stored], variant: Variant, held_out: Option<&Data>) -> Option<Plan> {
    let first = &group.first().filter(|_| group.len() > 1)?.plan;
    if group.iter().any(|run| run.plan.target != first.target) {
        return None;
    }
    let average = Average {
        seed: first.seed(),
        selected_on_scored_cases: held_out.is_none() && group.iter().any(|run| run.plan.selected_on_scored_cases()),
        members: group.iter().map(|run| run.ids.clone()).collect(),
    };
    let mut trial = first.about.trial.variant(variant);
    if matches!(trial.variant, Variant::EnsembleOfTrials(_)) {
        // Its members have different settings; the variant names them.
        trial.settings.clear();
    }
    let about = About { trial, notes: Vec::new(), ..first.about.clone() };
    let plan = Plan { about, work: Work::Average(average), look: LookPlan::Everywhere, ..first.clone() };
    Some(match held_out {
        None => plan,
        Some(data) => {
            let about = About { fold: 0, folds: 1, scored: Scored::HeldOut, ..plan.about };
            Plan { about, data: data.clone(), ..plan }
        }
    })
}
