//! Preprocessing of one run, or of all runs of an experiment (`segspec prepare`).

use std::sync::atomic::{AtomicUsize, Ordering};

use super::cases::Cases;
use super::error::RunError;
use super::setting::{Setting, hashes_file};
use crate::dataset::{Case, Content, Excluded, FileHashes};
use crate::observe::Kind;
use crate::plan::{Role, Training};
use crate::preprocess::{self, Outcome, PreparedSet, PreprocessPlan};
use crate::store::{Stored, write_json};

/// Outcome of preprocessing.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Cases preprocessed now.
    pub computed: usize,
    /// Cases found in the cache.
    pub cached: usize,
    /// Cases that cannot be used.
    pub excluded: Vec<Excluded>,
}

/// Preprocesses every case of a run, or takes it from the cache.
///
/// # Errors
/// No training or test case is usable, the cache cannot be written, or the run was stopped.
pub fn prepare(run: &Stored, training: &Training, cases: &Cases, setting: &Setting) -> Result<PreparedSet, RunError> {
    let (set, _) = prepare_cases(&training.preprocess, &cases.all(), run, setting)?;
    let excluded = [&run.plan.data.excluded[..], &set.excluded].concat();
    write_json(&run.prediction().excluded(), &excluded)?;
    setting.events.emit(Kind::Excluded { cases: set.excluded.clone() });
    for (what, role) in [("training", Role::Train), ("test", Role::Test)] {
        let names = cases.names(role);
        if !names.is_empty() && !set.cases.iter().any(|case| names.contains(&case.name.as_str())) {
            return Err(RunError::NoCases { what, excluded: set.excluded });
        }
    }
    Ok(set)
}

/// Preprocesses cases by one plan and counts the outcomes.
pub(super) fn prepare_cases(
    plan: &PreprocessPlan,
    cases: &[(Case, Content)],
    run: &Stored,
    setting: &Setting,
) -> Result<(PreparedSet, Tally), RunError> {
    let [computed, cached] = [(); 2].map(|()| AtomicUsize::new(0));
    let progress = |progress: preprocess::Progress| {
        match progress.outcome {
            Outcome::Computed => drop(computed.fetch_add(1, Ordering::Relaxed)),
            Outcome::Cached => drop(cached.fetch_add(1, Ordering::Relaxed)),
            Outcome::Excluded => {}
        }
        let cached = cached.load(Ordering::Relaxed);
        setting.events.emit(Kind::Preparing { done: progress.done, of: progress.total, cached });
    };
    let cache = run.folder.cache(&run.plan.about.experiment);
    let hashes = FileHashes::open(&hashes_file(&cache));
    let set = preprocess::prepare(plan, cases, &hashes, &cache, &progress, setting.cancel)?;
    hashes.save()?;
    let tally = Tally { computed: computed.into_inner(), cached: cached.into_inner(), excluded: set.excluded.clone() };
    Ok((set, tally))
}

/// Preprocesses the cases of all runs. Runs with the same preprocessing share its results.
///
/// # Errors
/// The cache cannot be written, or [`RunError::Interrupted`]: finished cases stay.
pub fn prepare_all(runs: &[Stored], setting: &Setting) -> Result<Tally, RunError> {
    let mut tally = Tally::default();
    let mut done: Vec<(&PreprocessPlan, Vec<Content>)> = Vec::new();
    for run in runs {
        let Some(training) = run.plan.work.training() else { continue };
        let cases = Cases::locate(run, setting)?;
        let known = match done.iter().position(|(plan, _)| **plan == training.preprocess) {
            Some(place) => &mut done[place].1,
            None => {
                done.push((&training.preprocess, Vec::new()));
                let last = done.len() - 1;
                &mut done[last].1
            }
        };
        let new: Vec<_> = cases.all().into_iter().filter(|(_, content)| !known.contains(content)).collect();
        known.extend(new.iter().map(|(_, content)| content.clone()));
        let (_, own) = prepare_cases(&training.preprocess, &new, run, setting)?;
        setting.events.emit(Kind::Excluded { cases: own.excluded.clone() });
        tally.computed += own.computed;
        tally.cached += own.cached;
        tally.excluded.extend(own.excluded);
    }
    Ok(tally)
}
