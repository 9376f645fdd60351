//! One side of a comparison: which files of a folder hold the labels of which case. A folder has several readings; pairing chooses the
//! one that fits the other side.

mod group;
mod objects;
mod prefixed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::pair::PairError;
use super::tree::{Kind, Leaf, Tree};
use crate::volume::{dicom, format};
use group::{Content, Groups};
pub use group::{in_order, short, tells};
pub use prefixed::by_themselves;

/// The labels of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One file of any format.
    File(PathBuf),
    /// The only mask of a case, whose file may be called as its structure.
    Mask {
        /// The name of the file, without that of the case.
        name: String,
        /// The file.
        path: PathBuf,
        /// Whether its name is that of the case, too, and may say nothing of the structure.
        is_case: bool,
    },
    /// Name and mask (or surface) of each structure.
    Masks(Vec<(String, PathBuf)>),
    /// A label picture per slice.
    Slices(Vec<PathBuf>),
    /// DICOM SEG and RTSTRUCT, each with some of the structures.
    Objects(Vec<PathBuf>),
}

impl Source {
    /// Its files.
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::File(path) | Self::Mask { path, .. } => vec![path],
            Self::Masks(masks) => masks.iter().map(|(_, path)| path.as_path()).collect(),
            Self::Slices(files) | Self::Objects(files) => files.iter().map(PathBuf::as_path).collect(),
        }
    }

    /// What to name in messages: the file, or the folder of the files.
    pub fn path(&self) -> &Path {
        match (self, self.files().as_slice()) {
            (Self::File(_) | Self::Mask { .. } | Self::Objects(_), [file]) => file,
            (_, [first, ..]) => first.parent().unwrap_or(first),
            (_, []) => Path::new(""),
        }
    }
}

/// How folders are to be read where they leave a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Each file is a case.
    Files,
    /// The files of a folder are masks, one per structure of a case.
    Masks,
    /// The files of a folder are label pictures, one per slice of a case.
    Slices,
}

/// What makes up a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The file that was named.
    File,
    /// Files, named by their place below the folder.
    Files,
    /// Files, named by their own names, wherever they lie.
    Names,
    /// The only label file of each folder.
    Folders,
    /// Folders with a mask per structure.
    Masks,
    /// Masks that are called as case and structure.
    Prefixed,
    /// Folders with a picture per slice.
    Slices,
    /// Folders with DICOM objects.
    Objects,
    /// DICOM objects of a patient.
    Patients,
    /// DICOM objects drawn on a series.
    Series,
}

impl Form {
    /// Its name in messages, for several cases.
    pub fn words(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Files | Self::Names => "label files",
            Self::Folders => "folders with one label file each",
            Self::Masks => "folders with a mask per structure",
            Self::Prefixed => "masks or surfaces called CASE-STRUCTURE",
            Self::Slices => "folders with a label picture per slice",
            Self::Objects => "folders with DICOM SEG or RTSTRUCT",
            Self::Patients => "patients with DICOM SEG or RTSTRUCT",
            Self::Series => "DICOM series with SEG or RTSTRUCT",
        }
    }

    fn is(self, layout: Layout) -> bool {
        match layout {
            Layout::Files => matches!(self, Self::Files | Self::Names),
            Layout::Masks => matches!(self, Self::Masks | Self::Prefixed),
            Layout::Slices => self == Self::Slices,
        }
    }
}

/// One way to read a folder.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What makes up a case.
    pub form: Form,
    /// The labels of each case.
    pub cases: BTreeMap<String, Source>,
    /// The less, the likelier.
    pub rank: usize,
    /// Whether the only case is all that was named, so that its name says nothing.
    pub alone: bool,
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// The file or folder that was named.
    pub root: PathBuf,
    /// Whether it is a file.
    pub is_file: bool,
    /// Its readings.
    pub readings: Vec<Reading>,
    /// Names that several files have, with their number.
    pub repeated: Vec<(String, usize)>,
}

