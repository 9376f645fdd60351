//! Which values of two label files are the same structure: by name where files name their values, else by value.

use std::collections::{BTreeMap, BTreeSet};

use super::labelled::Labelled;
use crate::dataset::name::{folded, position};
use crate::dataset::{Target, TargetStructure};
use crate::volume::label_names;

/// Most names in a message.
const NAMED: usize = 8;

/// Names and values that were asked for (`--labels`, `--dataset`).
pub type Asked = Vec<(String, u16)>;

/// A file that contradicts the names of another, or those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

/// Values of a file, and the structures that each stands for: their values in the comparison.
pub type Meaning = BTreeMap<u16, Vec<u16>>;

/// What the values of a file mean if structures were asked for: by its own names, else by value. `notes` receives what was taken by name
/// although name or value differ.
///
/// # Errors
/// The file calls a value by another name than the one that was asked for, or has none of the structures.
pub fn as_asked(asked: &[(String, u16)], file: &Labelled, notes: &mut Vec<String>) -> Result<Meaning, Contradiction> {
    let at = |name: &str| position(name, asked.iter().map(|(known, _)| known.as_str()));
    let matched: Vec<Option<usize>> = file.names.iter().map(|(name, _)| at(name)).collect();
    refuse_renamed(asked, file, &matched)?;
    for (name, place) in file.structures().into_iter().filter_map(|name| Some((name, at(name)?))) {
        let wanted = &asked[place].0;
        if wanted != name {
            notes.push(format!("{}: `{name}` is taken as `{wanted}`", file.path.display()));
        }
    }
    for ((name, value), place) in file.names.iter().zip(&matched).filter(|_| file.numbered) {
        if let Some((wanted, asked)) = place.map(|place| &asked[place])
            && asked != value
        {
            notes.push(format!("`{name}` is value {value} in the files, not {asked}: `{wanted}` is taken by name"));
        }
    }
    let meant = |name: &str| at(name).map(|place| asked[place].1).or_else(|| name.parse().ok());
    let of = |value: u16| {
        let found: Vec<u16> = file.names_of(value).filter_map(meant).collect();
        // A number that stands for nothing by name may be ignored, or be one of several values of a structure.
        let free = file.names_of(value).next().is_none() || asked.iter().all(|(_, known)| *known != value);
        (value, if found.is_empty() && file.numbered && free { vec![value] } else { found })
    };
    Ok(present(file).into_iter().map(of).collect())
}

fn refuse_renamed(asked: &[(String, u16)], file: &Labelled, matched: &[Option<usize>]) -> Result<(), Contradiction> {
    let path = file.path.display();
    for ((name, value), _) in file.names.iter().zip(matched).filter(|(_, place)| place.is_none() && file.numbered) {
        let Some(meant) = asked.iter().position(|(_, known)| known == value) else { continue };
        if !matched.contains(&Some(meant)) {
            let wanted = &asked[meant].0;
            let text = format!(
                "{path}: calls value {value} `{name}`, which was asked for as `{wanted}`: name it as the file does"
            );
            return Err(Contradiction(text));
        }
    }
    let says = file.names.iter().any(|(name, _)| name.parse::<u16>().is_err());
    if file.numbered || !says || matched.iter().any(Option::is_some) {
        return Ok(());
    }
    Err(Contradiction(format!("{path}: none of its structures was asked for: it has {}", list(file))))
}

