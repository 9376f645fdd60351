//! What is converted of a folder, and how the results are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::evaluate::files::images::drawn_on;
use crate::evaluate::files::tree::{Kind, Leaf};
use crate::evaluate::files::{Tree, side};
use crate::volume::dicom::identity;

/// Ending of the first channel in nnU-Net's names.
const FIRST_CHANNEL: &str = "_0000";

/// One result.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// File, or folder of DICOM slices.
    pub source: PathBuf,
    /// Name of the case, which may hold folders.
    pub case: String,
    /// What is added to it: nothing for images.
    pub suffix: String,
    /// SeriesInstanceUID, where the folder holds several.
    pub series: Option<String>,
    /// The image that a label object was drawn on.
    pub on: Option<PathBuf>,
    /// Whether it is a DICOM series.
    pub is_series: bool,
    /// Whether it is an object or file that holds only labels.
    pub is_label: bool,
    /// Another file of the same name.
    pub twin: Option<PathBuf>,
}

/// Images, and the labels beside them. With `chosen`, one series of each folder is chosen by the caller.
pub(super) fn items(tree: &Tree, chosen: bool) -> Vec<Item> {
    let series = series(tree, chosen);
    let mut items = files(tree);
    items.extend(series.iter().map(|series| series.item.clone()));
    items.extend(objects(tree, &series));
    items.sort_by(|a, b| (&a.case, &a.suffix).cmp(&(&b.case, &b.suffix)));
    items
}

fn is_named_segments(leaf: &Leaf) -> bool {
    leaf.path.to_string_lossy().to_ascii_lowercase().ends_with(".seg.nrrd")
}

/// Files: called by their own names, else by their folders where all files have one name, else by their places.
fn files(tree: &Tree) -> Vec<Item> {
    let is_file = |leaf: &&Leaf| matches!(leaf.kind, Kind::Volume | Kind::Picture);
    let leaves: Vec<&Leaf> = tree.leaves.iter().filter(is_file).collect();
    let is_image = |leaf: &&&Leaf| !is_named_segments(leaf);
    let all_first = leaves.iter().filter(is_image).all(|leaf| leaf.stem.ends_with(FIRST_CHANNEL));
    let stem = |leaf: &Leaf| match all_first {
        true => leaf.stem.strip_suffix(FIRST_CHANNEL).unwrap_or(&leaf.stem).to_owned(),
        false => leaf.stem.clone(),
    };
    let places = |name: &dyn Fn(&Leaf) -> String| {
        let names: BTreeSet<(bool, String)> = leaves.iter().map(|leaf| (is_named_segments(leaf), name(leaf))).collect();
        names.len() == leaves.len()
    };
    let stems: BTreeSet<String> = leaves.iter().map(|leaf| stem(leaf)).collect();
    let folders: Vec<&[String]> = leaves.iter().map(|leaf| leaf.folders.as_slice()).collect();
    let by_folder = stems.len() == 1 && leaves.len() > 1 && folders.iter().all(|folders| !folders.is_empty());
    let names: Vec<String> = match () {
        () if places(&stem) => leaves.iter().map(|leaf| stem(leaf)).collect(),
        () if by_folder => side::short(&folders),
        () => leaves.iter().map(|leaf| Leaf { stem: stem(leaf), ..(*leaf).clone() }.place()).collect(),
    };
    let mut known: BTreeMap<(String, bool), PathBuf> = BTreeMap::new();
    let item = |(leaf, case): (&&Leaf, String)| {
        let is_label = is_named_segments(leaf);
        let twin = known.get(&(case.clone(), is_label)).cloned();
        known.entry((case.clone(), is_label)).or_insert_with(|| leaf.path.clone());
        let suffix = if is_label { "-labels".into() } else { String::new() };
        Item { source: leaf.path.clone(), case, suffix, is_label, twin, ..Item::default() }
    };
    leaves.iter().zip(names).map(item).collect()
}

/// A DICOM series.
struct Series {
    uid: String,
    folders: Vec<String>,
    item: Item,
}

/// The series, called by their folders; several in one folder also by their descriptions.
fn series(tree: &Tree, chosen: bool) -> Vec<Series> {
    let mut found: BTreeMap<(Vec<String>, String), (PathBuf, String)> = BTreeMap::new();
    for leaf in tree.leaves.iter().filter(|leaf| leaf.kind == Kind::Slice) {
        let identity = identity(&leaf.path).ok().flatten().unwrap_or_default();
        let uid = if chosen { String::new() } else { identity.series };
        let folder = leaf.path.parent().unwrap_or(&tree.root).to_owned();
        found.entry((leaf.folders.clone(), uid)).or_insert((folder, identity.description));
    }
    let folders: BTreeSet<&[String]> = found.keys().map(|(folders, _)| folders.as_slice()).collect();
    let folders: Vec<&[String]> = folders.into_iter().collect();
    let names: BTreeMap<&[String], String> = folders.iter().copied().zip(side::short(&folders)).collect();
    let several = |folder: &[String]| found.keys().filter(|(other, _)| other == folder).count() > 1;
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let one = |((folders, uid), (path, description)): (&(Vec<String>, String), &(PathBuf, String))| {
        let root = || tree.root.file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy().into_owned());
        let name = names.get(folders.as_slice()).filter(|name| !name.is_empty()).cloned().unwrap_or_else(root);
        let case = match several(folders) {
            true => apart(&format!("{name}-{}", plain(description)), &mut taken),
            false => name,
        };
        let series = Some(uid.clone()).filter(|_| several(folders) && !uid.is_empty());
        let item = Item { source: path.clone(), case, series, is_series: true, ..Item::default() };
        Series { uid: uid.clone(), folders: folders.clone(), item }
    };
    found.iter().map(one).collect()
}

/// A text that can be a file's name.
fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let plain = text.chars().map(letter).collect::<String>();
    Some(plain.trim_matches('-').to_owned()).filter(|plain| !plain.is_empty()).unwrap_or_else(|| "series".into())
}

/// The name, numbered if it is taken.
fn apart(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.unwrap_or_default();
    taken.insert(free.clone());
    free
}

/// DICOM SEG and RTSTRUCT: called by the case of the series that they were drawn on.
fn objects(tree: &Tree, series: &[Series]) -> Vec<Item> {
    let mut taken = BTreeSet::new();
    let item = |leaf: &Leaf| {
        let image = image_of(leaf, series);
        let case = image.map_or_else(|| leaf.place(), |image| image.item.case.clone());
        let name = apart(&format!("{case}-labels"), &mut taken);
        let suffix = name.strip_prefix(case.as_str()).unwrap_or_default().to_owned();
        let on = image.map(|image| image.item.source.clone());
        let series = image.and_then(|image| image.item.series.clone());
        Item { source: leaf.path.clone(), case, suffix, series, on, is_label: true, ..Item::default() }
    };
    tree.leaves.iter().filter(|leaf| leaf.kind == Kind::Object).map(item).collect()
}

/// The series that an object refers to, else the only one in the folders around it.
fn image_of<'a>(leaf: &Leaf, series: &'a [Series]) -> Option<&'a Series> {
    let stated = drawn_on(Path::new(&leaf.path));
    if let Some(found) = series.iter().find(|series| stated.contains(&series.uid)) {
        return Some(found);
    }
    for depth in (0..=leaf.folders.len()).rev() {
        let around = &leaf.folders[..depth];
        let mut near = series.iter().filter(|series| series.folders.starts_with(around));
        match (near.next(), near.next()) {
            (Some(only), None) => return Some(only),
            (Some(_), Some(_)) => return None,
            (None, _) => {}
        }
    }
    None
}
