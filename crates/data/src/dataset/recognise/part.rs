//! What can be an image or a label: a file, or a folder that holds one DICOM series, one segmentation object, or a picture per slice.

use std::collections::{BTreeMap, BTreeSet};

use super::content::Labelled;
use super::find::{is_label, is_test};
use super::survey::{Item, Kind, Survey};

/// Fewest pictures in a folder that are the slices of one case.
const FEWEST_SLICES: usize = 3;

/// A candidate for an image or a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// Its folder; empty for the root.
    pub folder: String,
    /// Its name without the ending.
    pub stem: String,
    /// Its ending; empty for a folder.
    pub ending: String,
}

impl Part {
    /// Its path.
    pub fn path(&self) -> String {
        let name = format!("{}{}", self.stem, self.ending);
        if self.folder.is_empty() { name } else { format!("{}/{name}", self.folder) }
    }

    /// A whole path: a folder, or a file whose ending matters.
    fn of_path(path: &str) -> Self {
        let (folder, stem) = path.rsplit_once('/').unwrap_or(("", path));
        Self { folder: folder.into(), stem: stem.into(), ending: String::new() }
    }

    fn of_item(item: &Item) -> Self {
        Self { folder: item.folder().into(), stem: item.stem().into(), ending: item.ending().into() }
    }
}

/// Images and labels of a folder, told apart by their kinds and by words in their paths.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Candidates for images.
    pub images: Vec<Part>,
    /// Candidates for labels.
    pub labels: Vec<Part>,
}

impl Parts {
    /// Sorts the files; `labelled` says which volumes hold labels although their names do not say so.
    pub fn of(survey: &Survey, labelled: &Labelled) -> Self {
        let mut parts = Self::default();
        let files = || survey.of_kinds(&[Kind::Volume, Kind::Picture]);
        let is_named = |item: &Item| is_label(&item.path) || labelled.holds(item);
        // Unless there is nothing else.
        let tests = files().all(|item| is_named(item) || is_test(item.folder()));
        for item in files() {
            match is_named(item) {
                true => parts.labels.push(Part::of_item(item)),
                false if tests || !is_test(item.folder()) => parts.images.push(Part::of_item(item)),
                false => {}
            }
        }
        parts.labels.extend(survey.of_kinds(&[Kind::Segments, Kind::Surface]).map(Part::of_item));
        parts.dicom(survey);
        parts.slices(survey);
        parts
    }

    /// Folders with one image series are images; segmentation objects and contours are labels.
    fn dicom(&mut self, survey: &Survey) {
        let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut objects: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        for item in survey.of_kinds(&[Kind::Dicom]) {
            let Some(identity) = &item.identity else { continue };
            match identity.is_image {
                true if identity.is_localiser => {}
                true => drop(folders.entry(item.folder()).or_default().insert(&identity.series)),
                false if is_label_object(&identity.modality) => objects.entry(item.folder()).or_default().push(item),
                false => {}
            }
        }
        let single = folders.iter().filter(|(folder, series)| !folder.is_empty() && series.len() == 1);
        self.images.extend(single.map(|(folder, _)| Part::of_path(folder)));
        for (folder, items) in objects {
            match items.as_slice() {
                [one] if !folder.is_empty() && is_segments(one) && survey.below(folder).len() == 1 => {
                    self.labels.push(Part::of_path(folder));
                }
                items => self.labels.extend(items.iter().map(|item| Part::of_path(&item.path))),
            }
        }
    }

    /// A folder of label pictures beside a DICOM series: one per slice.
    fn slices(&mut self, survey: &Survey) {
        if survey.of_kinds(&[Kind::Dicom]).next().is_none() {
            return;
        }
        let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
        for item in survey.of_kinds(&[Kind::Picture]) {
            *folders.entry(item.folder()).or_default() += 1;
        }
        let many = folders.iter().filter(|(folder, count)| !folder.is_empty() && **count >= FEWEST_SLICES);
        let folders: Vec<String> = many.map(|(folder, _)| (*folder).to_owned()).collect();
        self.labels.retain(|part| !folders.contains(&part.folder));
        self.images.retain(|part| !folders.contains(&part.folder));
        self.labels.extend(folders.iter().map(|folder| Part::of_path(folder)));
    }
}

/// A segmentation object can be named by its folder; contours by their file.
fn is_segments(item: &Item) -> bool {
    item.identity.as_ref().is_some_and(|identity| identity.modality == "SEG")
}

/// Whether DICOM objects of this modality hold labels.
pub(super) fn is_label_object(modality: &str) -> bool {
    ["SEG", "RTSTRUCT"].contains(&modality)
}
