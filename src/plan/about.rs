//! Names and descriptions of a run, for people; part of no id.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::Dataset;
use crate::evaluate::summary::StructureGroups;
use crate::evaluate::{Evaluate, TrialKey};
use crate::spec::Experiment;
use crate::spec::tracking::Track;

/// Names and descriptions of a run, and the reasons for its resolved values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct About {
    /// Name of the experiment.
    pub experiment: String,
    /// One line for people.
    pub description: String,
    /// Index of the fold.
    pub fold: usize,
    /// Number of folds of the split.
    pub folds: usize,
    /// Whether the experiment has runs with other seeds.
    pub several_seeds: bool,
    /// Which cases are scored.
    #[serde(default)]
    pub scored: Scored,
    /// Whether this is a `--smoke` run: every stage, few cases and steps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub smoke: bool,
    /// File of the weights that training starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained_file: Option<PathBuf>,
    /// The trial of the experiment.
    pub trial: TrialKey,
    /// Trackers that follow the run.
    #[serde(default, skip_serializing_if = "Track::is_empty")]
    pub track: Track,
    /// Groups of the structures: `labels.groups` of the dataset.
    #[serde(default, skip_serializing_if = "StructureGroups::is_empty")]
    pub groups: StructureGroups,
    /// The reason for each resolved `"auto"`.
    #[serde(default, rename = "note", skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// The cases a run is scored on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scored {
    /// The test cases of its fold.
    #[default]
    Test,
    /// The cases in no fold.
    HeldOut,
}

impl Scored {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::HeldOut => "held-out",
        }
    }
}

/// A value chosen by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Note {
    /// The key in the spec, dotted.
    pub key: String,
    /// Its resolved value; empty where the plan shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The rule.
    pub why: String,
}

impl Note {
    /// A note on a key.
    pub fn new(key: impl Into<String>, value: impl std::fmt::Display, why: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), why: why.into() }
    }
}

impl About {
    /// Trial, seed where there are several, and fold, for people; empty for a single run.
    pub fn name(&self, seed: u64) -> String {
        let seed = if self.several_seeds { format!("seed {seed}") } else { String::new() };
        let fold = if self.folds > 1 { format!("fold {}", self.fold) } else { String::new() };
        let parts = [self.trial.label(), seed, fold];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// Hexadecimal digits of a trial's hash.
const DIGITS: usize = 16;

/// Keys of an experiment that do not distinguish trials: cosmetic ones, and the seed, over which trials are averaged.
const COSMETIC: [&str; 12] = [
    "name",
    "description",
    "notes",
    "extends",
    "dataset",
    "run-root",
    "ensemble",
    "launcher",
    "notify",
    "track",
    "sweep",
    "seed",
];

/// Hash of everything in the experiment and dataset that affects a trial's numbers, without the seed.
pub fn spec_hash(experiment: &Experiment, dataset: &Dataset) -> String {
    let mut spec = serde_json::to_value(experiment).unwrap_or_default();
    if let Value::Object(table) = &mut spec {
        COSMETIC.iter().for_each(|key| drop(table.shift_remove(*key)));
    }
    for key in ["loader-threads", "gradient-checkpointing", "keep-every", "checkpoint-minutes"] {
        remove(&mut spec, &["train", key]);
    }
    remove(&mut spec, &["evaluate", "success-dice"]);
    remove(&mut spec, &["evaluate", "rank"]);
    if experiment.evaluate.instance_iou == Evaluate::default().instance_iou {
        remove(&mut spec, &["evaluate", "instance-iou"]);
    }
    let mut data = serde_json::to_value(dataset).unwrap_or_default();
    if let Value::Object(table) = &mut data {
        for key in ["name", "description", "source", "licence", "generate"] {
            table.shift_remove(key);
        }
        if experiment.split.is_some() {
            table.shift_remove("split");
        }
        if let Some(labels) = table.get_mut("labels") {
            remove(labels, &["groups"]);
        }
        for structure in table.get_mut("structure").and_then(Value::as_array_mut).into_iter().flatten() {
            ["color", "code"].iter().for_each(|key| remove(structure, &[key]));
        }
    }
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 trial of an experiment");
    for part in [spec, data] {
        let text = part.to_string();
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..DIGITS].to_owned()
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, tables)) = path.split_last() else { return };
    let table = tables.iter().try_fold(value, |value, key| value.get_mut(*key));
    if let Some(table) = table.and_then(Value::as_object_mut) {
        table.shift_remove(*last);
    }
}
