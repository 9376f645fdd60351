//! Masks and surfaces that are called as their case and structure, several in one folder: `p1-liver.stl`, `p1-left-kidney.stl`. segspec
//! writes surfaces in this way.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{SEPARATORS, tells};
use super::{Form, Reading, Source};
use crate::evaluate::files::tree::{Kind, Leaf, Tree};
use crate::volume::dicom;

/// Ranks of the reading: surfaces are rarely label files of a case each, volumes mostly.
const RANKS: [usize; 2] = [5, 70];

/// The reading of a tree by the names of cases that are known from elsewhere (the other side, the images), else by what is alike in the
/// names; `None` if the names tell nothing.
pub(super) fn reading(tree: &Tree, cases: &BTreeSet<String>) -> Option<Reading> {
    let leaves: Vec<&Leaf> = tree.labels().collect();
    let surfaces = leaves.iter().all(|leaf| leaf.kind == Kind::Surface);
    if leaves.is_empty() || !surfaces && leaves.iter().any(|leaf| leaf.kind != Kind::Volume) {
        return None;
    }
    let places: Vec<String> = leaves.iter().map(|leaf| leaf.place()).collect();
    let known: Vec<Option<(String, String)>> = places.iter().map(|place| of_known(place, cases)).collect();
    let is_known = known.iter().any(Option::is_some);
    let split = match is_known {
        true => known,
        false => by_themselves(&places),
    };
    let mut found: BTreeMap<String, Vec<(String, std::path::PathBuf)>> = BTreeMap::new();
    for (leaf, part) in leaves.iter().zip(&split) {
        let Some((case, structure)) = part else { continue };
        // Label maps that end in a word are no masks.
        if !tells(structure) || !(surfaces && is_known) && dicom::coding(structure).is_none() {
            return None;
        }
        found.entry(case.clone()).or_default().push((structure.clone(), leaf.path.clone()));
    }
    if found.is_empty() {
        return None;
    }
    let cases = found.into_iter().map(|(case, masks)| (case, Source::Masks(masks))).collect();
    Some(Reading { form: Form::Prefixed, cases, rank: RANKS[usize::from(!surfaces)], alone: false })
}

/// The longest known case that the name begins with, and the rest.
fn of_known(place: &str, cases: &BTreeSet<String>) -> Option<(String, String)> {
    let rest = |case: &String| {
        let rest = place.strip_prefix(case.as_str()).filter(|rest| rest.starts_with(SEPARATORS))?;
        Some((case.clone(), rest.trim_matches(SEPARATORS).to_owned()))
    };
    let split = cases.iter().filter_map(rest).filter(|(_, rest)| !rest.is_empty());
    split.max_by_key(|(case, _)| case.len())
}

/// Case and structure of names by themselves: the structure is a common anatomical term, else what most cases share, as long as possible.
pub fn by_themselves(places: &[String]) -> Vec<Option<(String, String)>> {
    let splits = |place: &str| -> Vec<(String, String)> {
        let at = place.char_indices().filter(|(at, letter)| *at > 0 && SEPARATORS.contains(letter));
        at.map(|(at, letter)| (place[..at].to_owned(), place[at + letter.len_utf8()..].to_owned()))
            .filter(|(case, rest)| !rest.is_empty() && !rest.contains('/') && !case.ends_with('/'))
            .collect()
    };
    let all: Vec<Vec<(String, String)>> = places.iter().map(|place| splits(place)).collect();
    let (mut of_case, mut of_structure): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
    for (case, structure) in all.iter().flatten() {
        *of_case.entry(case).or_default() += 1;
        *of_structure.entry(structure).or_default() += 1;
    }
    let best = |splits: &Vec<(String, String)>| {
        let term = splits.iter().find(|(_, structure)| dicom::coding(structure).is_some());
        let shared = || {
            let key = |(case, structure): &&(String, String)| {
                (of_structure[structure.as_str()], of_case[case.as_str()], structure.len())
            };
            splits.iter().filter(|split| key(split).0 > 1 || key(split).1 > 1).max_by_key(key)
        };
        term.or_else(shared).cloned()
    };
    all.iter().map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_case_and_structure() {
        type Row = (&'static [&'static str], &'static [(&'static str, &'static str)]);
        let rows: [Row; 4] = [
            (&["p1-liver", "p1-left-kidney"], &[("p1", "liver"), ("p1", "left-kidney")]),
            (&["case-001-blob", "case-002-blob"], &[("case-001", "blob"), ("case-002", "blob")]),
            (
                &["a-1-inner-ear", "a-1-cochlea", "a-2-inner-ear", "a-2-cochlea"],
                &[("a-1", "inner-ear"), ("a-1", "cochlea"), ("a-2", "inner-ear"), ("a-2", "cochlea")],
            ),
            (&["x-blob", "x-lump"], &[("x", "blob"), ("x", "lump")]),
        ];
        for (places, expected) in rows {
            let places: Vec<String> = places.iter().map(|&place| place.to_owned()).collect();
            let found: Vec<(String, String)> = by_themselves(&places).into_iter().flatten().collect();
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(by_themselves(&["liver".into()]), [None]);
    }
}
