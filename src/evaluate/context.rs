//! Origin of scores, and display names of their trials and runs.

use std::collections::{BTreeMap, BTreeSet};

use super::TrialKey;
use super::summary::StructureGroups;

/// Origin of the scores of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Name of the experiment.
    pub experiment: String,
    /// The trial; runs of one trial differ only in fold and seed.
    pub trial: TrialKey,
    /// Fold of a cross-validation.
    pub fold: Option<u32>,
    /// Seed of the run.
    pub seed: u64,
    /// Name of the dataset.
    pub dataset: String,
    /// Name of the scored split, e.g. `test`.
    pub split: String,
    /// Whether this split was used to select the checkpoint: its scores are then optimistic.
    pub selected_on: bool,
    /// Scored cases whose labels a person corrected.
    pub corrected: BTreeSet<String>,
    /// How the weights were chosen: `best epoch on the validation cases`.
    pub weights: String,
    /// Patient of each case that is not a patient of its own.
    pub patients: BTreeMap<String, String>,
    /// Groups of structures that the dataset names.
    pub groups: StructureGroups,
}

impl Context {
    /// Whether two runs belong to one trial.
    pub fn is_same_trial(&self, other: &Self) -> bool {
        (&self.experiment, &self.trial) == (&other.experiment, &other.trial)
    }
}

/// Display names of trials and runs: what distinguishes them, with the experiment's name only if there are several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names {
    several_experiments: bool,
}

impl Names {
    /// Names for all runs that are shown together.
    pub fn of<'a>(contexts: impl IntoIterator<Item = &'a Context>) -> Self {
        let mut experiments = contexts.into_iter().map(|context| &context.experiment);
        let first = experiments.next();
        Self { several_experiments: experiments.any(|other| Some(other) != first) }
    }

    /// Name of a trial; empty for the only trial of the only experiment.
    pub fn trial(&self, context: &Context) -> String {
        let experiment = if self.several_experiments { context.experiment.as_str() } else { "" };
        spaced(&[experiment, &context.trial.label()], " ")
    }

    /// Name of a run: trial, fold and seed.
    pub fn run(&self, context: &Context) -> String {
        let fold = context.fold.map(|fold| format!("fold {fold}")).unwrap_or_default();
        spaced(&[&self.trial(context), &fold, &format!("seed {}", context.seed)], ", ")
    }
}

/// The non-empty parts, joined.
fn spaced(parts: &[&str], between: &str) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Variant;

    #[test]
    fn experiments_are_named_only_where_there_are_several() {
        let one = Context { experiment: "plain".into(), seed: 3, ..Context::default() };
        let pass = Context { trial: one.trial.variant(Variant::Pass(2)), fold: Some(1), ..one.clone() };
        let other = Context { experiment: "attention".into(), ..one.clone() };
        let alone = Names::of([&one, &pass]);
        assert_eq!((alone.trial(&one), alone.run(&one)), (String::new(), "seed 3".into()));
        assert_eq!(alone.run(&pass), "pass 2, fold 1, seed 3");
        let both = Names::of([&one, &other, &pass]);
        assert_eq!((both.trial(&one), both.run(&pass)), ("plain".into(), "plain pass 2, fold 1, seed 3".into()));
    }

    #[test]
    fn runs_of_one_trial_have_equal_experiments_and_keys() {
        let one = Context { experiment: "e".into(), ..Context::default() };
        assert!(one.is_same_trial(&Context { seed: 9, fold: Some(2), ..one.clone() }));
        assert!(!one.is_same_trial(&Context { experiment: "f".into(), ..one.clone() }));
        assert!(!one.is_same_trial(&Context { trial: one.trial.variant(Variant::Cascade), ..one.clone() }));
    }
}
