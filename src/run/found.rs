//! Finds the runs of an experiment by the plans in their folders, without opening an image.

use std::path::Path;

use crate::evaluate::Variant;
use crate::plan::spec_hash;
use crate::spec::cascade::first_stage;
use crate::spec::{Experiment, Loaded, Trial as Planned};
use crate::store::{self, Stored};

/// The runs below the experiment's run root that belong to one of these trials, in the order of the trials, and warnings about folders
/// that cannot be read. Where the data changed between two runs of the same trial, seed and fold, the run that was planned last counts.
pub fn runs_of(loaded: &Loaded, trials: &[Planned]) -> (Vec<Stored>, Vec<String>) {
    let wanted: Vec<Trial> = trials
        .iter()
        .flat_map(|trial| {
            let hash = |experiment: &Experiment| spec_hash(experiment, &loaded.dataset);
            let seed = trial.experiment.seed;
            let first = first_stage(&trial.experiment).map(|first| Trial { spec: hash(&first), seed });
            first.into_iter().chain([Trial { spec: hash(&trial.experiment), seed }])
        })
        .collect();
    let name = loaded.experiment.name.as_deref();
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for run in store::all(Path::new(&loaded.experiment.run_root), name) {
        match run {
            Err(error) => warnings.push(error.to_string()),
            Ok(run) => found.extend(place(&run, &wanted).map(|place| (place, run))),
        }
    }
    found.sort_by_key(|(place, _)| *place);
    let mut runs: Vec<Stored> = Vec::new();
    for (_, run) in found {
        match runs.iter().position(|known| is_same(known, &run)) {
            Some(index) => {
                let (old, new) =
                    if runs[index].planned_at() < run.planned_at() { (index, Some(run)) } else { (index, None) };
                let name = runs[old].plan.name();
                let trial = if name.is_empty() { "this experiment".to_owned() } else { format!("trial `{name}`") };
                let which = format!(
                    "two runs of {trial} were planned on other data: the report shows the one that was planned last"
                );
                if !warnings.contains(&which) {
                    warnings.push(which);
                }
                if let Some(run) = new {
                    runs[old] = run;
                }
            }
            None => runs.push(run),
        }
    }
    (runs, warnings)
}

struct Trial {
    spec: String,
    seed: u64,
}

/// Position of a run within the experiment: by trial and fold, ensembles last. `None` if the run belongs to no trial.
fn place(run: &Stored, wanted: &[Trial]) -> Option<(usize, usize, usize)> {
    let about = &run.plan.about;
    let is_wanted = |trial: &Trial| trial.spec == about.trial.spec && trial.seed == run.plan.seed();
    let trial = wanted.iter().position(is_wanted).filter(|_| !about.smoke)?;
    let kind = match about.trial.variant {
        Variant::EnsembleOfSeeds(_) => 1,
        Variant::EnsembleOfTrials(_) => 2,
        Variant::EnsembleOfFolds(_) => 3,
        _ => 0,
    };
    Some((kind, trial, about.fold))
}

fn is_same(one: &Stored, other: &Stored) -> bool {
    let key = |run: &Stored| (run.plan.about.trial.clone(), run.plan.seed(), run.plan.about.fold, run.plan.about.folds);
    key(one) == key(other)
}
