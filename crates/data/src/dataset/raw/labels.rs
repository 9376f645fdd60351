//! Label values of nnU-Net: 1, 2, 3 without a gap, regions where structures overlap, and the ignored value at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::RawError;
use crate::dataset::{Dataset, Target, TargetStructure};
use crate::volume::LabelMap;

/// Names that nnU-Net reserves.
const RESERVED: [&str; 2] = ["background", "ignore"];

/// Structures that a voxel belongs to: their places in the target.
type Set = BTreeSet<usize>;

/// How the label values of a dataset become those of nnU-Net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recoding {
    /// Names and values of the labels, in the order in which nnU-Net paints its predictions; several values make a region.
    pub labels: Vec<(String, Vec<u16>)>,
    /// Value of unlabelled voxels: the highest.
    pub ignore: Option<u16>,
    /// The new value of each value of the dataset; those that are missing become background.
    values: BTreeMap<u16, u16>,
}

/// Chooses the values. `seen` are those that the label files hold: of structures that may overlap, only the combinations that occur count.
///
/// # Errors
/// [`RawError::Overlap`], [`RawError::Reserved`].
pub(super) fn recoding(dataset: &Dataset, target: &Target, seen: &BTreeSet<u16>) -> Result<Recoding, RawError> {
    if let Some(structure) = target.structures.iter().find(|it| RESERVED.contains(&it.name.to_lowercase().as_str())) {
        return Err(RawError::Reserved { name: structure.name.clone() });
    }
    let own: BTreeSet<u16> = match dataset.labels.overlap {
        true => seen.clone(),
        false => dataset.structures.iter().map(|structure| structure.value).collect(),
    };
    let set = |value: u16| -> Set {
        let holds = |(place, it): (usize, &TargetStructure)| it.values.contains(&value).then_some(place);
        target.structures.iter().enumerate().filter_map(holds).collect()
    };
    let is_label = |value: &u16| *value > 0 && target.ignore != Some(*value);
    let sets: BTreeMap<u16, Set> =
        own.into_iter().filter(is_label).map(|value| (value, set(value))).filter(|(_, set)| !set.is_empty()).collect();
    let distinct: BTreeSet<Set> = sets.values().cloned().collect();
    let all: Vec<usize> = (0..target.structures.len()).collect();
    let order = painting_order(&distinct, &all).map_err(|stuck| {
        let (stuck, combinations) = at_fault(&distinct, stuck);
        let names: Vec<&str> = stuck.iter().map(|place| target.structures[*place].name.as_str()).collect();
        RawError::Overlap { names: names.join(", "), combinations }
    })?;
    let mut value_of = vec![0_u16; order.len()];
    order.iter().zip(1..).for_each(|(place, value)| value_of[*place] = value);
    // What is painted last remains.
    let painted = |set: &Set| set.iter().map(|place| value_of[*place]).max().unwrap_or(0);
    let region = |place: usize| -> Vec<u16> {
        let others = distinct.iter().filter(|set| set.contains(&place)).map(painted);
        others.chain([value_of[place]]).collect::<BTreeSet<u16>>().into_iter().collect()
    };
    let labels: Vec<(String, Vec<u16>)> =
        order.iter().map(|place| (target.structures[*place].name.clone(), region(*place))).collect();
    let highest = value_of.iter().copied().max().unwrap_or(0);
    let mut values: BTreeMap<u16, u16> = sets.iter().map(|(value, set)| (*value, painted(set))).collect();
    let ignore = target.ignore.map(|ignored| {
        values.insert(ignored, highest + 1);
        highest + 1
    });
    Ok(Recoding { labels, ignore, values })
}

/// An order of the structures in which each combination has another last one. nnU-Net paints its regions one after the other with one
/// value each: in such an order, the painted values tell the combinations apart.
///
/// # Errors
/// The structures for which there is none.
fn painting_order(sets: &BTreeSet<Set>, structures: &[usize]) -> Result<Vec<usize>, Vec<usize>> {
    let (mut left, mut open): (Vec<&Set>, Vec<usize>) = (sets.iter().collect(), structures.to_vec());
    let mut order = Vec::with_capacity(structures.len());
    while !open.is_empty() {
        let is_last = |place: &usize| left.iter().filter(|set| set.contains(place)).count() <= 1;
        let Some(at) = open.iter().rposition(is_last) else { return Err(open) };
        let last = open.remove(at);
        left.retain(|set| !set.contains(&last));
        order.push(last);
    }
    order.reverse();
    Ok(order)
}

/// The structures without any of which there would be an order, and the number of their combinations.
fn at_fault(sets: &BTreeSet<Set>, stuck: Vec<usize>) -> (Vec<usize>, usize) {
    let among = |few: &[usize]| -> BTreeSet<Set> {
        let kept = |set: &Set| set.iter().copied().filter(|place| few.contains(place)).collect::<Set>();
        sets.iter().map(kept).filter(|set| !set.is_empty()).collect()
    };
    let mut core = stuck.clone();
    for place in stuck {
        let fewer: Vec<usize> = core.iter().copied().filter(|other| *other != place).collect();
        if painting_order(&among(&fewer), &fewer).is_err() {
            core = fewer;
        }
    }
    let combinations = among(&core).len();
    (core, combinations)
}

impl Recoding {
    /// Whether structures share voxels.
    pub fn has_regions(&self) -> bool {
        self.labels.iter().any(|(_, values)| values.len() > 1)
    }