/// Both files in common values: a set of structures that share voxels gets a value of its own, which the target then lists for each of
/// them.
///
/// # Errors
/// More sets than values.
pub fn in_common(target: &Target, files: [(Labelled, Meaning); 2]) -> Result<(Target, [Labelled; 2]), Contradiction> {
    let mut target = target.clone();
    let mut taken: BTreeSet<u16> = target.structures.iter().flat_map(|it| it.values.iter().copied()).collect();
    taken.extend(target.ignore);
    taken.extend(files.iter().flat_map(|(_, meaning)| meaning.values().flatten().copied()));
    let mut free = (1..=u16::MAX).rev().filter(|value| !taken.contains(value));
    let mut sets: BTreeMap<Vec<u16>, u16> = BTreeMap::new();
    let mut value_of = |meant: &[u16]| {
        let set: Vec<u16> = meant.iter().copied().collect::<BTreeSet<u16>>().into_iter().collect();
        if set.len() < 2 {
            return Ok(set.first().copied().unwrap_or(0));
        }
        if let Some(value) = sets.get(&set) {
            return Ok(*value);
        }
        let value = free.next();
        let value =
            value.ok_or_else(|| Contradiction("structures overlap in more ways than there are values".into()))?;
        sets.insert(set, value);
        Ok(value)
    };
    let mut put = |(mut file, meaning): (Labelled, Meaning)| {
        let mut values: Vec<u16> = (0..=u16::MAX).collect();
        for (value, meant) in &meaning {
            values[usize::from(*value)] = value_of(meant)?;
        }
        if meaning.keys().any(|value| values[usize::from(*value)] != *value) {
            file.map.voxels.mapv_inplace(|value| values[usize::from(value)]);
        }
        Ok(file)
    };
    let [reference, prediction] = files;
    let files = [put(reference)?, put(prediction)?];
    for structure in &mut target.structures {
        let own = sets.iter().filter(|(set, _)| set.iter().any(|value| structure.values.contains(value)));
        let own: Vec<u16> = own.map(|(_, value)| *value).collect();
        structure.values.extend(own);
    }
    Ok((target, files))
}

/// The values of a file's voxels, without background.
pub fn present(file: &Labelled) -> Vec<u16> {
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    file.map.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    (1..=u16::MAX).filter(|&value| present[usize::from(value)]).collect()
}

/// Structures found in files, where none were asked for: by name, else by value.
#[derive(Debug, Default)]
pub struct Structures {
    /// Name, and its value in the comparison.
    found: Vec<(String, u16)>,
    /// A value that no structure may have.
    ignore: Option<u16>,
}

impl Structures {
    /// No structures yet; reference voxels of the value `ignore` are not scored.
    pub fn new(ignore: Option<u16>) -> Self {
        Self { found: Vec::new(), ignore }
    }

    /// The value that no structure may have.
    pub fn ignored(&self) -> Option<u16> {
        self.ignore
    }

    /// Adds those of a pair of files.
    ///
    /// # Errors
    /// Both files name their values, and the names contradict each other.
    pub fn add(&mut self, reference: &Labelled, prediction: &Labelled) -> Result<(), Contradiction> {
        refuse_contradiction(reference, prediction)?;
        for (file, other) in [(reference, prediction), (prediction, reference)] {
            for value in self.present(file) {
                for name in names_in_pair(file, other, value) {
                    self.add_name(name, value);
                }
            }
        }
        Ok(())
    }

    fn add_name(&mut self, name: String, value: u16) {
        if position(&name, self.found.iter().map(|(known, _)| known.as_str())).is_none() {
            let free = [value].into_iter().chain(1..=u16::MAX).find(|value| self.is_free(*value));
            self.found.push((name, free.unwrap_or(value)));
        }
    }

    /// The values of a file's voxels, without background and ignored ones.
    fn present(&self, file: &Labelled) -> Vec<u16> {
        let ignored = self.ignore.filter(|_| file.numbered);
        present(file).into_iter().filter(|value| Some(*value) != ignored).collect()
    }

    fn is_free(&self, value: u16) -> bool {
        Some(value) != self.ignore && self.found.iter().all(|(_, taken)| *taken != value)
    }

    /// What the values of a file mean in the comparison.
    pub fn meaning(&self, file: &Labelled, other: &Labelled) -> Meaning {
        let known = || self.found.iter().map(|(known, _)| known.as_str());
        let of = |value: u16| {
            let names = names_in_pair(file, other, value).into_iter();
            (value, names.filter_map(|name| Some(self.found[position(&name, known())?].1)).collect())
        };
        self.present(file).into_iter().map(of).collect()
    }

    /// A remark on names that only one of two named files has; they are scored as missed or as false.
    pub fn one_sided(reference: &Labelled, prediction: &Labelled) -> Option<String> {
        let only = |file: &Labelled, other: &Labelled| -> Vec<String> {
            let is_shared = |name: &str| other.names.iter().any(|(known, _)| folded(known) == folded(name));
            file.structures().into_iter().filter(|name| !is_shared(name)).map(|name| format!("`{name}`")).collect()
        };
        let (first, second) = (only(reference, prediction), only(prediction, reference));
        if reference.names.is_empty() || prediction.names.is_empty() || first.is_empty() || second.is_empty() {
            return None;
        }
        Some(format!("only in the reference: {}; only in the prediction: {}", first.join(", "), second.join(", ")))
    }

