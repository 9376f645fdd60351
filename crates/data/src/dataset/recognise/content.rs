//! Labels told by their content where names say nothing: few whole values, most of them 0.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::part::{Part, Parts};
use super::survey::{Item, Survey};
use crate::dataset::read::GRID_TOLERANCE;
use crate::volume::{ReadError, read_header, read_label_map};

/// Most names whose files are read.
const MOST_NAMES: usize = 400;
/// Most bytes of files that are read.
const MOST_BYTES: u64 = 2 << 30;
/// Files that are read of each name.
const PER_NAME: usize = 2;
/// Files that are read of each folder.
const PER_FOLDER: usize = 3;
/// Most folders that are told apart: one for images, others for labels, and some more.
const MOST_FOLDERS: usize = 12;
/// Images that are looked at before they are taken for masks.
const LOOKED_AT: usize = 6;
/// Endings of volumes.
const VOLUMES: [&str; 5] = [".nii", ".nii.gz", ".nrrd", ".nhdr", ".hdr"];
/// Most values of a label map.
const MOST_VALUES: usize = 64;

/// Files that hold labels although no word in their names says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Labelled {
    /// By their whole name.
    names: BTreeSet<String>,
    /// By the name of a folder at a depth.
    folders: BTreeSet<(usize, String)>,
}

impl Labelled {
    /// Whether a file is one of them.
    pub fn holds(&self, item: &Item) -> bool {
        let mut levels = item.folder().split('/').enumerate();
        self.names.contains(item.name()) || levels.any(|(depth, name)| self.folders.contains(&(depth, name.to_owned())))
    }

    /// Some of the names of files or folders.
    pub fn some(&self) -> Vec<String> {
        let folders = self.folders.iter().map(|(_, name)| format!("{name}/"));
        self.names.iter().cloned().chain(folders).take(5).collect()
    }
}

/// What the content of files without telling names says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// Nothing.
    Nothing,
    /// These are labels, the others images.
    Labels(Labelled),
    /// All are labels: an example.
    OnlyLabels(String),
}

/// Content of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Labels,
    /// One value: a mask of what is not in the image, or nothing.
    Even,
    Image,
    Unread,
}

impl Content {
    fn of(survey: &Survey, part: &Part) -> Self {
        let path = survey.root.join(part.path());
        let label = match read_label_map(&path) {
            Ok(label) => label,
            // Fractions and negative values are those of images.
            Err(ReadError::Unsupported { .. }) if read_header(&path).is_ok() => return Self::Image,
            Err(_) => return Self::Unread,
        };
        let mut present = vec![false; usize::from(u16::MAX) + 1];
        label.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
        let values = present.iter().filter(|is_present| **is_present).count();
        let zeros = label.voxels.iter().filter(|value| **value == 0).count();
        match values {
            0 | 1 => Self::Even,
            2..=MOST_VALUES if 2 * zeros > label.voxels.len() => Self::Labels,
            _ => Self::Image,
        }
    }
}

/// Looks at files whose names do not tell images from labels.
pub(super) fn told(survey: &Survey, parts: &Parts) -> Told {
    let is_file = |part: &&Part| !part.ending.is_empty();
    let images: Vec<&Part> = parts.images.iter().filter(is_file).collect();
    if images.is_empty() {
        let labels: Vec<&Part> = parts.labels.iter().filter(is_file).collect();
        // The names already say that they are labels.
        return match by_name(survey, &labels) {
            Told::OnlyLabels(example) => Told::OnlyLabels(example),
            _ => Told::Nothing,
        };
    }
    // Few files tell folders apart.
    by_folder(survey, &images).map_or_else(|| by_name(survey, &images), Told::Labels)
}

/// An example of the images that are masks by their content, if no image is among those that are looked at.
pub(super) fn only_masks(survey: &Survey, parts: &Parts) -> Option<String> {
    // A picture may well have two values.
    let volumes = parts.images.iter().all(|part| VOLUMES.contains(&part.ending.to_ascii_lowercase().as_str()));
    let mut example = None;
    for part in spread(&parts.images, LOOKED_AT).filter(|_| volumes) {
        match Content::of(survey, part) {
            Content::Image => return None,
            Content::Labels => example = example.or(Some(part.path())),
            Content::Even | Content::Unread => {}
        }
    }
    example
}

/// At most `count` items at equal distances.
fn spread<T>(items: &[T], count: usize) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(count).max(1))
}

