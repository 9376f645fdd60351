//! The dataset file that `segspec new` writes.

use std::fmt::Write as _;

use serde::Serialize;

use super::quoted;
use crate::dataset::Proposal;
use crate::dataset::spec::{Labels, Layout, ListedCase, Split};

/// The text of a proposal, with its guesses as comments.
pub(super) fn text(proposal: &Proposal, root: &str) -> String {
    let dataset = &proposal.dataset;
    let mut text = String::from("#:schema schema.json\n");
    let _ = writeln!(text, "# Recognised as: {}.", proposal.layout);
    for guess in &proposal.guesses {
        let _ = writeln!(text, "# Guessed, please check: {}.", one_line(guess));
    }
    for (key, value) in
        [("description", &dataset.description), ("source", &dataset.source), ("licence", &dataset.licence)]
    {
        if !value.is_empty() {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    let _ = writeln!(text, "# Relative to SEGSPEC_DATA (default data/), or absolute.\nroot = {}", quoted(root));
    layout(&dataset.layout, &mut text);
    let _ = writeln!(text, "modality = {}", inline(&dataset.modality));
    if let Some(spacing_mm) = dataset.spacing_mm {
        text.push_str("# Slices, rows, columns: the images state no spacing.\n");
        let _ = writeln!(text, "spacing-mm = {spacing_mm:?}");
    }
    split(&dataset.split, &mut text);
    labels(&dataset.labels, &mut text);
    if !dataset.exclude.is_empty() {
        text.push_str("\n# Cases that are not used, and why.\n[exclude]\n");
    }
    for (case, reason) in &dataset.exclude {
        let _ = writeln!(text, "{} = {}", key(case), quoted(reason));
    }
    for channel in &dataset.channels {
        let _ = write!(text, "\n[[channel]]\nname = {}\n", quoted(&channel.name));
        if let Some(modality) = channel.modality {
            let _ = writeln!(text, "modality = {}", inline(&modality));
        }
    }
    for structure in &dataset.structures {
        let _ = write!(text, "\n[[structure]]\nname = {}\nvalue = {}\n", quoted(&structure.name), structure.value);
        if let Some(color) = &structure.color {
            let _ = writeln!(text, "color = {}", quoted(color));
        }
    }
    text
}

/// A quoted key of TOML.
fn key(text: &str) -> String {
    serde_json::Value::String(text.into()).to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value as TOML on one line.
fn inline(value: &impl Serialize) -> String {
    toml::Value::try_from(value).map_or_else(|_| "\"\"".into(), |value| value.to_string())
}

fn layout(layout: &Layout, text: &mut String) {
    let Layout::List { file: None, cases } = layout else {
        let _ = writeln!(text, "layout = {}", inline(layout));
        return;
    };
    text.push_str("layout.list.cases = [\n");
    for case in cases {
        let _ = writeln!(text, "    {},", listed(case));
    }
    text.push_str("]\n");
}

fn listed(case: &ListedCase) -> String {
    inline(case)
}

fn split(split: &Split, text: &mut String) {
    text.push_str("\n# Training and test cases; an experiment can override the split.\n");
    match split {
        Split::KFold { folds, seed, group_by, .. } => {
            let _ = writeln!(text, "[split.k-fold]\nfolds = {folds}\nseed = {seed}");
            patients(group_by.as_deref(), text);
        }
        Split::Ratio { test, seed, group_by, .. } => {
            if *test == 0.0 {
                text.push_str(
                    "# Too few patients to test on: every case is used for training, and nothing is scored.\n",
                );
            }
            let _ = writeln!(text, "[split.ratio]\ntest = {test:?}\nseed = {seed}");
            patients(group_by.as_deref(), text);
        }
        Split::FixedFolds { folds, .. } if folds.is_empty() => text.push_str("[split.fixed-folds]\n"),
        Split::FixedFolds { folds, .. } => {
            text.push_str("[split.fixed-folds]\nfolds = [\n");
            for fold in folds {
                let _ = writeln!(text, "    {},", inline(fold));
            }
            text.push_str("]\n");
        }
        Split::Fixed { train, validation, test } => {
            text.push_str("[split.fixed]\n");
            for (part, cases) in [("train", train), ("validation", validation), ("test", test)] {
                if !cases.is_empty() || part != "validation" {
                    let _ = writeln!(text, "{part} = {}", inline(cases));
                }
            }
        }
        Split::EveryNth { .. } => {
            let _ = writeln!(text, "split = {}", inline(split));
        }
    }
}

/// Which cases are of one patient.
fn patients(group_by: Option<&str>, text: &mut String) {
    match group_by {
        Some(pattern) => {
            text.push_str("# The patient in a case's name: cases of a patient stay together.\n");
            let _ = writeln!(text, "group-by = {}", quoted(pattern));
        }
        None => {
            text.push_str("# To keep cases of a patient together (by case name): group-by = \"^(patient\\\\d+)_\"\n");
        }
    }
}

fn labels(labels: &Labels, text: &mut String) {
    let is_plain = *labels == Labels::default();
    if is_plain {
        return;
    }
    text.push_str("\n[labels]\n");
    if labels.by_name {
        text.push_str("# Segments are identified by their names.\nby-name = true\n");
    }
    if labels.overlap {
        text.push_str("# Structures may share voxels.\noverlap = true\n");
    }
    if let Some(value) = labels.ignore {
        let _ = writeln!(text, "# Unlabelled voxels: excluded from losses and metrics.\nignore = {value}");
    }
    if !labels.mirror_pairs.is_empty() {
        let line = |[left, right]: &[String; 2]| format!("    [{}, {}],\n", quoted(left), quoted(right));
        let pairs: String = labels.mirror_pairs.iter().map(line).collect();
        let _ = write!(text, "# Pairs swapped in mirrored images.\nmirror-pairs = [\n{pairs}]\n");
    }
    if !labels.merge.is_empty() {
        text.push_str("\n# Further targets, each the union of several structures.\n[labels.merge]\n");
        for (name, members) in &labels.merge {
            let _ = writeln!(text, "{} = {}", quoted(name), inline(members));
        }
    }
}
