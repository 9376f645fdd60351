//! Names in label files against those of the dataset, and structures that no case contains.

use super::CaseCheck;
use crate::dataset::name::{folded, is_generic};
use crate::dataset::spec::{Dataset, Structure};
use crate::dataset::target::Target;

/// Maximum number of structures listed in a warning.
const LISTED: usize = 10;

/// Compares the names that a file gives to its values with the dataset's, where structures are identified by value. Returns remarks on
/// names that the dataset does not know.
///
/// # Errors
/// The file calls a value by the name of another structure of the dataset.
pub(super) fn compare(spec: &Dataset, named: &[(String, u16)]) -> Result<Vec<String>, String> {
    let mut remarks = Vec::new();
    for (name, value) in named {
        let declared = spec.structures.iter().find(|structure| structure.value == *value);
        let Some(declared) = declared.filter(|_| !is_generic(name)) else { continue };
        if folded(name) == folded(&declared.name) || in_merge(spec, declared, name) {
            continue;
        }
        let both = format!("calls value {value} `{name}`, the dataset `{}`", declared.name);
        let is_other = |structure: &Structure| folded(&structure.name) == folded(name);
        if spec.structures.iter().any(is_other) {
            return Err(format!("{both}; set `labels.by-name = true` to identify structures by name"));
        }
        remarks.push(format!("{both}: taken by value (`labels.by-name = true` identifies by name)"));
    }
    Ok(remarks)
}

/// Whether a name is that of a union which contains the structure.
fn in_merge(spec: &Dataset, structure: &Structure, name: &str) -> bool {
    let mut merges = spec.labels.merge.iter();
    merges.any(|(merge, members)| folded(merge) == folded(name) && members.contains(&structure.name))
}

/// A warning about structures of which no usable case has a voxel; `None` if there are none, or no usable case.
pub fn absent(target: &Target, checks: &[CaseCheck]) -> Option<String> {
    let usable: Vec<&CaseCheck> = checks.iter().filter(|row| row.excluded.is_none()).collect();
    let occurs = |value: &u16| usable.iter().any(|row| row.label_voxels.contains_key(value));
    let missing: Vec<String> = target
        .structures
        .iter()
        .filter(|structure| !structure.values.iter().any(occurs))
        .map(|structure| format!("`{}`", structure.name))
        .collect();
    if usable.is_empty() || missing.is_empty() {
        return None;
    }
    let more = missing.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = missing.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    Some(format!("no usable case contains {names}{more}: are the names and values of the dataset file right?"))
}
