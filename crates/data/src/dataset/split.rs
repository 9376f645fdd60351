//! Splits cases into training, validation and test. Depends only on the set of names, not on their order.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use regex::Regex;

pub use error::SplitError;

use super::spec::Split;
use super::{Fold, did_you_mean};
use crate::random;

/// What a list of cases states about them: `[layout.list]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// Patient of each case; without one, a case is a patient of its own.
    pub patients: BTreeMap<String, String>,
    /// Name of the fold that each case tests.
    pub folds: BTreeMap<String, String>,
}

/// Names of cases that stay together.
type Group = Vec<String>;

/// Splits cases into folds. Every case is a test case at most once; every list is sorted; validation cases are taken from the
/// training cases.
///
/// # Errors
/// [`SplitError`], naming the case or key.
pub fn split(split: &Split, cases: &[&str]) -> Result<Vec<Fold>, SplitError> {
    split_listed(split, cases, &Groups::default())
}

/// As [`split()`], with the patients and folds of a list.
///
/// # Errors
/// [`SplitError`], naming the case or key.
pub fn split_listed(split: &Split, cases: &[&str], listed: &Groups) -> Result<Vec<Fold>, SplitError> {
    let names: BTreeSet<&str> = cases.iter().copied().collect();
    let folds = match split {
        Split::Fixed { train, validation, test } => vec![fixed(&names, train, validation, test)?],
        Split::Ratio { test, validation, seed, group_by } => {
            vec![ratio(&groups(&names, group_by.as_deref(), listed)?, *test, *validation, *seed)?]
        }
        Split::EveryNth { n, offset, validation, seed, group_by } => {
            let groups = groups(&names, group_by.as_deref(), listed)?;
            vec![every_nth(groups, (*n, *offset), *validation, *seed)?]
        }
        Split::KFold { folds, validation, seed, group_by, .. } => {
            let units = if group_by.is_some() || !listed.patients.is_empty() { "patients" } else { "cases" };
            let held_out = held_out_listed(split, cases, listed)?;
            let mut groups = groups(&names, group_by.as_deref(), listed)?;
            groups.retain(|group| group.iter().all(|case| !held_out.contains(case)));
            k_fold(groups, *folds, units, *validation, *seed)?
        }
        Split::FixedFolds { folds, validation, seed } => fixed_folds(&names, folds, listed, *validation, *seed)?,
    };
    let several = folds.len() > 1;
    for (number, fold) in folds.iter().enumerate() {
        let place = if several { format!(" in fold {number}") } else { String::new() };
        let empty = |purpose| SplitError::EmptyPart { purpose, place: place.clone(), found: names.len() };
        if fold.train.is_empty() {
            return Err(empty("train on"));
        }
        if fold.test.is_empty() && !split.scores_nothing() {
            return Err(empty("test on"));
        }
    }
    Ok(folds)
}

/// Patient of each case that `group-by` (where it matches) or a list names.
pub fn patients<'a>(
    cases: impl Iterator<Item = &'a str>,
    group_by: Option<&str>,
    listed: &Groups,
) -> BTreeMap<String, String> {
    let Some(regex) = group_by.and_then(|expression| Regex::new(expression).ok()) else {
        return listed.patients.clone();
    };
    let patient = |case: &str| Some((case.to_owned(), regex.captures(case)?.get(1)?.as_str().to_owned()));
    cases.filter_map(patient).collect()
}

impl Split {
    /// The expression that finds the patient in the name of a case.
    pub fn group_by(&self) -> Option<&str> {
        match self {
            Self::Ratio { group_by, .. } | Self::EveryNth { group_by, .. } | Self::KFold { group_by, .. } => {
                group_by.as_deref()
            }
            Self::Fixed { .. } | Self::FixedFolds { .. } => None,
        }
    }

    /// Number of folds; `None` where a list of cases tells.
    pub fn folds(&self) -> Option<usize> {
        match self {
            Self::Fixed { .. } | Self::Ratio { .. } | Self::EveryNth { .. } => Some(1),
            Self::KFold { folds, .. } => Some(*folds),
            Self::FixedFolds { folds, .. } => Some(folds.len()).filter(|count| *count > 0),
        }
    }

    /// Whether the split asks for no test cases: `test = []` or `test = 0`, to train the final network on all data.
    pub fn scores_nothing(&self) -> bool {
        match self {
            Self::Fixed { test, .. } => test.is_empty(),
            Self::Ratio { test, .. } => *test == 0.0,
            Self::EveryNth { .. } | Self::KFold { .. } | Self::FixedFolds { .. } => false,
        }
    }
}

