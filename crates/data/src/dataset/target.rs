//! The structures that a network segments: structures of the dataset, or unions of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::color::{color_of, parse_color};
use super::did_you_mean;
use super::spec::{AnatomicCode, Dataset, Labels, Structure};

/// The structures segmented in an experiment, in table order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// Whether a voxel may belong to several structures: one mask per structure instead of one label map.
    pub overlapping: bool,
    /// Whether each structure has its own sigmoid output although structures do not overlap: the largest probability wins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub independent: bool,
    /// Whether predictions are one label map although structures overlap: each structure's value is painted over those of the structures
    /// before it (nnU-Net's regions). A structure is then where any of its `values` is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub painted: bool,
    /// Value in the reference labels of voxels that are excluded from losses and metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<u16>,
    /// The structures.
    #[serde(rename = "structure")]
    pub structures: Vec<TargetStructure>,
}

/// One structure to segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetStructure {
    /// Name in tables and charts.
    pub name: String,
    /// Its values in the reference labels.
    pub values: Vec<u16>,
    /// Value in predicted label maps: the smallest of `values`.
    pub value: u16,
    /// Names of the dataset's structures that it comprises (only itself if it is one of them).
    pub members: Vec<String>,
    /// Colour in figures.
    pub color: [u8; 3],
    /// Coded anatomy, where the dataset states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<AnatomicCode>,
    /// Whether each connected component is an object of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instances: bool,
    /// Whether it has a centreline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tubular: bool,
}

impl Target {
    /// Structures that share no voxel, without an ignored value.
    pub fn of(structures: Vec<TargetStructure>) -> Self {
        Self { overlapping: false, independent: false, painted: false, ignore: None, structures }
    }
}

impl TargetStructure {
    /// A grey structure of its own with these values in the labels.
    pub fn new(name: impl Into<String>, values: &[u16]) -> Self {
        let name = name.into();
        Self {
            members: vec![name.clone()],
            name,
            values: values.to_vec(),
            value: values.iter().copied().min().unwrap_or(0),
            color: [128; 3],
            code: None,
            instances: false,
            tubular: false,
        }
    }
}

/// Whether a structure with these label values is present among the voxels; `None` if it is absent but some voxels are ignored.
pub fn shows<'a>(
    values: &[u16],
    ignore: Option<u16>,
    labels: impl IntoIterator<Item = &'a u16> + Clone,
) -> Option<bool> {
    if labels.clone().into_iter().any(|label| values.contains(label)) {
        return Some(true);
    }
    let unknown = ignore.is_some_and(|ignored| labels.into_iter().any(|label| *label == ignored));
    (!unknown).then_some(false)
}

/// Name of the union of all structures, a possible target of slice classifiers.
pub const ANY: &str = "any";

impl Target {
    /// The target with the union of all structures as its only structure.
    #[must_use]
    pub fn union_target(&self) -> Self {
        let mut values: Vec<u16> = self.structures.iter().flat_map(|it| it.values.iter().copied()).collect();
        values.sort_unstable();
        values.dedup();
        let members: BTreeSet<&String> = self.structures.iter().flat_map(|it| &it.members).collect();
        let any = TargetStructure {
            name: ANY.into(),
            value: values.first().copied().unwrap_or(1),
            values,
            members: members.into_iter().cloned().collect(),
            color: self.structures.first().map_or([0; 3], |it| it.color),
            code: None,
            instances: false,
            tubular: false,
        };
        Self { independent: true, structures: vec![any], ..self.clone() }
    }

    /// Whether the outputs are independent (sigmoid) rather than mutually exclusive (softmax).
    pub fn sigmoid(&self) -> bool {
        self.overlapping || self.independent
    }

    /// Whether predictions have a mask for each structure instead of one label map.
    pub fn has_masks(&self) -> bool {
        self.overlapping && !self.painted
    }

    /// Number of network outputs for this target: background + structures with softmax, only structures with sigmoid.
    pub fn outputs(&self) -> usize {
        self.structures.len() + usize::from(!self.sigmoid())
    }
}