/// `ct.nii.gz` and `organs.nii.gz` in the folders of the cases, or masks called like organs: what is called alike is alike.
fn by_name(survey: &Survey, files: &[&Part]) -> Told {
    let mut named: BTreeMap<String, Vec<&Part>> = BTreeMap::new();
    for part in files {
        named.entry(format!("{}{}", part.stem, part.ending)).or_default().push(part);
    }
    let named: Vec<(String, Vec<&Part>)> = named.into_iter().collect();
    let sampled = sampled(survey, &named);
    let read: Vec<(&String, &Part, Content)> =
        sampled.par_iter().map(|(name, part)| (*name, *part, Content::of(survey, part))).collect();
    let of = |wanted: Content| -> BTreeSet<&String> {
        read.iter().filter(|(_, _, content)| *content == wanted).map(|(name, ..)| *name).collect()
    };
    let (labels, images, even) = (of(Content::Labels), of(Content::Image), of(Content::Even));
    let complete = named.last().is_some_and(|(last, _)| sampled.last().is_some_and(|(name, _)| *name == last));
    let example = read.iter().find(|(_, _, content)| *content == Content::Labels).map(|(_, part, _)| part.path());
    match example {
        Some(example) if images.is_empty() && complete && named.len() <= MOST_NAMES => Told::OnlyLabels(example),
        Some(_) if !images.is_empty() && labels.is_disjoint(&images) => {
            // An empty mask is one among masks.
            let names = labels.union(&even).filter(|name| !images.contains(*name)).map(|name| (*name).clone());
            Told::Labels(Labelled { names: names.collect(), folders: BTreeSet::new() })
        }
        _ => Told::Nothing,
    }
}

/// Some files of each name, as many as time allows.
fn sampled<'a>(survey: &Survey, named: &'a [(String, Vec<&'a Part>)]) -> Vec<(&'a String, &'a Part)> {
    let mut bytes = 0;
    let affordable = |(_, part): &(&String, &Part)| {
        bytes += std::fs::metadata(survey.root.join(part.path())).map_or(0, |found| found.len());
        bytes <= MOST_BYTES
    };
    let files = |(name, all): &'a (String, Vec<&'a Part>)| spread(all, PER_NAME).map(move |part| (name, *part));
    spread(named, MOST_NAMES).flat_map(files).take_while(affordable).collect()
}

/// `Aufnahmen/1.nii.gz` and `Masken/1.nii.gz`: what lies in folders of one name is alike.
fn by_folder(survey: &Survey, files: &[&Part]) -> Option<Labelled> {
    let deepest = files.iter().map(|part| part.folder.split('/').count()).max()?;
    (0..deepest).find_map(|depth| {
        let mut folders: BTreeMap<&str, Vec<&Part>> = BTreeMap::new();
        for part in files {
            // A file above this depth belongs to none of them.
            let name = part.folder.split('/').nth(depth).filter(|name| !name.is_empty())?;
            folders.entry(name).or_default().push(part);
        }
        if !(2..=MOST_FOLDERS).contains(&folders.len()) {
            return None;
        }
        let (labels, images) = apart(survey, &folders)?;
        // A single label may lie on another grid; that case is told later.
        let fits = |name: &&str| spread(&folders[name], PER_FOLDER).any(|part| on_grid(survey, part, depth, &images));
        let same = labels.iter().all(fits);
        let folders = labels.iter().map(|name| (depth, (*name).to_owned())).collect();
        same.then(|| Labelled { names: BTreeSet::new(), folders })
    })
}

/// The folders of labels and those of images; `None` unless there are both, and nothing else.
fn apart<'a>(survey: &Survey, folders: &BTreeMap<&'a str, Vec<&Part>>) -> Option<(Vec<&'a str>, Vec<&'a str>)> {
    let (mut labels, mut images) = (Vec::new(), Vec::new());
    for (name, all) in folders {
        let sampled: Vec<&Part> = spread(all, PER_FOLDER).copied().collect();
        let contents: Vec<Content> = sampled.par_iter().map(|part| Content::of(survey, part)).collect();
        match [Content::Labels, Content::Image].map(|wanted| contents.contains(&wanted)) {
            [true, false] => labels.push(*name),
            [false, true] => images.push(*name),
            _ => return None,
        }
    }
    (!labels.is_empty() && !images.is_empty()).then_some((labels, images))
}

/// Whether a label is on the grid of the image of the same name in another folder, if there is one.
fn on_grid(survey: &Survey, label: &Part, depth: usize, images: &[&str]) -> bool {
    let header = |path: &str| read_header(&survey.root.join(path)).ok().map(|header| header.geometry);
    let image = images.iter().find_map(|name| {
        let mut levels: Vec<&str> = label.folder.split('/').collect();
        *levels.get_mut(depth)? = name;
        header(&Part { folder: levels.join("/"), ..label.clone() }.path())
    });
    match (image, header(&label.path())) {
        (Some(image), Some(label)) => image.same_grid(&label, GRID_TOLERANCE).is_ok(),
        _ => true,
    }
}