/// The cases held out of all folds of a cross-validation, sorted.
///
/// # Errors
/// [`SplitError`], naming the key.
pub fn held_out(split: &Split, cases: &[&str]) -> Result<Vec<String>, SplitError> {
    held_out_listed(split, cases, &Groups::default())
}

/// As [`held_out`], with the patients of a list.
///
/// # Errors
/// [`SplitError`], naming the key.
pub fn held_out_listed(split: &Split, cases: &[&str], listed: &Groups) -> Result<Vec<String>, SplitError> {
    let Split::KFold { held_out, seed, group_by, .. } = split else { return Ok(Vec::new()) };
    let wanted = fraction("held-out", *held_out)?;
    let names: BTreeSet<&str> = cases.iter().copied().collect();
    let mut groups = shuffled(groups(&names, group_by.as_deref(), listed)?, *seed, "held out", 0);
    let total = names.len() as f64;
    let mut cases: Vec<String> = take(&mut groups, total * wanted).into_iter().flatten().collect();
    cases.sort();
    Ok(cases)
}

fn fixed(names: &BTreeSet<&str>, train: &[String], validation: &[String], test: &[String]) -> Result<Fold, SplitError> {
    let mut seen: BTreeMap<&str, &'static str> = BTreeMap::new();
    for (list, cases) in [("train", train), ("validation", validation), ("test", test)] {
        for case in cases {
            if !names.contains(case.as_str()) {
                let hint = did_you_mean(case, names.iter().copied());
                return Err(SplitError::UnknownCase { list, case: case.clone(), hint });
            }
            if let Some(first) = seen.insert(case, list) {
                return Err(SplitError::ListedTwice { case: case.clone(), first, second: list });
            }
        }
    }
    let sorted = |cases: &[String]| {
        let mut cases = cases.to_vec();
        cases.sort();
        cases
    };
    Ok(Fold { train: sorted(train), validation: sorted(validation), test: sorted(test) })
}

/// Each fold tests its cases and trains on those of the others.
fn fixed_folds(
    names: &BTreeSet<&str>,
    folds: &[Vec<String>],
    listed: &Groups,
    validation: f64,
    seed: u64,
) -> Result<Vec<Fold>, SplitError> {
    let mut of_list: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (case, fold) in listed.folds.iter().filter(|(case, _)| names.contains(case.as_str())) {
        of_list.entry(fold).or_default().push(case.clone());
    }
    let folds: Vec<Vec<String>> = if folds.is_empty() { of_list.into_values().collect() } else { folds.to_vec() };
    if folds.len() < 2 {
        let value = folds.len().to_string();
        return Err(SplitError::Number { key: "folds", value, expected: "2 or more lists of cases" });
    }
    let mut seen = BTreeSet::new();
    for case in folds.iter().flatten() {
        if !names.contains(case.as_str()) {
            let hint = did_you_mean(case, names.iter().copied());
            return Err(SplitError::UnknownCase { list: "folds", case: case.clone(), hint });
        }
        if !seen.insert(case) {
            return Err(SplitError::ListedTwice { case: case.clone(), first: "folds", second: "folds" });
        }
    }
    let of = |number: usize| {
        let others = folds.iter().enumerate().filter(|(other, _)| *other != number).flat_map(|(_, cases)| cases);
        let rest: BTreeSet<&str> = others.map(String::as_str).collect();
        let rest = groups(&rest, None, listed)?;
        train_and_validate(rest, vec![folds[number].clone()], validation, seed, number as u64)
    };
    (0..folds.len()).map(of).collect()
}

fn ratio(groups: &[Group], test: f64, validation: f64, seed: u64) -> Result<Fold, SplitError> {
    let (test, validation) = (fraction("test", test)?, fraction("validation", validation)?);
    let total: usize = groups.iter().map(Vec::len).sum();
    let mut rest = shuffled(groups.to_vec(), seed, "split", 0);
    let tested = take(&mut rest, total as f64 * test);
    let validated = take(&mut rest, total as f64 * validation);
    Ok(fold(rest, validated, tested))
}

fn every_nth(groups: Vec<Group>, (n, offset): (usize, usize), validation: f64, seed: u64) -> Result<Fold, SplitError> {
    let number = |key, value: usize, expected| Err(SplitError::Number { key, value: value.to_string(), expected });
    if n < 2 {
        return number("n", n, "2 or more");
    }
    if offset >= n {
        return number("offset", offset, "less than `n`");
    }
    let (tested, rest): (Vec<_>, Vec<_>) = groups.into_iter().enumerate().partition(|(place, _)| place % n == offset);
    let plain = |part: Vec<(usize, Group)>| part.into_iter().map(|(_, group)| group).collect();
    train_and_validate(plain(rest), plain(tested), validation, seed, 0)
}