    /// Replaces the values of a label map.
    pub(super) fn apply(&self, labels: &mut LabelMap) {
        let mut table = vec![0_u16; usize::from(u16::MAX) + 1];
        self.values.iter().for_each(|(own, new)| table[usize::from(*own)] = *new);
        labels.voxels.mapv_inplace(|value| table[usize::from(value)]);
    }

    /// Says which values change.
    pub(super) fn renumbered(&self, dataset: &Dataset, target: &Target) -> Vec<String> {
        let mut notes = Vec::new();
        let own = |name: &str| {
            let structure = target.structures.iter().find(|it| it.name == name);
            structure.filter(|_| !dataset.labels.overlap).and_then(|it| <[u16; 1]>::try_from(it.values.clone()).ok())
        };
        let changed = self.labels.iter().filter_map(|(name, values)| match (own(name)?, values.as_slice()) {
            ([own], [new]) if own != *new => Some(format!("{name} {own} → {new}")),
            _ => None,
        });
        let mut changed: Vec<String> = changed.collect();
        if let (Some(own), Some(new)) = (target.ignore, self.ignore)
            && own != new
        {
            changed.push(format!("ignore {own} → {new}"));
        }
        if !changed.is_empty() {
            notes.push(format!("label values are numbered anew, without a gap: {}", changed.join(", ")));
        }
        if self.has_regions() {
            let region = |(name, values): &(String, Vec<u16>)| format!("{name} {values:?}");
            let regions: Vec<String> = self.labels.iter().map(region).collect();
            notes.push(format!("structures share voxels and become regions: {}", regions.join(", ")));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::target;

    fn dataset(structures: &[(&str, u16)], labels: &str) -> Dataset {
        let structures: String = structures
            .iter()
            .map(|(name, value)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n"))
            .collect();
        let head = "root = \"x\"\nmodality = \"ct\"\nlayout = { msd = {} }";
        toml::from_str(&format!("{head}\n[labels]\n{labels}\n{structures}")).unwrap()
    }

    fn of(dataset: &Dataset, chosen: &[&str], seen: &[u16]) -> Result<Recoding, RawError> {
        let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
        recoding(dataset, &target(dataset, &chosen).unwrap(), &seen.iter().copied().collect())
    }

    fn named(labels: &[(&str, &[u16])]) -> Vec<(String, Vec<u16>)> {
        labels.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()
    }

    #[test]
    fn values_are_consecutive_and_the_ignored_one_is_the_highest() {
        let set = dataset(&[("liver", 6), ("spleen", 2), ("spine", 9)], "ignore = 4");
        let found = of(&set, &[], &[]).unwrap();
        assert_eq!(found.labels, named(&[("liver", &[1]), ("spleen", &[2]), ("spine", &[3])]));
        assert_eq!((found.ignore, found.has_regions()), (Some(4), false));
        assert_eq!(found.values, [(6, 1), (2, 2), (9, 3), (4, 4)].into());
        let notes = found.renumbered(&set, &target(&set, &[]).unwrap());
        assert_eq!(notes, ["label values are numbered anew, without a gap: liver 6 → 1, spine 9 → 3"]);
        // Only the chosen ones; the others are background.
        let found = of(&set, &["spine"], &[]).unwrap();
        assert_eq!(found.values, [(9, 1), (4, 2)].into());
    }

    #[test]
    fn unions_are_labels_or_regions() {
        let set = dataset(
            &[("a", 1), ("b", 2), ("c", 3)],
            "merge = { whole = [\"a\", \"b\", \"c\"], core = [\"b\", \"c\"] }",
        );
        let found = of(&set, &["core", "a"], &[]).unwrap();
        assert_eq!(found.labels, named(&[("core", &[1]), ("a", &[2])]));
        assert_eq!(found.values, [(1, 2), (2, 1), (3, 1)].into());
        // Whatever their order in the experiment, the innermost is painted last.
        let found = of(&set, &["c", "core", "whole"], &[]).unwrap();
        assert_eq!(found.labels, named(&[("whole", &[1, 2, 3]), ("core", &[2, 3]), ("c", &[3])]));
        assert_eq!(found.values, [(1, 1), (2, 2), (3, 3)].into());
    }

    #[test]
    fn overlaps_count_as_they_occur() {
        let set = dataset(&[("body", 1), ("organ", 2), ("lesion", 3)], "overlap = true");
        // The body alone, with the organ, and with both.
        let found = of(&set, &[], &[0, 1, 3, 7]).unwrap();
        assert_eq!(found.labels, named(&[("body", &[1, 2, 3]), ("organ", &[2, 3]), ("lesion", &[3])]));
        assert_eq!(found.values, [(1, 1), (3, 2), (7, 3)].into());
        // Two that overlap without one lying in the other; the third is not concerned.
        let error = of(&set, &[], &[1, 2, 3, 4]).unwrap_err().to_string();
        assert!(error.contains("the structures body, organ share voxels in 3 combinations"), "{error}");
        // The body around both of them is not named.
        let error = of(&set, &[], &[1, 3, 5, 7]).unwrap_err().to_string();
        assert!(error.contains("the structures organ, lesion share voxels in 3 combinations"), "{error}");
        // Every structure has a value, also one that never lies alone.
        let found = of(&set, &[], &[3, 5]).unwrap();
        let values: BTreeSet<u16> = found.labels.iter().flat_map(|(_, values)| values.clone()).collect();
        assert_eq!(values, [1, 2, 3].into());
    }

    #[test]
    fn reserved_names_are_refused() {
        let error = of(&dataset(&[("Ignore", 1)], ""), &[], &[]).unwrap_err().to_string();
        assert!(error.contains("`Ignore`"), "{error}");
    }
}