    /// As a target, in the order of values.
    pub fn target(&self) -> Target {
        let mut found = self.found.clone();
        found.sort_by_key(|(_, value)| *value);
        let structures = found.iter().map(|(name, value)| TargetStructure::new(name, &[*value])).collect();
        Target { ignore: self.ignore, ..Target::of(structures) }
    }
}

/// Structures of a reference that a numbered prediction does not name, although it names others; an ignored value is none.
pub fn unnamed_by(reference: &Labelled, prediction: &Labelled, ignored: Option<u16>) -> Vec<String> {
    if !prediction.numbered || prediction.names.is_empty() {
        return Vec::new();
    }
    let ignored = ignored.filter(|_| reference.numbered);
    let values = present(reference).into_iter().filter(|value| Some(*value) != ignored);
    let names = values.flat_map(|value| names_in_pair(reference, prediction, value));
    let is_named = |name: &str| prediction.names.iter().any(|(known, _)| folded(known) == folded(name));
    names.filter(|name| !is_named(name)).collect()
}

/// The file's own names of a value, those of the other file if it has no names, or the value.
fn names_in_pair(file: &Labelled, other: &Labelled, value: u16) -> Vec<String> {
    let mut names: Vec<String> = file.names_of(value).map(str::to_owned).collect();
    if file.names.is_empty() {
        match other.structures().as_slice() {
            // The only mask is what the only value stands for, whatever its number.
            [only] if !other.numbered => names.push((*only).to_owned()),
            _ if other.numbered => names.extend(other.names_of(value).map(str::to_owned)),
            _ => {}
        }
    }
    if names.is_empty() { vec![value.to_string()] } else { names }
}

/// Names that both files state must agree: a value may not have two names of which neither occurs in the other file.
fn refuse_contradiction(reference: &Labelled, prediction: &Labelled) -> Result<(), Contradiction> {
    refuse_unnamed(reference, prediction)?;
    refuse_unnamed(prediction, reference)?;
    let knows = |file: &Labelled, name: &str| file.names.iter().any(|(known, _)| folded(known) == folded(name));
    for (name, value) in reference.names.iter().filter(|_| reference.numbered && prediction.numbered) {
        let Some(other) = prediction.names_of(*value).next() else { continue };
        if folded(name) != folded(other) && !knows(prediction, name) && !knows(reference, other) {
            let (one, two) = (reference.path.display(), prediction.path.display());
            let text = format!(
                "{one} calls value {value} `{name}`, {two} `{other}`: give both files the same names, or state them with --labels"
            );
            return Err(Contradiction(text));
        }
    }
    let shared = reference.names.iter().any(|(name, _)| knows(prediction, name));
    if reference.names.is_empty() || prediction.names.is_empty() || shared {
        return Ok(());
    }
    let of = |file: &Labelled| format!("{} has {}", file.path.display(), list(file));
    Err(Contradiction(format!("no name is in both files: {}; {}", of(reference), of(prediction))))
}

/// Values without names cannot be told from masks, which have names and no numbers.
fn refuse_unnamed(masks: &Labelled, other: &Labelled) -> Result<(), Contradiction> {
    let named = masks.names.iter().any(|(name, _)| name.parse::<u16>().is_err());
    if masks.numbered || !named || !other.names.is_empty() {
        return Ok(());
    }
    let values = present(other);
    if values.is_empty() || masks.structures().len() == 1 && values.len() == 1 {
        return Ok(());
    }
    let (one, two) = (masks.path.display(), other.path.display());
    let remedy = match label_names::beside(&masks.path) {
        Some(beside) => format!("--names {} may do it", beside.display()),
        None => "name them with --names FILE (label_map.json, dataset.json, or a table of ITK-SNAP or 3D Slicer) or --labels \
                 NAME=VALUE,…"
            .into(),
    };
    Err(Contradiction(format!(
        "{one} has the structures {}, but nothing says which of them the values of {two} are: {remedy}",
        list(masks)
    )))
}

/// The first names of a file, and how many more there are.
fn list(file: &Labelled) -> String {
    let names = file.structures();
    let more = names.len().saturating_sub(NAMED);
    let mut shown: Vec<String> = names.into_iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    shown.extend((more > 0).then(|| format!("and {more} more")));
    shown.join(", ")
}

#[cfg(test)]
mod tests;