/// Why the structures of a dataset or an experiment are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A chosen name is neither a structure nor a merge.
    #[error("unknown structure `{name}`{hint}")]
    Unknown {
        /// The name as written.
        name: String,
        /// A suggestion, or empty.
        hint: String,
    },
    /// A chosen name is listed twice.
    #[error("structure `{name}` is listed twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// The dataset has no structures.
    #[error("the dataset has no structures; add a `[[structure]]`")]
    None,
    /// Two structures share a name or a value, or a value is 0.
    #[error("structure `{name}`: {reason}")]
    Structure {
        /// The structure.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A target with a part of `labels.inseparable` only.
    #[error("`{name}`: {reason}")]
    Inseparable {
        /// The target.
        name: String,
        /// What it lacks, and what to choose instead.
        reason: String,
    },
    /// A merge that is empty, nested, or contains an unknown structure.
    #[error("`labels.merge.{name}`: {reason}")]
    Merge {
        /// The merge.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// Resolves names to structures. Without names: every `[[structure]]` of the dataset.
///
/// # Errors
/// [`TargetError`], naming the structure or merge.
pub fn target(dataset: &Dataset, chosen: &[String]) -> Result<Target, TargetError> {
    check_structures(&dataset.structures)?;
    check_merges(dataset)?;
    let every: Vec<String> = dataset.structures.iter().map(|structure| structure.name.clone()).collect();
    let chosen = if chosen.is_empty() { &every } else { chosen };
    let mut structures: Vec<TargetStructure> = Vec::new();
    for name in chosen {
        if structures.iter().any(|known| known.name == *name) {
            return Err(TargetError::Twice { name: name.clone() });
        }
        let structure = resolve(dataset, name)?;
        if let Some((reason, remedy)) = dataset.labels.torn(&structure.members) {
            return Err(TargetError::Inseparable { name: name.clone(), reason: format!("{reason}: {remedy}") });
        }
        structures.push(structure);
    }
    let mut seen = BTreeSet::new();
    let overlapping = structures.iter().flat_map(|structure| &structure.values).any(|value| !seen.insert(*value));
    Ok(Target { overlapping, independent: false, painted: false, ignore: dataset.labels.ignore, structures })
}

impl Labels {
    /// Why a target of these structures is none, and what to choose instead: it has some structures of a list in `inseparable`, and not the
    /// others.
    pub fn torn(&self, members: &[String]) -> Option<(String, String)> {
        let is_in = |name: &String| members.contains(name);
        let torn = self.inseparable.iter().find(|list| list.iter().any(is_in) && !list.iter().all(is_in))?;
        let quoted = |names: Vec<&String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let unions = self.merge.iter().filter(|(_, members)| torn.iter().all(|name| members.contains(name)));
        let unions: Vec<&String> = unions.map(|(name, _)| name).collect();
        let remedy = match unions.is_empty() {
            true => "add a union of all of them to `labels.merge`, and choose it in `structures`".to_owned(),
            false => format!("choose {} in `structures`", quoted(unions)),
        };
        let all = quoted(torn.iter().collect());
        Some((format!("labels of this dataset do not tell {all} apart (`labels.inseparable`)"), remedy))
    }
}

fn check_structures(structures: &[Structure]) -> Result<(), TargetError> {
    if structures.is_empty() {
        return Err(TargetError::None);
    }
    for (place, structure) in structures.iter().enumerate() {
        let wrong = |reason: String| Err(TargetError::Structure { name: structure.name.clone(), reason });
        if structure.value == 0 {
            return wrong("has the value 0, which is background".into());
        }
        for earlier in &structures[..place] {
            if earlier.name == structure.name {
                return wrong("duplicate name".into());
            }
            if earlier.value == structure.value {
                return wrong(format!("has the same value, {}, as `{}`", structure.value, earlier.name));
            }
        }
        if structure.color.as_deref().is_some_and(|text| parse_color(text).is_none()) {
            return wrong("has a colour that is not of the form #rrggbb".into());
        }
    }
    Ok(())
}

fn check_merges(dataset: &Dataset) -> Result<(), TargetError> {
    let is_structure = |name: &str| dataset.structures.iter().any(|structure| structure.name == name);
    for (name, members) in &dataset.labels.merge {
        let wrong = |reason: String| Err(TargetError::Merge { name: name.clone(), reason });
        if is_structure(name) {
            return wrong("is also the name of a structure".into());
        }
        if members.is_empty() {
            return wrong("is empty; list its structures".into());
        }
        for (place, member) in members.iter().enumerate() {
            if dataset.labels.merge.contains_key(member) {
                return wrong(format!("`{member}` is itself a merge; list its structures instead"));
            }
            if !is_structure(member) {
                let known = dataset.structures.iter().map(|structure| structure.name.as_str());
                return wrong(format!("unknown structure `{member}`{}", did_you_mean(member, known)));
            }
            if members[..place].contains(member) {
                return wrong(format!("`{member}` is listed twice"));
            }
        }
    }
    Ok(())
}

fn resolve(dataset: &Dataset, name: &str) -> Result<TargetStructure, TargetError> {
    let one = [name.to_owned()];
    let is_structure = dataset.structures.iter().any(|structure| structure.name == name);
    let members = match dataset.labels.merge.get(name) {
        _ if is_structure => one.as_slice(),
        Some(members) => members,
        None => {
            let known = dataset.structures.iter().map(|structure| structure.name.as_str());
            let hint = did_you_mean(name, known.chain(dataset.labels.merge.keys().map(String::as_str)));
            return Err(TargetError::Unknown { name: name.into(), hint });
        }
    };
    let union_target = dataset.structures.iter().filter(|structure| members.contains(&structure.name));
    let mut values: Vec<u16> = union_target.flat_map(|structure| dataset.label_values(structure)).collect();
    values.sort_unstable();
    values.dedup();
    let value = values.first().copied().unwrap_or(0);
    let color = color_of(dataset, name);
    let code = dataset.structures.iter().find(|structure| structure.name == name).and_then(|it| it.code.clone());
    // A union has what all of its members have.
    let all = |has: fn(&Structure) -> bool| {
        dataset.structures.iter().filter(|structure| members.contains(&structure.name)).all(has)
    };
    let (instances, tubular) = (all(|it| it.instances), all(|it| it.tubular));
    Ok(TargetStructure { name: name.into(), values, value, members: members.to_vec(), color, code, instances, tubular })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(structures: &[(&str, u16)], merges: &str) -> Dataset {
        let structures: String = structures
            .iter()
            .map(|(name, value)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n"))
            .collect();
        toml::from_str(&format!(
            "root = \"x\"\nmodality = \"ct\"\nlayout = {{ msd = {{}} }}\nlabels.merge = {{ {merges} }}\n{structures}"
        ))
        .unwrap()
    }

    fn bones() -> Dataset {
        dataset(&[("femur", 3), ("tibia", 2), ("liver", 7)], "bone = [\"femur\", \"tibia\"]")
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn without_names_every_structure_in_the_order_of_the_file() {
        let target = target(&bones(), &[]).unwrap();
        assert_eq!(target.structures.iter().map(|found| found.value).collect::<Vec<_>>(), [3, 2, 7]);
        assert!(!target.overlapping);
        assert_eq!(target.outputs(), 4);
    }

    #[test]
    fn merge_unites_values_and_overlaps_with_its_members_only() {
        let merged = target(&bones(), &names(&["bone", "liver"])).unwrap();
        assert_eq!((merged.structures[0].values.as_slice(), merged.structures[0].value), ([2, 3].as_slice(), 2));
        assert_eq!(merged.structures[0].members, ["femur", "tibia"]);
        assert!(!merged.overlapping);
        assert!(target(&bones(), &names(&["bone", "femur"])).unwrap().overlapping);
    }

    #[test]
    fn colours_are_distinct_and_do_not_depend_on_the_choice() {
        let many: Vec<(String, u16)> = (1..=117).map(|value| (format!("s{value}"), value)).collect();
        let many: Vec<(&str, u16)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut dataset = dataset(&many, "");
        dataset.structures[3].color = Some("#E64B35".into());
        let all = target(&dataset, &[]).unwrap();
        let colors: BTreeSet<[u8; 3]> = all.structures.iter().map(|found| found.color).collect();
        assert_eq!(colors.len(), 117);
        assert_eq!(all.structures[3].color, [0xe6, 0x4b, 0x35]);
        assert_eq!(target(&dataset, &names(&["s40"])).unwrap().structures[0].color, all.structures[39].color);
    }

    #[test]
    fn what_labels_do_not_tell_apart_is_chosen_together() {
        let mut dataset = bones();
        dataset.labels.inseparable = vec![names(&["femur", "tibia"])];
        assert!(target(&dataset, &names(&["bone", "liver"])).is_ok());
        for chosen in [&[][..], &["femur"], &["bone", "tibia"]] {
            let error = target(&dataset, &names(chosen)).unwrap_err().to_string();
            assert!(error.contains("do not tell `femur`, `tibia` apart") && error.contains("choose `bone`"), "{error}");
        }
        dataset.labels.merge.clear();
        let error = target(&dataset, &names(&["tibia"])).unwrap_err().to_string();
        assert!(error.contains("add a union of all of them to `labels.merge`"), "{error}");
    }

    #[test]
    fn mistakes_are_named() {
        let two = [("a", 1), ("b", 2)];
        let cases = [
            (target(&bones(), &names(&["livr"])), "unknown structure `livr`; did you mean `liver`?"),
            (target(&bones(), &names(&["liver", "liver"])), "`liver` is listed twice"),
            (target(&dataset(&[("a", 1), ("a", 2)], ""), &[]), "`a`: duplicate name"),
            (target(&dataset(&[("a", 1), ("b", 1)], ""), &[]), "`b`: has the same value, 1, as `a`"),
            (target(&dataset(&[("a", 0)], ""), &[]), "which is background"),
            (target(&dataset(&two, "c = [\"a\"], d = [\"c\"]"), &[]), "`labels.merge.d`: `c` is itself a merge"),
            (target(&dataset(&two, "c = []"), &[]), "is empty; list its structures"),
            (target(&dataset(&two, "a = [\"b\"]"), &[]), "is also the name of a structure"),
            (target(&dataset(&two, "c = [\"z9z9z\"]"), &[]), "`labels.merge.c`: unknown structure `z9z9z`"),
        ];
        for (result, text) in cases {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(text), "{message}");
        }
    }
}
