//! Which values of two label files are the same structure: by name where files name their values, else by value.

use std::collections::BTreeMap;

use super::labelled::Labelled;
use crate::dataset::name::{folded, position};
use crate::dataset::{Target, TargetStructure};

/// Names and values that were asked for (`--labels`, `--dataset`).
pub type Asked = Vec<(String, u16)>;

/// A file that contradicts the names of another, or those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

/// Values of a file and the values of the target that they stand for.
type Values = BTreeMap<u16, u16>;

/// Gives a file's voxels the values that were asked for, by its own names. A file without names is taken by value. `notes` receives
/// what was taken by name although name or value differ.
///
/// # Errors
/// The file calls a value by another name than the one that was asked for.
pub fn as_asked(
    asked: &[(String, u16)],
    mut file: Labelled,
    notes: &mut Vec<String>,
) -> Result<Labelled, Contradiction> {
    let at = |name: &str| position(name, asked.iter().map(|(known, _)| known.as_str()));
    let matched: Vec<Option<usize>> = file.names.iter().map(|(name, _)| at(name)).collect();
    let mut values = Values::new();
    for ((name, value), place) in file.names.iter().zip(&matched) {
        if let Some(place) = place {
            let (wanted, new) = &asked[*place];
            values.insert(*value, *new);
            if wanted != name {
                notes.push(format!("{}: `{name}` is taken as `{wanted}`", file.path.display()));
            }
            continue;
        }
        let Some(meant) = asked.iter().position(|(_, known)| known == value) else { continue };
        if !matched.contains(&Some(meant)) {
            let (wanted, path) = (&asked[meant].0, file.path.display());
            let text = format!(
                "{path}: calls value {value} `{name}`, which was asked for as `{wanted}`: name it as the file does"
            );
            return Err(Contradiction(text));
        }
        values.insert(*value, 0);
    }
    translate(&mut file, &values);
    Ok(file)
}

