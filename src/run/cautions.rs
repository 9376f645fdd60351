//! What a person should know of the data before a run: structures that occur nowhere, sides that are mixed up, how labels were read.

use std::collections::BTreeSet;

use crate::counted;
use crate::dataset::{Inputs, absent, target};
use crate::plan::{Role, side_warning};
use crate::preprocess::spec::Spacing;
use crate::spec::Loaded;
use crate::store::Stored;
use crate::store::corrected::scored_and_corrected;

/// Cases whose remarks are printed; `segspec dataset check` prints all.
const CASES: usize = 3;

/// Warnings about an experiment and its data, without repetition.
pub fn cautions(loaded: &Loaded, inputs: &Inputs) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for trial in &loaded.trials {
        let experiment = &trial.experiment;
        found.extend(side_warning(experiment, &loaded.dataset));
        let chosen = target(&loaded.dataset, &experiment.structures).ok();
        found.extend(chosen.and_then(|target| absent(&target, &inputs.checks)));
        if experiment.preprocess.shape.is_none()
            && experiment.preprocess.spacing_mm == Spacing::Auto
            && without_spacing(inputs)
        {
            found.push(
                "the images have no voxel spacing: `spacing-mm = \"auto\"` keeps their voxels, lengths are in voxels"
                    .into(),
            );
        }
    }
    let noted: Vec<_> = inputs.checks.iter().filter(|row| row.excluded.is_none() && !row.notes.is_empty()).collect();
    found.extend(noted.iter().take(CASES).map(|row| format!("{}: {}", row.case, row.notes.join("; "))));
    if noted.len() > CASES {
        let more = noted.len() - CASES;
        let more = counted(more, "more case");
        found.push(format!("{more} with such remarks: `segspec dataset check` prints them"));
    }
    let mut seen = BTreeSet::new();
    found.retain(|text| seen.insert(text.clone()));
    found
}

/// Warnings about planned runs.
pub fn of_runs(loaded: &Loaded, runs: &[Stored]) -> Vec<String> {
    let mut found: Vec<String> = corrected(runs).into_iter().collect();
    // Test-time mirroring uses the axes mirrored in training: without any, it has no effect.
    let is_wanted = loaded.trials.iter().all(|trial| trial.experiment.predict.mirror);
    if is_wanted && runs.iter().all(|run| run.plan.predict.mirror_axes.is_empty()) {
        found.push("predict.mirror has no effect: training mirrors no axis (see `augment.mirror`)".into());
    }
    found
}

/// Warns of test cases whose labels began as a prediction.
fn corrected(runs: &[Stored]) -> Option<String> {
    let tests = |run: &Stored| run.plan.data.cases.iter().filter(|case| case.role == Role::Test).count();
    let of_runs = runs.iter().map(|run| (scored_and_corrected(&run.plan.data), tests(run)));
    // Runs of a sweep have the same cases; of folds, the one that says most is named.
    let (cases, of) = of_runs.max_by_key(|(cases, _)| cases.len()).filter(|(cases, _)| !cases.is_empty())?;
    Some(format!(
        "{} of {} have labels that were corrected by hand and began as a prediction: they resemble it, and their scores are optimistic. \
         Train on these cases, and test on others (`[split]`)",
        cases.len(),
        counted(of, "test case")
    ))
}

/// Whether no usable image has a voxel spacing, as pictures.
pub fn without_spacing(inputs: &Inputs) -> bool {
    let mut usable = inputs.checks.iter().filter(|row| row.excluded.is_none()).peekable();
    usable.peek().is_some() && usable.all(|row| row.spacing_mm.is_none())
}
