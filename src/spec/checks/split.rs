//! Checks how cases are split into training, validation and test.

use regex::Regex;

use crate::dataset::spec::Split;
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(split: &Split, findings: &mut Findings) {
    match split {
        Split::Fixed { train, validation, test } => fixed(train, validation, test, findings),
        Split::Ratio { test, validation, group_by, .. } => {
            ratio(*test, *validation, findings);
            group("split.ratio.group-by", group_by.as_deref(), findings);
        }
        Split::EveryNth { n, offset, validation, group_by, .. } => {
            if offset >= n {
                let help = format!("use 0 to {}: the first scored case is among the first {n}", n.saturating_sub(1));
                findings.error("split.every-nth.offset", format!("the offset {offset} is not below n = {n}"), help);
            }
            fraction("split.every-nth.validation", *validation, findings);
            group("split.every-nth.group-by", group_by.as_deref(), findings);
        }
        Split::KFold { validation, held_out, group_by, .. } => {
            fraction("split.k-fold.held-out", *held_out, findings);
            fraction("split.k-fold.validation", *validation, findings);
            group("split.k-fold.group-by", group_by.as_deref(), findings);
        }
        Split::FixedFolds { folds, validation, .. } => {
            fraction("split.fixed-folds.validation", *validation, findings);
            fixed_folds(folds, findings);
        }
    }
}

/// Whether the split has validation cases.
pub fn has_validation(split: &Split) -> bool {
    match split {
        Split::Fixed { validation, .. } => !validation.is_empty(),
        Split::Ratio { validation, .. } | Split::EveryNth { validation, .. } => *validation > 0.0,
        Split::KFold { validation, .. } | Split::FixedFolds { validation, .. } => *validation > 0.0,
    }
}

fn ratio(test: f64, validation: f64, findings: &mut Findings) {
    if test + validation >= 1.0 {
        let message = format!("test {test} and validation {validation} leave no case to train on");
        findings.error("split.ratio.test", message, "choose fractions whose sum is below 1");
    }
}

fn fraction(path: &str, validation: f64, findings: &mut Findings) {
    if validation >= 1.0 {
        findings.error(path, "no case would be left to train on", "choose a fraction below 1, for example 0.1");
    }
}

fn group(path: &str, pattern: Option<&str>, findings: &mut Findings) {
    let Some(pattern) = pattern else { return };
    match Regex::new(pattern) {
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            findings.error(path, format!("invalid regular expression: {reason}"), HELP);
        }
        Ok(regex) if regex.captures_len() < 2 => {
            findings.error(path, "this regular expression has no capture group for the patient", HELP);
        }
        Ok(_) => {}
    }
}

const HELP: &str = "put the patient's part of the case name in parentheses, as in \"^(patient[0-9]+)_\"";

fn fixed_folds(folds: &[Vec<String>], findings: &mut Findings) {
    let list = KeyPath::from("split.fixed-folds.folds");
    if folds.len() == 1 {
        findings.error(list.clone(), "one fold leaves no case to train on", "list the test cases of two folds or more");
    }
    let mut seen: Vec<&str> = Vec::new();
    for (number, cases) in folds.iter().enumerate() {
        if cases.is_empty() {
            findings.error(list.item(number), "this fold has no test case", "name at least one case");
        }
        for (index, case) in cases.iter().enumerate() {
            if seen.contains(&case.as_str()) {
                let message = format!("the case `{case}` is listed twice");
                findings.error(list.item(number).item(index), message, "each case tests one fold: list it once");
            }
            seen.push(case);
        }
    }
}

fn fixed(train: &[String], validation: &[String], test: &[String], findings: &mut Findings) {
    let lists = [("train", train), ("validation", validation), ("test", test)];
    // Without test cases, nothing is scored.
    if train.is_empty() {
        findings.error("split.fixed.train", "the list `train` is empty", "name at least one case");
    }
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, list) in lists {
        for (index, case) in list.iter().enumerate() {
            if let Some((_, earlier)) = seen.iter().find(|(other, _)| other == case) {
                let path = KeyPath::from("split.fixed").key(name).item(index);
                let help = format!("`{earlier}` already lists it; scores of cases used in training are meaningless");
                let help = if *earlier == name { format!("`{name}` already lists it") } else { help };
                findings.error(path, format!("the case `{case}` is listed twice"), help);
            }
            seen.push((case, name));
        }
    }
}
