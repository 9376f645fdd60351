//! One mask or surface per structure: `{case}/segmentations/{structure}.nii.gz`, `masks/{structure}/{case}.png` and others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::find::{is_contrast, is_label, words};
use super::part::{Part, Parts};
use super::pattern::{CASE, Entry, channels, cuts};
use crate::volume::{Format, read_label_map};

/// How well a form fits: larger is better, element by element.
type Merit = (usize, usize, Reverse<usize>, Reverse<usize>);

/// Placeholder for the structure's name.
const STRUCTURE: &str = "{structure}";
/// Masks that are read to see whether they hold one structure each.
const SAMPLED: usize = 12;

/// Images by pattern, masks by pattern with structure.
#[derive(Clone, Debug)]
pub(super) struct Masks {
    /// Patterns of the channels.
    pub images: Vec<String>,
    /// Pattern of the masks.
    pub mask: String,
    /// Structures of each case.
    pub cases: BTreeMap<String, BTreeSet<String>>,
}

impl Masks {
    /// All structures, sorted.
    pub fn structures(&self) -> BTreeSet<String> {
        self.cases.values().flatten().cloned().collect()
    }

    /// Number of mask files.
    pub fn files(&self) -> usize {
        self.cases.values().map(BTreeSet::len).sum()
    }
}

/// A pattern and the structures of each case.
type Template = (String, BTreeMap<String, BTreeSet<String>>);

/// The best pattern of masks, with at least two structures that recur.
pub(super) fn masks(root: &Path, parts: &Parts, images: &[Entry]) -> Option<Masks> {
    let mut best: Option<(Merit, Masks)> = None;
    for (mask, cases) in templates(&parts.labels) {
        for image in images {
            let matched: BTreeMap<String, BTreeSet<String>> =
                cases.iter().filter(|(case, _)| image.1.contains(*case)).map(|(c, s)| (c.clone(), s.clone())).collect();
            let found = Masks { images: vec![image.0.clone()], mask: mask.clone(), cases: matched };
            let alone = image.1.len() - found.cases.len();
            // Last, short names of structures: `{structure}_mask` rather than `{structure}`.
            let names: usize = found.structures().iter().map(String::len).sum();
            let rank =
                (found.cases.len(), found.files(), Reverse(alone), Reverse(1000 * names + mask.len() + image.0.len()));
            if recurs(&found) && best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, found));
            }
        }
    }
    let (_, mut found) = best?;
    move_ending(&mut found);
    let image = images.iter().find(|(text, _)| *text == found.images[0])?;
    found.images = channels(images, image, &found.cases.keys().cloned().collect());
    is_one_each(root, &found).then_some(found)
}

/// `liver.dcm` is the file of the liver: the ending belongs to the pattern.
fn move_ending(found: &mut Masks) {
    const ENDING: &str = ".dcm";
    if found.mask.ends_with(STRUCTURE) && found.structures().iter().all(|name| name.ends_with(ENDING)) {
        found.mask.push_str(ENDING);
        for structures in found.cases.values_mut() {
            *structures = structures.iter().map(|name| name.trim_end_matches(ENDING).to_owned()).collect();
        }
    }
}

/// Whether there are two structures or more, and each is in more than one case on average, so that it is no part of a case's name.
fn recurs(found: &Masks) -> bool {
    let structures = found.structures();
    let named = structures.iter().all(|name| words(name).iter().any(|word| word.len() > 1 && !is_label(word)));
    let often = found.cases.len() < 2 || found.files() * 2 >= structures.len() * 3;
    // `PET_mask` and `CT_mask` are labels of contrasts, no structures.
    let part = |part: &str| is_contrast(part) || is_label(part);
    let contrast = |name: &String| name.split(|letter: char| !letter.is_ascii_alphanumeric()).all(part);
    structures.len() >= 2 && named && often && !structures.iter().all(contrast)
}

