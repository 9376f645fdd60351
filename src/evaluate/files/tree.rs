//! What lies below a folder, as far as it can hold labels or images.

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::volume::dicom::{self, Content};
use crate::volume::format;

/// Deepest folder that is looked into.
const DEEPEST: usize = 12;
/// Endings of surfaces.
const SURFACES: [&str; 3] = [".stl", ".obj", ".ply"];
/// Endings of pictures.
const PICTURES: [&str; 3] = [".png", ".tif", ".tiff"];
/// Endings of files that are not opened to see whether they are DICOM.
const NO_DICOM: [&str; 22] = [
    ".csv", ".tsv", ".json", ".txt", ".md", ".xml", ".pdf", ".xlsx", ".xls", ".yaml", ".yml", ".toml", ".py", ".zip",
    ".gz", ".bval", ".bvec", ".html", ".log", ".pkl", ".raw", ".img",
];

/// What a file is: by its name, DICOM by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NIfTI or NRRD, also `.seg.nrrd`.
    Volume,
    /// PNG or TIFF.
    Picture,
    /// STL, OBJ or PLY.
    Surface,
    /// DICOM SEG or RTSTRUCT.
    Object,
    /// A DICOM image.
    Slice,
}

/// A file.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The file.
    pub path: PathBuf,
    /// The folders on the way to it from the root.
    pub folders: Vec<String>,
    /// Its name without the ending.
    pub stem: String,
    /// What it is.
    pub kind: Kind,
}

impl Leaf {
    /// The way to it from the root, without the ending.
    pub fn place(&self) -> String {
        let parts = self.folders.iter().map(String::as_str).chain([self.stem.as_str()]);
        parts.collect::<Vec<_>>().join("/")
    }
}

/// All files below a folder that may hold labels or images, in the order of their paths.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The folder.
    pub root: PathBuf,
    /// The files.
    pub leaves: Vec<Leaf>,
    /// Number of other files.
    pub others: usize,
}

impl Tree {
    /// Lists a folder, or a file as the only one. Hidden files are skipped; what may be DICOM is opened as far as its pixels.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        match std::fs::metadata(root)?.is_dir() {
            true => walk(root, &mut Vec::new(), &mut files)?,
            false => files.push((Vec::new(), root.to_owned())),
        }
        files.sort_by(|a, b| a.1.cmp(&b.1));
        let count = files.len();
        let leaves: Vec<Leaf> = files.into_par_iter().filter_map(|(folders, path)| leaf(folders, path)).collect();
        Ok(Self { root: root.into(), others: count - leaves.len(), leaves })
    }

    /// Files that hold labels, not slices of DICOM images.
    pub fn labels(&self) -> impl Iterator<Item = &Leaf> + Clone {
        self.leaves.iter().filter(|leaf| leaf.kind != Kind::Slice)
    }
}

fn walk(folder: &Path, folders: &mut Vec<String>, files: &mut Vec<(Vec<String>, PathBuf)>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // macOS writes `._a.nii` beside `a.nii` on foreign disks.
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if !path.is_dir() {
            files.push((folders.clone(), path));
        } else if folders.len() < DEEPEST {
            folders.push(name);
            walk(&path, folders, files)?;
            folders.pop();
        }
    }
    Ok(())
}

fn leaf(folders: Vec<String>, path: PathBuf) -> Option<Leaf> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let short = || name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned());
    let (kind, stem) = match format::stem(&name) {
        _ if ends(&SURFACES) => (Kind::Surface, short()),
        Some(stem) if ends(&PICTURES) => (Kind::Picture, stem.to_owned()),
        Some(stem) if !ends(&[".dcm"]) => (Kind::Volume, stem.to_owned()),
        _ if ends(&NO_DICOM) => return None,
        _ => {
            let kind = match dicom::content_of(&path) {
                Ok(Some(content)) if content.holds_labels() => Kind::Object,
                Ok(Some(Content::Image)) => Kind::Slice,
                // A damaged file of this name is told when it is read.
                Err(_) if ends(&[".dcm"]) => Kind::Object,
                _ => return None,
            };
            (kind, if ends(&[".dcm"]) { short() } else { name.clone() })
        }
    };
    (!stem.is_empty()).then_some(Leaf { path, folders, stem, kind })
}
