//! Left-right mirroring: which structures are swapped in a mirrored image.

use super::spec::Dataset;
use super::target::Target;

impl Dataset {
    /// Pairs of label values that a left-right flip swaps, from `labels.mirror-pairs`: smaller value first, sorted.
    pub fn mirrored_values(&self) -> Vec<[u16; 2]> {
        let index = |name: &String| self.structures.iter().position(|structure| structure.name == *name);
        let pairs = self.labels.mirror_pairs.iter().filter_map(|[left, right]| Some([index(left)?, index(right)?]));
        let mut values: Vec<[u16; 2]> = if self.labels.overlap {
            let pairs: Vec<[usize; 2]> = pairs.collect();
            // A value encodes a set of structures; in the mirrored set every pair is swapped.
            let sets = 1_u16 << self.structures.len().min(super::spec::MAX_OVERLAPPING);
            (1..sets).map(|set| [set, exchanged(set, &pairs)]).filter(|[set, other]| set < other).collect()
        } else {
            let value = |index: usize| self.structures[index].value;
            pairs.map(|[left, right]| [value(left).min(value(right)), value(left).max(value(right))]).collect()
        };
        values.sort_unstable();
        values
    }
}

/// A bit set with the bits of each pair swapped.
fn exchanged(set: u16, pairs: &[[usize; 2]]) -> u16 {
    pairs.iter().fold(set, |set, &[left, right]| {
        let differ = (set >> left ^ set >> right) & 1;
        set ^ (differ << left | differ << right)
    })
}

impl Target {
    /// Pairs of structures (indices) that are swapped in a mirrored image. `None` if the partner of a structure is not segmented,
    /// for example the left kidney without the right one.
    pub fn mirrored(&self, mirrored_values: &[[u16; 2]]) -> Option<Vec<[usize; 2]>> {
        let partner = |value: u16| {
            let other = mirrored_values.iter().find_map(|&[one, other]| match value {
                _ if value == one => Some(other),
                _ if value == other => Some(one),
                _ => None,
            });
            other.unwrap_or(value)
        };
        let mut pairs = Vec::new();
        for (index, structure) in self.structures.iter().enumerate() {
            let mut values: Vec<u16> = structure.values.iter().map(|value| partner(*value)).collect();
            values.sort_unstable();
            let other = self.structures.iter().position(|other| other.values == values)?;
            if index < other {
                pairs.push([index, other]);
            }
        }
        Some(pairs)
    }

    /// A structure named left or right that is in no mirror pair: mirroring would give it the wrong label.
    pub fn unpaired_sided_structure(&self, mirrored_values: &[[u16; 2]]) -> Option<&str> {
        self.unpaired_sided_structures(mirrored_values).next()
    }

    /// All structures named left or right that are in no mirror pair.
    pub fn unpaired_sided_structures(&self, mirrored_values: &[[u16; 2]]) -> impl Iterator<Item = &str> {
        let is_paired = |values: &[u16]| mirrored_values.iter().flatten().any(|value| values.contains(value));
        let alone = self.structures.iter().filter(move |structure| !is_paired(&structure.values));
        alone.map(|structure| structure.name.as_str()).filter(|name| has_side(name))
    }
}

/// Words for a side and for the opposite side.
const SIDES: [[&str; 2]; 6] =
    [["left", "right"], ["right", "left"], ["l", "r"], ["r", "l"], ["lt", "rt"], ["rt", "lt"]];

/// Whether a structure's name contains a word for left or right.
pub fn has_side(name: &str) -> bool {
    other_side(name).is_some()
}

/// Pairs of names that differ only in their side, as in `labels.mirror-pairs`.
pub fn partners(names: &[&str]) -> Vec<[String; 2]> {
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let partner = |(index, name): (usize, &&str)| {
        let other = other_side(name)?;
        let found = lower.iter().position(|name| *name == other)?;
        (index < found).then(|| [(*name).to_owned(), names[found].to_owned()])
    };
    names.iter().enumerate().filter_map(partner).collect()
}

/// The name in lower case with its first side word replaced by the opposite side.
fn other_side(name: &str) -> Option<String> {
    for (place, word) in words(name) {
        let lower = word.to_lowercase();
        if let Some([_, other]) = SIDES.iter().find(|[side, _]| *side == lower) {
            let (before, after) = (&name[..place], &name[place + word.len()..]);
            return Some(format!("{}{other}{}", before.to_lowercase(), after.to_lowercase()));
        }
    }
    None
}

