//! Finds the series below a folder.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_dictionary_std::{tags, uids};
use rayon::prelude::*;

use super::file::DicomFile;
use super::plane::{Instance, Plane, planes};
use super::stack::{Stack, stacks};
use super::value::Values;
use super::{damaged, unsupported};
use crate::ReadError;

/// Classes of objects that hold pixel data but are not image series.
const DERIVED_OBJECTS: [&str; 2] = [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE];

/// What [`scan`] found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Series and their stacks, in the order of their files' names.
    pub series: Vec<SeriesSummary>,
    /// DICOM files that cannot be read at all, so that their series is unknown.
    pub damaged: Vec<ReadError>,
}

/// What kind of objects a series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Images that [`super::read_series`] takes.
    Image,
    /// Segmentation objects (DICOM SEG).
    Segmentation,
    /// Anything else: reports, contours, plans.
    Other,
}

/// One series, or one stack of a series that holds several.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSummary {
    /// SeriesInstanceUID; empty where the files state none.
    pub uid: String,
    /// SeriesDescription; empty where the files state none.
    pub description: String,
    /// Modality: CT, MR, PT, SEG, …
    pub modality: String,
    /// What the series holds.
    pub content: Content,
    /// Which part of the series this is ("axial", "b-value 800"); `None` where the series is one stack.
    pub stack: Option<String>,
    /// Number of files.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// Images, rows and columns, `[z, y, x]`; 0 where a series holds no image.
    pub shape: [usize; 3],
    /// One of the files.
    pub example: PathBuf,
    /// Why the series cannot be read, as far as its headers tell.
    pub problem: Option<String>,
}

impl SeriesSummary {
    /// One line: modality, description, stack, shape and UID.
    pub fn line(&self) -> String {
        let [z, y, x] = self.shape;
        let stack = self.stack.as_deref().map(|stack| format!(" [{stack}]")).unwrap_or_default();
        let uid = if self.uid.is_empty() { "no UID" } else { &self.uid };
        format!("{} \"{}\"{stack}: {z} × {y} × {x}, {} file(s), {uid}", self.modality, self.description, self.files)
    }
}

/// Lists the series in a folder and everything below it, or in one file. Content decides what a file is, not its name.
///
/// # Errors
/// [`ReadError::Open`] where the folder cannot be listed.
pub fn scan(path: &Path) -> Result<Scan, ReadError> {
    let found = find(path)?;
    Ok(Scan { series: found.groups.iter().map(|group| group.summary.clone()).collect(), damaged: found.damaged })
}

/// What kind of object a file is; `None` where it is not a DICOM file.
///
/// # Errors
/// [`ReadError`] where the file cannot be opened or is damaged.
pub fn content_of(path: &Path) -> Result<Option<Content>, ReadError> {
    let kind = |file: DicomFile| {
        let class = file.header.text(tags::SOP_CLASS_UID).unwrap_or_default();
        content(&class, file.pixels.is_some())
    };
    Ok(DicomFile::open(path)?.map(kind))
}

/// The only segmentation object of a folder, or the file itself.
///
/// # Errors
/// [`ReadError`] where a folder holds none or several.
pub fn only_segments(path: &Path) -> Result<PathBuf, ReadError> {
    if !path.is_dir() {
        return Ok(path.into());
    }
    let found = scan(path)?;
    let objects: Vec<_> = found.series.iter().filter(|series| series.content == Content::Segmentation).collect();
    match objects.as_slice() {
        [object] if object.files == 1 => Ok(object.example.clone()),
        _ => {
            let count: usize = objects.iter().map(|series| series.files).sum();
            Err(unsupported(path, format!("holds {count} segmentation objects: name one of the files")))
        }
    }
}

/// Stacks with their planes.
pub(super) struct Found {
    pub groups: Vec<Group>,
    pub damaged: Vec<ReadError>,
}

/// One stack of a series.
pub(super) struct Group {
    pub summary: SeriesSummary,
    pub planes: Vec<Plane>,
    /// The first file that cannot be read, and why.
    pub problem: Option<(PathBuf, String)>,
}

/// A file's planes, or why it has none.
struct Read {
    instance: Arc<Instance>,
    planes: Result<Vec<Plane>, String>,
}