/// Whether the masks of the first case hold one value each.
fn is_one_each(root: &Path, found: &Masks) -> bool {
    let Some((case, structures)) = found.cases.iter().next() else { return false };
    structures.iter().take(SAMPLED).all(|structure| {
        let path = root.join(found.mask.replace(CASE, case).replace(STRUCTURE, structure));
        if matches!(Format::of(&path), Ok(Format::Surface)) {
            return true;
        }
        let Ok(label) = read_label_map(&path) else { return false };
        let mut inside = label.voxels.iter().filter(|value| **value != 0);
        let first = inside.next();
        inside.all(|value| Some(value) == first)
    })
}

/// All patterns with a case and a structure, and what they match.
fn templates(labels: &[Part]) -> Vec<Template> {
    let mut found: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for part in labels {
        for (pattern, case, structure) in of_part(part) {
            found.entry(pattern).or_default().entry(case).or_default().insert(structure);
        }
    }
    let mut found: Vec<Template> = found.into_iter().collect();
    found.sort_by_key(|(_, cases)| Reverse(cases.values().map(BTreeSet::len).sum::<usize>()));
    found.truncate(200);
    found
}

/// Pattern, case and structure of every reading of one path.
fn of_part(part: &Part) -> Vec<(String, String, String)> {
    let Part { folder, stem, ending } = part;
    let levels: Vec<&str> = folder.split('/').filter(|level| !level.is_empty()).collect();
    let mut found = Vec::new();
    let path = |levels: &[String], name: &str| {
        let below = levels.join("/");
        if below.is_empty() { format!("{name}{ending}") } else { format!("{below}/{name}{ending}") }
    };
    let own: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
    for (level, case) in levels.iter().enumerate() {
        let mut folders = own.clone();
        folders[level] = CASE.into();
        for (name, structure) in structures_in(stem) {
            found.push((path(&folders, &name), (*case).to_owned(), structure));
        }
        for (end, start) in cuts(stem).into_iter().filter(|(end, start)| start > end && &&stem[..*end] == case) {
            for (name, structure) in structures_in(&stem[start..]) {
                let name = format!("{CASE}{}{name}", &stem[end..start]);
                found.push((path(&folders, &name), (*case).to_owned(), structure));
            }
        }
        for (other, folder) in levels.iter().enumerate().filter(|(other, _)| *other != level) {
            for (name, structure) in structures_in(folder) {
                let mut folders = folders.clone();
                folders[other] = name;
                found.push((path(&folders, stem), (*case).to_owned(), structure));
            }
        }
    }
    for (other, folder) in levels.iter().enumerate() {
        for (name, structure) in structures_in(folder) {
            let mut folders = own.clone();
            folders[other] = name;
            found.push((path(&folders, CASE), stem.clone(), structure.clone()));
            for (end, _) in cuts(stem).into_iter().filter(|(end, start)| start > end && is_label(&stem[*end..])) {
                found.push((
                    path(&folders, &format!("{CASE}{}", &stem[end..])),
                    stem[..end].to_owned(),
                    structure.clone(),
                ));
            }
        }
    }
    for (end, start) in cuts(stem).into_iter().filter(|(end, start)| start > end) {
        for (name, structure) in structures_in(&stem[start..]) {
            found.push((path(&own, &format!("{CASE}{}{name}", &stem[end..start])), stem[..end].to_owned(), structure));
        }
        for (name, structure) in structures_in(&stem[..end]) {
            found.push((
                path(&own, &format!("{name}{}{CASE}", &stem[end..start])),
                stem[start..].to_owned(),
                structure,
            ));
        }
    }
    found
}

/// The readings of a name as a structure, with words such as `mask` before or after it.
fn structures_in(name: &str) -> Vec<(String, String)> {
    let mut found = vec![(STRUCTURE.to_owned(), name.to_owned())];
    for (end, start) in cuts(name).into_iter().filter(|(end, start)| start > end) {
        let (head, tail) = (&name[..end], &name[start..]);
        if is_label(head) && !tail.is_empty() {
            found.push((format!("{}{STRUCTURE}", &name[..start]), tail.to_owned()));
        }
        if is_label(tail) && !head.is_empty() {
            found.push((format!("{STRUCTURE}{}", &name[end..]), head.to_owned()));
        }
    }
    found
}