/// The words of a name with their places: runs of letters and digits, apart also where a capital follows a small letter (`LeftKidney`).
fn words(name: &str) -> Vec<(usize, &str)> {
    let (mut words, mut start, mut previous) = (Vec::new(), None, ' ');
    for (at, letter) in name.char_indices() {
        let begins = !letter.is_alphanumeric() || (previous.is_lowercase() && letter.is_uppercase());
        if let Some(from) = start.filter(|_| begins) {
            words.push((from, &name[from..at]));
            start = None;
        }
        if letter.is_alphanumeric() && start.is_none() {
            start = Some(at);
        }
        previous = letter;
    }
    words.extend(start.map(|from| (from, &name[from..])));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::target::target;

    fn dataset(overlap: bool) -> Dataset {
        let text = format!(
            "root = \"x\"\nmodality = \"ct\"\nlayout = {{ msd = {{}} }}\n[labels]\noverlap = {overlap}\n\
             mirror-pairs = [[\"right-kidney\", \"left-kidney\"]]\nmerge = {{ kidneys = [\"left-kidney\", \"right-kidney\"] }}\n\
             [[structure]]\nname = \"right-kidney\"\nvalue = 13\n[[structure]]\nname = \"liver\"\nvalue = 1\n\
             [[structure]]\nname = \"left-kidney\"\nvalue = 2\n"
        );
        toml::from_str(&text).unwrap()
    }

    fn mirrored(chosen: &[&str]) -> Option<Vec<[usize; 2]>> {
        let dataset = dataset(false);
        let chosen: Vec<String> = chosen.iter().map(|name| (*name).into()).collect();
        target(&dataset, &chosen).unwrap().mirrored(&dataset.mirrored_values())
    }

    #[test]
    fn pairs_become_label_values() {
        assert_eq!(dataset(false).mirrored_values(), [[2, 13]]);
        // Bits: right kidney 1, liver 2, left kidney 4. Sets with exactly one kidney are swapped, with or without the liver.
        assert_eq!(dataset(true).mirrored_values(), [[1, 4], [3, 6]]);
    }

    #[test]
    fn outputs_change_places_unless_one_side_is_not_segmented() {
        assert_eq!(mirrored(&[]), Some(vec![[0, 2]]));
        assert_eq!(mirrored(&["liver"]), Some(vec![]));
        assert_eq!(mirrored(&["kidneys", "liver"]), Some(vec![]));
        assert_eq!(mirrored(&["left-kidney", "liver"]), None);
    }

    #[test]
    fn sides_without_a_pair_are_found() {
        let mut dataset = dataset(false);
        assert_eq!(target(&dataset, &[]).unwrap().unpaired_sided_structure(&dataset.mirrored_values()), None);
        dataset.labels.mirror_pairs.clear();
        let found = target(&dataset, &[]).unwrap();
        assert_eq!(found.unpaired_sided_structure(&dataset.mirrored_values()), Some("right-kidney"));
    }

    #[test]
    fn names_that_differ_in_their_side_are_partners() {
        let names = [
            "Left Kidney",
            "liver",
            "femur_r",
            "right kidney",
            "lung-left-upper",
            "femur_L",
            "leftover",
            "rib é right 1",
        ];
        let pairs = [["Left Kidney", "right kidney"], ["femur_r", "femur_L"]];
        assert_eq!(partners(&names), pairs.map(|pair| pair.map(str::to_owned)));
        assert_eq!(other_side("rib é right 1").as_deref(), Some("rib é left 1"));
        let capitals = ["LeftKidney", "hipRT", "RightKidney", "hipLT", "L3", "Rightmost"];
        let pairs = [["LeftKidney", "RightKidney"], ["hipRT", "hipLT"]];
        assert_eq!(partners(&capitals), pairs.map(|pair| pair.map(str::to_owned)));
    }

    #[test]
    fn sides_are_words_of_the_name() {
        for name in ["left-kidney", "Kidney_Right", "lung L", "femur_r"] {
            assert!(has_side(name), "{name}");
        }
        for name in ["liver", "brightness", "leftover", "spleen"] {
            assert!(!has_side(name), "{name}");
        }
    }
}
