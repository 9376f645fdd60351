//! How the cases are divided into training and test cases.

use std::collections::BTreeSet;

use super::find::Find;
use super::stems;
use crate::dataset::spec::{Dataset, Split};
use crate::dataset::{Case, Opened};

/// Fewest patients that are divided: of two, a network would see one.
const FEWEST_PATIENTS: usize = 3;

/// Chooses the split; returns the number of patients.
pub(super) fn split(
    find: &Find,
    opened: &Opened,
    cases: &[Case],
    dataset: &mut Dataset,
    guesses: &mut Vec<String>,
) -> usize {
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut group_by = find.group_by.clone();
    if opened.groups.patients.is_empty()
        && group_by.is_none()
        && let Some((pattern, single)) = stems::subjects_of_contrasts(&names)
    {
        let text = match single {
            true => "are contrasts of one subject, not patients: they cannot be divided into training and test cases",
            false => "are contrasts of the same subjects: those of a subject stay together in the split",
        };
        guesses.push(format!("the cases {} {text}", names.iter().take(3).copied().collect::<Vec<_>>().join(", ")));
        group_by = Some(pattern);
    }
    let patients = patients(&names, opened, group_by.as_deref());
    dataset.split = match &find.split {
        Some(split) => split.clone(),
        None if patients < FEWEST_PATIENTS => {
            let few = if patients == 1 { "one patient" } else { "two patients" };
            guesses.push(format!("{few} only: every case is used for training, and nothing is scored"));
            Split::Ratio { test: 0.0, validation: 0.0, seed: 12345, group_by: group_by.filter(|_| patients > 1) }
        }
        None => Split::KFold { folds: patients.min(5), held_out: 0.0, validation: 0.0, seed: 12345, group_by },
    };
    patients
}

fn patients(names: &[&str], opened: &Opened, group_by: Option<&str>) -> usize {
    let pattern = group_by.and_then(|text| regex::Regex::new(text).ok());
    let patient = |name: &&str| match (&pattern, opened.groups.patients.get(*name)) {
        (Some(pattern), _) => pattern.captures(name).and_then(|found| Some(found.get(1)?.as_str().to_owned())),
        (None, Some(patient)) => Some(format!("patient {patient}")),
        _ => None,
    };
    names.iter().map(|name| patient(name).unwrap_or_else(|| format!("case {name}"))).collect::<BTreeSet<_>>().len()
}