impl Side {
    /// Finds the readings of a file or folder.
    ///
    /// # Errors
    /// [`PairError`]: a path that cannot be listed, a folder without labels, two files of one name.
    pub fn of(path: &Path, layout: Option<Layout>) -> Result<Self, PairError> {
        let failed = |source| PairError::List { path: path.to_owned(), source };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            return Ok(Self { root: path.into(), is_file: true, readings: vec![single(path)], repeated: Vec::new() });
        }
        let tree = Tree::of(path).map_err(failed)?;
        if tree.labels().next().is_none() {
            return Err(PairError::Empty { path: path.to_owned(), seen: seen(&tree) });
        }
        let mut readings = readings(&tree, layout)?;
        if let Some(layout) = layout.filter(|layout| readings.iter().any(|reading| reading.form.is(*layout))) {
            readings.retain(|reading| reading.form.is(layout));
        }
        Ok(Self { root: path.into(), is_file: false, readings, repeated: repeated(&tree) })
    }

    /// With the reading of files that are called CASE-STRUCTURE, if they are; `cases`: names of cases known from elsewhere.
    #[must_use]
    pub fn with_prefixed(mut self, cases: &BTreeSet<String>) -> Self {
        let tree = if self.is_file { None } else { Tree::of(&self.root).ok() };
        self.readings.extend(tree.and_then(|tree| prefixed::reading(&tree, cases)));
        self
    }

    /// The names that its cases may have.
    pub fn names(&self) -> BTreeSet<String> {
        self.readings.iter().flat_map(|reading| reading.cases.keys().cloned()).collect()
    }

    /// What was seen: number, form and three examples.
    pub fn seen(&self) -> String {
        let Some(first) = self.readings.iter().min_by_key(|reading| reading.rank) else { return "nothing".into() };
        let names: Vec<String> = first.cases.keys().take(3).map(|name| format!("`{name}`")).collect();
        let more = if first.cases.len() > 3 { ", …" } else { "" };
        format!("{}: {} {} ({}{more})", self.root.display(), first.cases.len(), first.form.words(), names.join(", "))
    }
}

/// What a folder without labels holds.
fn seen(tree: &Tree) -> String {
    match (tree.leaves.len(), tree.others) {
        (0, 0) => "it is empty".into(),
        (0, others) => format!("{others} other files"),
        (slices, 0) => format!("{slices} DICOM slices, which hold no labels"),
        (slices, others) => format!("{slices} DICOM slices, which hold no labels, and {others} other files"),
    }
}

/// A file without the ending of an image has its whole name.
fn single(path: &Path) -> Reading {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = format::stem(&name).map_or_else(|| name.clone(), str::to_owned);
    let source = Source::Mask { name: stem.clone(), path: path.into(), is_case: true };
    let cases = BTreeMap::from([(stem, source)]);
    Reading { form: Form::File, cases, rank: 0, alone: true }
}

fn repeated(tree: &Tree) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    tree.labels().for_each(|leaf| *counts.entry(&leaf.stem).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, count)| (name.to_owned(), count)).collect()
}

fn readings(tree: &Tree, layout: Option<Layout>) -> Result<Vec<Reading>, PairError> {
    let mut found = by_file(tree)?;
    let groups = Groups::of(tree, |leaf| leaf.kind != Kind::Object);
    for depth in groups.depths() {
        found.extend(groups.of_depth(depth).readings(groups.depths().len() > 1));
    }
    found.extend(objects::readings(tree));
    found.extend(whole(tree, layout));
    Ok(found)
}

/// Each file is a case: named by its place, and in a tree by its own name, if no other has it.
fn by_file(tree: &Tree) -> Result<Vec<Reading>, PairError> {
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut names: BTreeMap<String, Source> = BTreeMap::new();
    let (mut count, mut nested) = (0, false);
    for leaf in tree.labels() {
        if let Some(first) = places.insert(leaf.place(), leaf.path.clone()) {
            return Err(PairError::Twice { case: leaf.place(), first, second: leaf.path.clone() });
        }
        names.insert(leaf.stem.clone(), Source::File(leaf.path.clone()));
        (count, nested) = (count + 1, nested || !leaf.folders.is_empty());
    }
    let cases = places.into_iter().map(|(place, path)| (place, Source::File(path))).collect();
    let mut found = vec![Reading { form: Form::Files, cases, rank: if nested { 50 } else { 0 }, alone: false }];
    if nested && names.len() == count {
        found.push(Reading { form: Form::Names, cases: names, rank: 60, alone: false });
    }
    Ok(found)
}

/// The folder itself is one case: masks of structures with known names, a stack of pictures, or DICOM objects.
fn whole(tree: &Tree, layout: Option<Layout>) -> Vec<Reading> {
    let flat: Vec<&Leaf> = tree.labels().collect();
    if flat.iter().any(|leaf| !leaf.folders.is_empty()) {
        return Vec::new();
    }
    let name = tree.root.file_name().map_or_else(|| "case".into(), |name| name.to_string_lossy().into_owned());
    let one = |form, source| Reading { form, cases: BTreeMap::from([(name.clone(), source)]), rank: 90, alone: true };
    let mut found = Vec::new();
    if flat.iter().all(|leaf| leaf.kind == Kind::Object) {
        found.push(one(Form::Objects, Source::Objects(group::paths(&flat))));
    }
    if flat.iter().all(|leaf| leaf.kind == Kind::Picture) {
        found.push(one(Form::Slices, Source::Slices(group::in_order(&flat))));
    }
    let known = flat.iter().filter(|leaf| dicom::coding(&leaf.stem).is_some()).count();
    let are_masks = || group::content(flat[0]) == Content::Mask;
    if layout == Some(Layout::Masks) || known >= flat.len().min(2) && are_masks() {
        found.push(one(Form::Masks, group::masks(&flat)));
    }
    found
}
