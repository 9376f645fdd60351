//! Where the corrected labels of a run's dataset come from, for its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::read_json;
use crate::dataset::Label;
use crate::plan::{Data, Role};

/// The record beside corrected labels.
pub const RECORD: &str = "corrections.json";

/// Where the labels of a corrected case come from. All but the role is unknown for files without a record of `segspec serve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectedLabels {
    /// What the case is for in this run: `training`, `validation` or `test`.
    #[serde(default)]
    pub role: String,
    /// Who corrected them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// When, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The run in which they were corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What the person started from: `prediction`, `reference` or `empty`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where that reference came from, if it had been corrected, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<CorrectedLabels>>,
}

/// What is read of the record.
#[derive(Default, Deserialize)]
struct Record {
    corrections: BTreeMap<String, CorrectedLabels>,
}

impl CorrectedLabels {
    /// Whether they may have begun as a prediction, and so resemble what that network and those like it predict.
    pub fn may_resemble_prediction(&self) -> bool {
        self.base.as_deref().is_none_or(|base| base == "prediction")
            || self.earlier.as_deref().is_some_and(Self::may_resemble_prediction)
    }
}

/// The corrected cases of a run, with what the record beside their labels says.
pub fn corrected_labels(data: &Data) -> BTreeMap<String, CorrectedLabels> {
    let mut records: BTreeMap<PathBuf, Record> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for case in &data.cases {
        let Some(Label::Corrected(path)) = &case.label else { continue };
        let folder = data.found_at.join(path).parent().unwrap_or(Path::new("")).to_path_buf();
        let record = records.entry(folder).or_insert_with_key(|folder| recorded(folder));
        let known = record.corrections.get(&case.name).cloned().unwrap_or_default();
        found.insert(case.name.clone(), CorrectedLabels { role: case.role.name().into(), ..known });
    }
    found
}

/// Scored cases whose labels may have begun as a prediction.
pub fn scored_and_corrected(data: &Data) -> BTreeSet<String> {
    let test = Role::Test.name();
    let found = corrected_labels(data).into_iter();
    found.filter(|(_, it)| it.role == test && it.may_resemble_prediction()).map(|(name, _)| name).collect()
}

/// The record of a folder; an empty one where somebody put labels there by hand.
fn recorded(folder: &Path) -> Record {
    read_json(&folder.join(RECORD)).ok().flatten().unwrap_or_default()
}