fn k_fold(
    groups: Vec<Group>,
    folds: usize,
    units: &'static str,
    validation: f64,
    seed: u64,
) -> Result<Vec<Fold>, SplitError> {
    if folds < 2 {
        return Err(SplitError::Number { key: "folds", value: folds.to_string(), expected: "2 or more" });
    }
    if groups.len() < folds {
        return Err(SplitError::TooFew { folds, units, found: groups.len() });
    }
    let parts = deal(shuffled(groups, seed, "split", 0), folds);
    (0..folds)
        .map(|number| {
            let rest = parts.iter().enumerate().filter(|(part, _)| *part != number);
            let rest = rest.flat_map(|(_, groups)| groups.clone()).collect();
            train_and_validate(rest, parts[number].clone(), validation, seed, number as u64)
        })
        .collect()
}

/// Assigns groups to parts of nearly equal size: the largest groups first, each to the part with the fewest cases.
fn deal(mut groups: Vec<Group>, folds: usize) -> Vec<Vec<Group>> {
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut parts = vec![Vec::new(); folds];
    let mut sizes = vec![0; folds];
    for group in groups {
        let smallest = (0..folds).min_by_key(|&part| sizes[part]).unwrap_or(0);
        sizes[smallest] += group.len();
        parts[smallest].push(group);
    }
    parts
}

fn train_and_validate(
    rest: Vec<Group>,
    tested: Vec<Group>,
    validation: f64,
    seed: u64,
    number: u64,
) -> Result<Fold, SplitError> {
    let validation = fraction("validation", validation)?;
    let total: usize = rest.iter().map(Vec::len).sum();
    let mut rest: Vec<Group> = rest;
    rest.sort();
    let mut rest = shuffled(rest, seed, "validation", number);
    let validated = take(&mut rest, total as f64 * validation);
    Ok(fold(rest, validated, tested))
}

fn fraction(key: &'static str, value: f64) -> Result<f64, SplitError> {
    if (0.0..1.0).contains(&value) {
        return Ok(value);
    }
    Err(SplitError::Number { key, value: value.to_string(), expected: "at least 0 and less than 1" })
}

/// Takes groups from the front until their size is as close as possible to `wanted`; at least one if `wanted` is positive.
fn take(groups: &mut Vec<Group>, wanted: f64) -> Vec<Group> {
    let (mut size, mut count) = (0.0, 0);
    for group in groups.iter() {
        let larger = size + group.len() as f64;
        let nearer = (larger - wanted).abs() <= (size - wanted).abs();
        if wanted <= 0.0 || !(nearer || count == 0) {
            break;
        }
        (size, count) = (larger, count + 1);
    }
    groups.drain(..count).collect()
}

fn shuffled(mut groups: Vec<Group>, seed: u64, purpose: &str, sample: u64) -> Vec<Group> {
    groups.shuffle(&mut random::stream(seed, purpose, 0, sample));
    groups
}

fn fold(train: Vec<Group>, validation: Vec<Group>, test: Vec<Group>) -> Fold {
    let sorted = |groups: Vec<Group>| {
        let mut cases: Vec<String> = groups.into_iter().flatten().collect();
        cases.sort();
        cases
    };
    Fold { train: sorted(train), validation: sorted(validation), test: sorted(test) }
}

/// Groups in the order of their patient names; without `group-by` and listed patients, every case is its own group.
fn groups(names: &BTreeSet<&str>, group_by: Option<&str>, listed: &Groups) -> Result<Vec<Group>, SplitError> {
    let Some(expression) = group_by else {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for name in names {
            let patient = listed.patients.get(*name).map_or(*name, String::as_str);
            groups.entry(patient).or_default().push((*name).to_owned());
        }
        return Ok(groups.into_values().collect());
    };
    let wrong = |reason: String| SplitError::GroupBy { expression: expression.into(), reason };
    let regex = Regex::new(expression).map_err(|error| wrong(error.to_string()))?;
    if regex.captures_len() < 2 {
        return Err(wrong("has no capture group; put the patient in parentheses, as in `^(patient\\d+)_`".into()));
    }
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for name in names {
        let patient = regex.captures(name).and_then(|found| found.get(1));
        let patient = patient.ok_or_else(|| wrong(format!("does not match the case `{name}`")))?;
        groups.entry(patient.as_str().to_owned()).or_default().push((*name).to_owned());
    }
    Ok(groups.into_values().collect())
}

#[cfg(test)]
mod tests;
