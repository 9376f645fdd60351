//! What lies in a folder: every file with its kind, and the identity of DICOM files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dataset::DataError;
use crate::dataset::layout::visible_entries;
use crate::volume::dicom::{Identity, identity};
use crate::volume::format;

/// Deepest folder that is looked into.
const DEEPEST: usize = 12;
/// Largest number of files listed.
const MOST_FILES: usize = 500_000;

/// Kind of a file, by its name; DICOM by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// NIfTI or NRRD.
    Volume,
    /// Segments with names (`.seg.nrrd`).
    Segments,
    /// PNG or TIFF.
    Picture,
    /// STL, OBJ or PLY.
    Surface,
    /// DICOM.
    Dicom,
    /// An image in a format that is not read.
    Unread,
    /// Tables, texts and others.
    Other,
}

impl Kind {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Volume => "NIfTI or NRRD",
            Self::Segments => ".seg.nrrd",
            Self::Picture => "PNG or TIFF",
            Self::Surface => "STL, OBJ or PLY",
            Self::Dicom => "DICOM",
            Self::Unread => "unsupported image",
            Self::Other => "other",
        }
    }
}

/// Endings of images that segspec does not read.
const UNREAD: [&str; 10] = [".mha", ".mhd", ".jpg", ".jpeg", ".bmp", ".npy", ".npz", ".mgz", ".h5", ".mnc"];
/// Endings of files that are not opened to see whether they are DICOM.
const NO_DICOM: [&str; 22] = [
    ".csv", ".tsv", ".json", ".txt", ".md", ".xml", ".pdf", ".xlsx", ".xls", ".yaml", ".yml", ".toml", ".py", ".zip",
    ".gz", ".bval", ".bvec", ".html", ".log", ".pkl", ".raw", ".img",
];

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Path relative to the folder, with `/`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// DICOM: whom it belongs to.
    pub identity: Option<Identity>,
}

impl Item {
    /// The path of its folder; empty for the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its name without the ending of an image.
    pub fn stem(&self) -> &str {
        format::stem(self.name()).unwrap_or(self.name().rsplit_once('.').map_or(self.name(), |(stem, _)| stem))
    }

    /// The ending with its dot.
    pub fn ending(&self) -> &str {
        &self.name()[self.stem().len()..]
    }
}

/// Everything below a folder.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    /// The folder.
    pub root: PathBuf,
    /// The files, sorted by path.
    pub items: Vec<Item>,
}

impl Survey {
    /// Lists a folder. DICOM files are opened as far as their pixel data.
    pub fn of(root: &Path) -> Result<Self, DataError> {
        let mut paths = Vec::new();
        walk(root, "", DEEPEST, &mut paths)?;
        paths.sort();
        let item = |path: String| {
            let kind = kind_of(&path);
            let asked = kind == Kind::Other && !has_ending(&path, &NO_DICOM);
            let identity = if asked { identity(&root.join(&path)).ok().flatten() } else { None };
            Item { kind: if identity.is_some() { Kind::Dicom } else { kind }, path, identity }
        };
        let items = paths.into_par_iter().map(item).collect();
        Ok(Self { root: root.into(), items })
    }

    /// Absolute path of a file.
    pub fn place(&self, item: &Item) -> PathBuf {
        self.root.join(&item.path)
    }

    /// Whether there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.items.binary_search_by(|item| item.path.as_str().cmp(path)).is_ok()
    }

    /// The file of this path, or the files below this folder; `.` and the empty path are the folder itself.
    pub fn below(&self, place: &str) -> &[Item] {
        if place.is_empty() || place == "." {
            return &self.items;
        }
        let folder = format!("{place}/");
        let first = self.items.partition_point(|item| item.path.as_str() < place);
        if self.items.get(first).is_some_and(|item| item.path == place) {
            return &self.items[first..=first];
        }
        let first = self.items.partition_point(|item| item.path.as_str() < folder.as_str());
        let count = self.items[first..].iter().take_while(|item| item.path.starts_with(&folder)).count();
        &self.items[first..first + count]
    }

    /// Files of some kinds.
    pub fn of_kinds(&self, kinds: &[Kind]) -> impl Iterator<Item = &Item> + Clone {
        self.items.iter().filter(move |item| kinds.contains(&item.kind))
    }

    /// Number of files by kind and depth, in words.
    pub fn seen(&self) -> String {
        let mut counts: BTreeMap<(Kind, usize), usize> = BTreeMap::new();
        for item in &self.items {
            *counts.entry((item.kind, item.path.matches('/').count())).or_default() += 1;
        }
        let words = |((kind, depth), count): (&(Kind, usize), &usize)| {
            let place = match depth {
                0 => "in the folder itself".to_owned(),
                1 => "one folder down".to_owned(),
                depth => format!("{depth} folders down"),
            };
            format!("{count} {} {} {place}", kind.name(), if *count == 1 { "file" } else { "files" })
        };
        match counts.is_empty() {
            true => "no file".into(),
            false => counts.iter().map(words).collect::<Vec<_>>().join(", "),
        }
    }
}

fn kind_of(path: &str) -> Kind {
    let lower = path.to_ascii_lowercase();
    let ends = |endings: &[&str]| has_ending(&lower, endings);
    match () {
        () if ends(&[".seg.nrrd"]) => Kind::Segments,
        () if ends(&[".nii", ".nii.gz", ".nrrd", ".nhdr", ".hdr"]) => Kind::Volume,
        () if ends(&[".png", ".tif", ".tiff"]) => Kind::Picture,
        () if ends(&[".stl", ".obj", ".ply"]) => Kind::Surface,
        () if ends(&UNREAD) => Kind::Unread,
        () => Kind::Other,
    }
}

fn has_ending(path: &str, endings: &[&str]) -> bool {
    let lower = path.to_ascii_lowercase();
    endings.iter().any(|ending| lower.ends_with(ending))
}

fn walk(root: &Path, below: &str, depth: usize, files: &mut Vec<String>) -> Result<(), DataError> {
    for entry in visible_entries(&root.join(below))? {
        let path = if below.is_empty() { entry } else { format!("{below}/{entry}") };
        if root.join(&path).is_dir() {
            if depth > 1 && files.len() < MOST_FILES {
                walk(root, &path, depth - 1, files)?;
            }
        } else if files.len() < MOST_FILES {
            files.push(path);
        }
    }
    Ok(())
}
