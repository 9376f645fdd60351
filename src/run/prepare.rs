//! Preprocessing alone, for every run of an experiment: what training would do first, done before.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use super::error::RunError;
use super::event::{Event, Observer};
use super::experiment::{Planned, PlannedRun};
use crate::Cancel;
use crate::dataset::{Case, Excluded};
use crate::preprocess::{self, Outcome, PreprocessPlan};

/// How the cases ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Cases that were computed and stored.
    pub computed: usize,
    /// Cases that were there already.
    pub cached: usize,
    /// Cases that cannot be used.
    pub excluded: Vec<Excluded>,
}

/// Prepares the cases of all planned runs. Runs that differ only in what comes after share their prepared cases.
///
/// # Errors
/// The cache cannot be written, or [`RunError::Interrupted`]: finished cases stay.
pub fn prepare_all(planned: &Planned, cancelled: &Cancel, observer: &mut dyn Observer) -> Result<Tally, RunError> {
    let mut tally = Tally { excluded: planned.inputs.excluded.clone(), ..Tally::default() };
    for (plan, names) in distinct(&planned.runs) {
        let cases: Vec<Case> =
            planned.inputs.cases.iter().filter(|case| names.contains(case.name.as_str())).cloned().collect();
        prepare_cases(plan, &cases, planned, cancelled, observer, &mut tally)?;
    }
    Ok(tally)
}

/// Every preprocessing with the cases that some run puts through it.
fn distinct(runs: &[PlannedRun]) -> Vec<(&PreprocessPlan, BTreeSet<&str>)> {
    let mut all: Vec<(&PreprocessPlan, BTreeSet<&str>)> = Vec::new();
    for run in runs {
        let plan = &run.plan;
        let names = [&plan.cases.train, &plan.cases.validation, &plan.cases.test].into_iter().flatten();
        let names = names.map(String::as_str);
        match all.iter_mut().find(|(known, _)| **known == plan.preprocess) {
            Some((_, known)) => known.extend(names),
            None => all.push((&plan.preprocess, names.collect())),
        }
    }
    all
}

fn prepare_cases(
    plan: &PreprocessPlan,
    cases: &[Case],
    planned: &Planned,
    cancelled: &Cancel,
    observer: &mut dyn Observer,
    tally: &mut Tally,
) -> Result<(), RunError> {
    let shared = Mutex::new((observer, &mut *tally));
    let progress = |progress: preprocess::Progress| {
        let Ok(mut shared) = shared.lock() else { return };
        let (observer, tally) = &mut *shared;
        tally.computed += usize::from(progress.outcome == Outcome::Computed);
        tally.cached += usize::from(progress.outcome == Outcome::Cached);
        observer.event(&Event::Preparing { done: progress.done, of: progress.total, cached: tally.cached });
    };
    let content = |case: &Case| -> io::Result<String> { planned.inputs.content_of(&case.name) };
    let set = preprocess::prepare(plan, cases, &planned.cache, &content, &progress, cancelled)?;
    let (observer, tally) = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    observer.event(&Event::Excluded(&set.excluded));
    tally.excluded.extend(set.excluded);
    Ok(())
}
