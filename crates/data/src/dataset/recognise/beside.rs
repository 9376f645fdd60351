//! Names of label values in files beside the labels: `CASE.label_map.json`, which `segspec convert` writes, or `label_map.json` in their
//! folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::dataset::name::{folded, is_generic};
use crate::dataset::spec::Structure;
use crate::dataset::{Case, Label};
use crate::volume::label_names::{LABEL_MAP, LabelName, LabelNames, beside, own};

/// Most doubtful label files that are named.
const SHOWN: usize = 3;

/// Label files of a case with their values, as far as they were read.
pub(super) type Values = BTreeMap<PathBuf, BTreeSet<u16>>;

/// The names that one case's files give to values.
#[derive(Debug)]
struct OfCase<'a> {
    case: &'a str,
    file: PathBuf,
    names: LabelNames,
}

/// What the files of all cases name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The structures.
    pub structures: Vec<Structure>,
    /// Cases that contradict most of the others, with the reason.
    pub contradicting: BTreeMap<String, String>,
}

/// Files that hold the labels of a case by their values.
pub(super) fn label_files(case: &Case) -> &[PathBuf] {
    match &case.label {
        Some(Label::Map(path)) => std::slice::from_ref(path),
        Some(Label::Pictures(files)) => files,
        _ => &[],
    }
}

/// The file that names the values of a label file: beside it, or in the dataset's folder.
pub(super) fn names_of(root: &Path, label: &Path) -> Option<PathBuf> {
    beside(label).or_else(|| Some(root.join(LABEL_MAP)).filter(|path| path.is_file()))
}

/// The names that most cases give to the values. `guesses` receives files that are not taken, and what is doubtful.
pub(super) fn named(root: &Path, cases: &[Case], values: &Values, guesses: &mut Vec<String>) -> Named {
    let all = read(root, cases, values, guesses);
    let chosen = chosen(&all);
    let mut named = Named::default();
    for of_case in &all {
        let label = of_case.names.labels.iter().find_map(|label| Some((label, contradiction(label, &chosen)?)));
        if let Some((label, instead)) = label {
            let reason =
                format!("{} names the value {} `{}`, but {instead}", of_case.file.display(), label.number, label.name);
            named.contradicting.entry(of_case.case.to_owned()).or_insert(reason);
        }
    }
    let color = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
    let structure = |label: &LabelName| Structure {
        name: label.name.clone(),
        value: label.number,
        color: label.color.map(color),
        code: None,
        instances: false,
        tubular: false,
    };
    named.structures = chosen.values().copied().map(structure).collect();
    named
}

/// Says where a file beside the labels names a value otherwise than a list that is taken.
pub(super) fn differing(root: &Path, cases: &[Case], taken: &[Structure]) -> Option<String> {
    let all = read(root, cases, &Values::new(), &mut Vec::new());
    all.iter().find_map(|of_case| {
        let other = |label: &LabelName| {
            let known = taken.iter().find(|known| known.value == label.number)?;
            (folded(&known.name) != folded(&label.name)).then(|| (label.name.clone(), known.clone()))
        };
        let (name, known) = of_case.names.labels.iter().find_map(other)?;
        let (file, Structure { name: own, value, .. }) = (of_case.file.display(), known);
        Some(format!("{file} names the value {value} `{name}`, the list `{own}`: the list is taken"))
    })
}

/// The files of names of all cases that fit their labels. A file is read once.
fn read<'a>(root: &Path, cases: &'a [Case], values: &Values, guesses: &mut Vec<String>) -> Vec<OfCase<'a>> {
    let mut known: BTreeMap<PathBuf, Option<LabelNames>> = BTreeMap::new();
    let (mut found, mut doubts) = (Vec::new(), Vec::new());
    for case in cases {
        for label in label_files(case) {
            let Some(file) = names_of(root, label) else { continue };
            let names = known.entry(file.clone()).or_insert_with(|| {
                let names =
                    LabelNames::read(&file).map_err(|error| guesses.push(format!("no names are taken: {error}")));
                names.ok().filter(|names| !names.overlapping)
            });
            let Some(names) = names else { continue };
            match values.get(label).map(|present| own::doubt(names, &file, label, present)) {
                Some(Err(error)) => {
                    guesses.push(format!("no names are taken: {error}"));
                    continue;
                }
                Some(Ok(Some(doubt))) => doubts.push(doubt),
                _ => {}
            }
            let mut names = names.clone();
            names.labels.retain(|label| label.number > 0 && !is_generic(&label.name));
            found.push(OfCase { case: &case.name, file, names });
        }
    }
    let more = doubts.len().saturating_sub(SHOWN);
    guesses.extend(doubts.into_iter().take(SHOWN));
    guesses.extend((more > 0).then(|| format!("the same of {more} more label files")));
    found
}

/// The name of each value, and the value of each name, that most cases state; of equals the first.
fn chosen<'a>(all: &'a [OfCase]) -> BTreeMap<u16, &'a LabelName> {
    let mut votes: BTreeMap<(u16, String), (usize, usize, &'a LabelName)> = BTreeMap::new();
    for (place, label) in
        all.iter().enumerate().flat_map(|(place, it)| it.names.labels.iter().map(move |it| (place, it)))
    {
        votes.entry((label.number, folded(&label.name))).or_insert((0, place, label)).0 += 1;
    }
    let mut votes: Vec<_> = votes.into_iter().collect();
    votes.sort_by_key(|((value, _), (count, place, _))| (std::cmp::Reverse(*count), *place, *value));
    let (mut chosen, mut names) = (BTreeMap::new(), BTreeSet::new());
    for ((value, name), (_, _, label)) in votes {
        if !chosen.contains_key(&value) && names.insert(name) {
            chosen.insert(value, label);
        }
    }
    chosen
}

/// What most cases state instead of this name.
fn contradiction(label: &LabelName, chosen: &BTreeMap<u16, &LabelName>) -> Option<String> {
    let name = folded(&label.name);
    match chosen.get(&label.number) {
        Some(other) if folded(&other.name) != name => Some(format!("other cases `{}`", other.name)),
        Some(_) => None,
        None => {
            let elsewhere = chosen.values().find(|other| folded(&other.name) == name)?;
            Some(format!("in other cases it has the value {}", elsewhere.number))
        }
    }
}
