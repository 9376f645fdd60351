//! Finds the series below a folder.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_dictionary_std::tags;
use rayon::prelude::*;

use super::file::DicomFile;
use super::kind::{Content, kind};
use super::plane::{Instance, Plane, planes};
use super::stack::{Stack, orientation, stacks};
use super::{damaged, unsupported};
use crate::ReadError;

/// Most files named in a message.
const NAMED: usize = 5;

/// What [`scan`] found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Series and their stacks, in the order of their files' names.
    pub series: Vec<SeriesSummary>,
    /// DICOM files that cannot be read at all, so that their series is unknown.
    pub damaged: Vec<ReadError>,
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
    /// SeriesNumber; empty where the files state none.
    pub number: String,
    /// What the series holds.
    pub content: Content,
    /// The same for people: "image", "report (SR)".
    pub what: String,
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
    /// One line: modality, description, stack, shape or what it is, number of files, series number and UID.
    pub fn line(&self) -> String {
        let [z, y, x] = self.shape;
        let stack = self.stack.as_deref().map(|stack| format!(" [{stack}]")).unwrap_or_default();
        let uid = if self.uid.is_empty() { "no UID" } else { &self.uid };
        let number = if self.number.is_empty() { String::new() } else { format!(", number {}", self.number) };
        let what = match (self.content, z) {
            (Content::Image, _) => format!("{z} × {y} × {x}"),
            (_, 0) => self.what.clone(),
            _ => format!("{}, {z} × {y} × {x}", self.what),
        };
        format!("{} \"{}\"{stack}: {what}, {} file(s){number}, {uid}", self.modality, self.description, self.files)
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
    Ok(DicomFile::open(path)?.map(|file| kind(&file.header, file.pixels.is_some()).0))
}

/// What a file is called for people ("report (SR)"); `None` where it is not a DICOM file.
///
/// # Errors
/// [`ReadError`] where the file cannot be opened or is damaged.
pub fn name_of(path: &Path) -> Result<Option<String>, ReadError> {
    Ok(DicomFile::open(path)?.map(|file| kind(&file.header, file.pixels.is_some()).1))
}

/// The only segmentation object of a folder, or the file itself.
///
/// # Errors
/// [`ReadError`] where a folder holds none or several.
pub fn only_segments(path: &Path) -> Result<PathBuf, ReadError> {
    let mut objects = label_objects(path, Content::Segmentation)?;
    if objects.len() == 1 {
        return Ok(objects.remove(0));
    }
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = objects.iter().take(NAMED).map(name).collect();
    let more = if objects.len() > NAMED { ", …" } else { "" };
    let remedy = "name one of the files; in a dataset, set `labels.by-name = true` to read all of them";
    let list = if names.is_empty() { String::new() } else { format!(" ({}{more})", names.join(", ")) };
    Err(unsupported(path, format!("holds {} segmentation objects{list}: {remedy}", objects.len())))
}

/// Files of one kind of labels in a folder, in the order of their names, or the file itself.
///
/// # Errors
/// [`ReadError`] where the folder cannot be listed.
pub fn label_objects(path: &Path, content: Content) -> Result<Vec<PathBuf>, ReadError> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let groups = find(path)?.groups.into_iter().filter(|group| group.summary.content == content);
    let mut files: Vec<PathBuf> = groups.flat_map(|group| group.files).collect();
    files.sort();
    Ok(files)
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
    /// The anatomical plane nearest to its images, where they have a position.
    pub orientation: Option<&'static str>,
    /// All its files.
    pub files: Vec<PathBuf>,
}

/// A file's planes, or why it has none.
struct Read {
    instance: Arc<Instance>,
    content: Content,
    what: String,
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
                let key = Key::of(&file);
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
    let (content, what) = kind(&file.header, file.pixels.is_some());
    let planes = match content {
        Content::Derived if file.header.get(tags::DOSE_GRID_SCALING).is_some() => Err(format!("is a {what}, no image")),
        _ if content.has_pixels() => planes(&file, &instance),
        _ => Ok(Vec::new()),
    };
    Ok(Some(Read { instance, content, what, planes }))
}

/// What the files of a series have in common: the UID; without one, all other series elements and the folder. A page or a localiser
/// that was filed under the UID of an image series is one of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Vec<String>, Content);

impl Key {
    fn of(Read { instance, content, .. }: &Read) -> Self {
        if !instance.series.is_empty() {
            return Self(vec![instance.series.clone()], *content);
        }
        let folder = instance.path.parent().map(|folder| folder.display().to_string());
        let Instance { study, modality, description, number, .. } = instance.as_ref();
        let parts = [&folder.unwrap_or_default(), study, modality, description, number];
        Self(parts.map(String::clone).to_vec(), *content)
    }
}

/// The stacks of one series.
fn groups(files: Vec<Read>) -> Vec<Group> {
    let kind = files.first().map_or((Content::Other, String::new()), |file| (file.content, file.what.clone()));
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
        let summary = summary(&stack, &members, &kind, problem.as_ref().map(|(_, reason)| reason.clone()));
        let orientation = stack.planes.first().and_then(|plane| plane.place).map(|place| orientation(&place));
        let files = members.iter().map(|instance| instance.path.clone()).collect();
        Group { summary, planes: stack.planes, problem: problem.clone(), orientation, files }
    };
    stacks.into_iter().map(group).collect()
}

fn summary(
    stack: &Stack,
    members: &[&Arc<Instance>],
    (content, what): &(Content, String),
    problem: Option<String>,
) -> SeriesSummary {
    let first = members.first();
    let text = |field: fn(&Instance) -> &String| first.map(|instance| field(instance).clone()).unwrap_or_default();
    let [rows, columns] = stack.planes.first().map_or([0, 0], |plane| plane.size);
    SeriesSummary {
        uid: text(|instance| &instance.series),
        description: text(|instance| &instance.description),
        modality: text(|instance| &instance.modality),
        number: text(|instance| &instance.number),
        content: *content,
        what: what.clone(),
        stack: stack.label.clone(),
        files: members.len(),
        bytes: members.iter().map(|instance| instance.bytes).sum(),
        shape: [stack.planes.len(), rows, columns],
        example: first.map(|instance| instance.path.clone()).unwrap_or_default(),
        problem,
    }
}