/// Reads the headers below a folder.
pub(super) fn find(path: &Path) -> Result<Found, ReadError> {
    let mut files = Vec::new();
    list(path, &mut HashSet::new(), &mut files)?;
    files.sort();
    let read: Vec<Result<Option<Read>, ReadError>> = files.par_iter().map(|path| read(path)).collect();
    let (mut series, mut damaged): (BTreeMap<Key, Vec<Read>>, _) = (BTreeMap::new(), Vec::new());
    let mut order = Vec::new();
    for file in read {
        match file {
            Ok(Some(file)) => {
                let key = Key::of(&file.instance);
                if !series.contains_key(&key) {
                    order.push(key.clone());
                }
                series.entry(key).or_default().push(file);
            }
            Ok(None) => {}
            Err(error) => damaged.push(error),
        }
    }
    let groups = order.iter().filter_map(|key| series.remove(key)).flat_map(groups).collect();
    Ok(Found { groups, damaged })
}

/// Regular files below a folder, without hidden ones. A folder that is reached twice through links is listed once.
fn list(path: &Path, seen: &mut HashSet<PathBuf>, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let failed = |source| ReadError::Open { path: path.into(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    if !seen.insert(fs::canonicalize(path).map_err(failed)?) {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // macOS writes `._IM1.dcm` beside `IM1.dcm` on foreign disks.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // Sockets and dangling links are not images.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() || metadata.is_file() {
            list(&path, seen, files)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<Read>, ReadError> {
    let Some(file) = DicomFile::open(path)? else {
        let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("dcm"));
        return if named { Err(damaged(path, "is not a DICOM file, although its name says so")) } else { Ok(None) };
    };
    let instance = Arc::new(Instance::of(&file));
    if file.header.get(tags::DIRECTORY_RECORD_SEQUENCE).is_some() {
        return Ok(None);
    }
    let planes =
        if content(&instance.class, true) == Content::Image { planes(&file, &instance) } else { Ok(Vec::new()) };
    Ok(Some(Read { instance, planes }))
}

fn content(class: &str, has_image: bool) -> Content {
    if DERIVED_OBJECTS.contains(&class) {
        Content::Segmentation
    } else if has_image {
        Content::Image
    } else {
        Content::Other
    }
}

/// What the files of a series have in common: the UID; without one, all other series elements and the folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Vec<String>);

impl Key {
    fn of(instance: &Instance) -> Self {
        if !instance.series.is_empty() {
            return Self(vec![instance.series.clone()]);
        }
        let folder = instance.path.parent().map(|folder| folder.display().to_string());
        let Instance { study, modality, description, number, .. } = instance;
        Self(vec![folder.unwrap_or_default(), study.clone(), modality.clone(), description.clone(), number.clone()])
    }
}

/// The stacks of one series.
fn groups(files: Vec<Read>) -> Vec<Group> {
    let problem = files.iter().find_map(|file| {
        let reason = file.planes.as_ref().err()?;
        Some((file.instance.path.clone(), reason.clone()))
    });
    let instances: Vec<Arc<Instance>> = files.iter().map(|file| Arc::clone(&file.instance)).collect();
    let planes: Vec<Plane> = files.into_iter().flat_map(|file| file.planes.unwrap_or_default()).collect();
    let mut stacks = stacks(planes);
    if stacks.is_empty() {
        stacks.push(Stack { planes: Vec::new(), label: None });
    }
    let group = |stack: Stack| {
        let mut members: Vec<&Arc<Instance>> = stack.planes.iter().map(|plane| &plane.instance).collect();
        members.dedup_by(|a, b| Arc::ptr_eq(a, b));
        if members.is_empty() || problem.is_some() {
            members = instances.iter().collect();
        }
        let summary = summary(&stack, &members, problem.as_ref().map(|(_, reason)| reason.clone()));
        Group { summary, planes: stack.planes, problem: problem.clone() }
    };
    stacks.into_iter().map(group).collect()
}

fn summary(stack: &Stack, members: &[&Arc<Instance>], problem: Option<String>) -> SeriesSummary {
    let first = members.first();
    let text = |field: fn(&Instance) -> &String| first.map(|instance| field(instance).clone()).unwrap_or_default();
    let [rows, columns] = stack.planes.first().map_or([0, 0], |plane| plane.size);
    SeriesSummary {
        uid: text(|instance| &instance.series),
        description: text(|instance| &instance.description),
        modality: text(|instance| &instance.modality),
        content: content(&text(|instance| &instance.class), !stack.planes.is_empty() || problem.is_some()),
        stack: stack.label.clone(),
        files: members.len(),
        bytes: members.iter().map(|instance| instance.bytes).sum(),
        shape: [stack.planes.len(), rows, columns],
        example: first.map(|instance| instance.path.clone()).unwrap_or_default(),
        problem,
    }
}