fn translate(file: &mut Labelled, values: &Values) {
    if values.iter().any(|(from, to)| from != to) {
        file.map.voxels.mapv_inplace(|label| values.get(&label).copied().unwrap_or(label));
    }
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

    /// Adds those of a pair of files.
    ///
    /// # Errors
    /// Both files name their values, and the names contradict each other.
    pub fn add(&mut self, reference: &Labelled, prediction: &Labelled) -> Result<(), Contradiction> {
        refuse_contradiction(reference, prediction)?;
        for (file, other) in [(reference, prediction), (prediction, reference)] {
            for value in self.present(file) {
                let name = name_in_pair(file, other, value);
                if position(&name, self.found.iter().map(|(known, _)| known.as_str())).is_none() {
                    let free = [value].into_iter().chain(1..=u16::MAX).find(|value| self.is_free(*value));
                    self.found.push((name, free.unwrap_or(value)));
                }
            }
        }
        Ok(())
    }

    /// The values of a file's voxels, without background and ignored ones.
    fn present(&self, file: &Labelled) -> Vec<u16> {
        let mut present = vec![false; usize::from(u16::MAX) + 1];
        file.map.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
        (1..=u16::MAX).filter(|&value| present[usize::from(value)] && Some(value) != self.ignore).collect()
    }

    fn is_free(&self, value: u16) -> bool {
        Some(value) != self.ignore && self.found.iter().all(|(_, taken)| *taken != value)
    }

    /// Gives the voxels of a file the values of the comparison.
    #[must_use]
    pub fn apply(&self, file: Labelled, other: &Labelled) -> Labelled {
        let mut file = file;
        let value_of = |value: u16| {
            let name = name_in_pair(&file, other, value);
            let place = position(&name, self.found.iter().map(|(known, _)| known.as_str()))?;
            Some((value, self.found[place].1))
        };
        let values = self.present(&file).into_iter().filter_map(value_of).collect();
        translate(&mut file, &values);
        file
    }

    /// A remark on names that only one of two named files has; they are scored as missed or as false.
    pub fn one_sided(reference: &Labelled, prediction: &Labelled) -> Option<String> {
        let only = |file: &Labelled, other: &Labelled| -> Vec<String> {
            let is_shared = |name: &str| other.names.iter().any(|(known, _)| folded(known) == folded(name));
            file.names.iter().filter(|(name, _)| !is_shared(name)).map(|(name, _)| format!("`{name}`")).collect()
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
        let structures = found.iter().map(|(name, value)| structure(name, *value)).collect();
        Target { overlapping: false, independent: false, ignore: self.ignore, structures }
    }
}

/// A structure of one value.
pub fn structure(name: &str, value: u16) -> TargetStructure {
    let name = name.to_owned();
    TargetStructure {
        members: vec![name.clone()],
        name,
        values: vec![value],
        value,
        color: [128; 3],
        code: None,
        instances: false,
        tubular: false,
    }
}

/// The file's own name of a value, that of the file beside it if the file has no names, or the value.
fn name_in_pair(file: &Labelled, other: &Labelled, value: u16) -> String {
    let borrowed = || if file.names.is_empty() { other.name(value) } else { None };
    file.name(value).or_else(borrowed).map_or_else(|| value.to_string(), str::to_owned)
}

/// Names that both files state must agree: a value may not have two names of which neither occurs in the other file.
fn refuse_contradiction(reference: &Labelled, prediction: &Labelled) -> Result<(), Contradiction> {
    let knows = |file: &Labelled, name: &str| file.names.iter().any(|(known, _)| folded(known) == folded(name));
    for (name, value) in &reference.names {
        let Some(other) = prediction.name(*value) else { continue };
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
    let list = |file: &Labelled| {
        let names: Vec<String> = file.names.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("{} has {}", file.path.display(), names.join(", "))
    };
    Err(Contradiction(format!("no name is in both files: {}; {}", list(reference), list(prediction))))
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::volume::{Geometry, LabelMap};

    fn file(path: &str, voxels: [u16; 4], names: &[(&str, u16)]) -> Labelled {
        let map = LabelMap {
            voxels: Array3::from_shape_vec([1, 2, 2], voxels.to_vec()).unwrap(),
            geometry: Geometry::axis_aligned([1, 2, 2], [1.0; 3]),
        };
        Labelled::made(path, map, names.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
    }

    fn compared(reference: &Labelled, prediction: &Labelled) -> (Vec<String>, [Vec<u16>; 2]) {
        let mut structures = Structures::default();
        structures.add(reference, prediction).unwrap();
        let voxels = |file: &Labelled, other: &Labelled| {
            structures.apply(file.clone(), other).map.voxels.into_iter().collect::<Vec<u16>>()
        };
        let both = [voxels(reference, prediction), voxels(prediction, reference)];
        (structures.target().structures.into_iter().map(|it| it.name).collect(), both)
    }

    #[test]
    fn exchanged_numbers_are_the_same_structures() {
        let one = file("r", [1, 1, 2, 0], &[("liver", 1), ("spleen", 2)]);
        let two = file("p", [2, 2, 1, 0], &[("Spleen", 1), ("LIVER ", 2)]);
        let (names, [reference, prediction]) = compared(&one, &two);
        assert_eq!(names, ["liver", "spleen"]);
        assert_eq!(reference, prediction);
    }

    #[test]
    fn a_file_without_names_is_called_as_its_partner_calls_it() {
        let (names, [reference, prediction]) =
            compared(&file("r", [7, 7, 3, 0], &[]), &file("p", [7, 7, 3, 0], &[("bone", 7), ("muscle", 3)]));
        assert_eq!((names, reference), (vec!["muscle".to_owned(), "bone".to_owned()], prediction));
        let (names, _) = compared(&file("r", [1, 2, 0, 0], &[]), &file("p", [2, 5, 0, 0], &[]));
        assert_eq!(names, ["1", "2", "5"]);
    }

    #[test]
    fn names_of_three_files_in_a_row_share_no_value() {
        let mut structures = Structures::new(Some(3));
        let rows = [[("liver", 1), ("spleen", 2)], [("spleen", 1), ("lung", 2)], [("liver", 3), ("gut", 4)]];
        for names in rows {
            let value = |place: usize| names[place].1;
            let one = file("r", [value(0), value(1), 0, 0], &names);
            structures.add(&one, &one).unwrap();
        }
        let target = structures.target();
        let mut values: Vec<u16> = target.structures.iter().map(|it| it.value).collect();
        values.dedup();
        assert_eq!((values.len(), values.contains(&3)), (4, false));
    }

    #[test]
    fn names_that_contradict_are_refused() {
        let reference = file("ref", [1, 2, 0, 0], &[("liver", 1), ("spleen", 2)]);
        for (names, part) in [
            (vec![("liver", 1), ("Milz", 2)], "ref calls value 2 `spleen`, pred `Milz`"),
            (vec![("lung", 5)], "no name is in both files"),
        ] {
            let error = Structures::default().add(&reference, &file("pred", [1, 2, 0, 0], &names)).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn what_was_asked_for_is_found_by_name_and_never_against_it() {
        let asked: Asked = vec![("liver".into(), 1), ("spleen".into(), 2)];
        let mut notes = Vec::new();
        let exchanged = file("p", [2, 2, 1, 9], &[("spleen", 1), ("Liver", 2), ("lung", 9)]);
        let found = as_asked(&asked, exchanged, &mut notes).unwrap();
        assert_eq!(found.map.voxels.into_iter().collect::<Vec<u16>>(), [1, 1, 2, 9]);
        assert_eq!(notes, ["p: `Liver` is taken as `liver`"]);
        let wrong = as_asked(&asked, file("p", [1, 2, 0, 0], &[("spleen", 2), ("Leber", 1)]), &mut notes).unwrap_err();
        assert!(wrong.to_string().contains("calls value 1 `Leber`"), "{wrong}");
        let unnamed = as_asked(&asked, file("p", [1, 2, 0, 0], &[]), &mut notes).unwrap();
        assert_eq!(unnamed.map.voxels.into_iter().collect::<Vec<u16>>(), [1, 2, 0, 0]);
    }
}
