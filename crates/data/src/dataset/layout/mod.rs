//! Lists the cases of a folder, with one module per layout.

mod corrected;
mod dataset_json;
mod list;
mod masks;
mod msd;
mod nnunet;
mod pairs;
mod unlabelled;
mod uw_madison;

pub(crate) use dataset_json::DatasetJson;
pub(crate) use list::part as list_part;
pub(crate) use nnunet::{channel_of, image_files as nnunet_files};
pub use unlabelled::unlabelled;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::spec::SurfaceCoordinates;
use super::spec::{Dataset, Layout, Split};
use super::{Case, DataError, Excluded, Fold, Groups, Label, Reading, SplitError, did_you_mean, phantom, split};
use crate::Cancel;
use crate::volume::dicom::{Choice, Gaps};
use crate::volume::surface::CoordinateSystem;
use crate::volume::{Format, format};

/// A dataset whose files have been listed but not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// Name of the dataset.
    pub name: String,
    /// Its folder.
    pub root: PathBuf,
    /// Cases with image and label, sorted by name.
    pub cases: Vec<Case>,
    /// Entries that are not usable cases, sorted by name.
    pub excluded: Vec<Excluded>,
    /// Patients and folds that the dataset lists.
    pub groups: Groups,
}

impl Opened {
    /// Splits the cases into folds. A fixed split may name excluded cases: they are dropped without an error.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn split(&self, split: &Split) -> Result<Vec<Fold>, SplitError> {
        let mut names: Vec<&str> = self.cases.iter().map(|case| case.name.as_str()).collect();
        if matches!(split, Split::Fixed { .. } | Split::FixedFolds { .. }) {
            names.extend(self.excluded.iter().map(|row| row.case.as_str()));
        }
        let folds = split::split_listed(split, &names, &self.groups)?;
        Ok(folds.iter().map(|fold| fold.without(&self.excluded)).collect())
    }
}

/// Lists the cases of a dataset. `root` of the spec is relative to `data_root` unless it is absolute.
///
/// # Errors
/// [`DataError`]: missing root, unreadable folder or `dataset.json`, no cases, or cancelled while a phantom is generated.
pub fn open(spec: &Dataset, name: &str, data_root: &Path, cancel: &Cancel) -> Result<Opened, DataError> {
    let root = data_root.join(&spec.root);
    if let Some(recipe) = spec.generate {
        phantom::generate_if_missing(&root, recipe, cancel)?;
    }
    if !root.is_dir() {
        let data_root = data_root.into();
        return Err(DataError::RootMissing { name: name.into(), path: root, root: spec.root.clone(), data_root });
    }
    let mut groups = Groups::default();
    let mut found = match &spec.layout {
        Layout::Msd {} => msd::list(&root)?,
        Layout::Nnunet {} => match nnunet::own_list(&root)? {
            Some(cases) => list::list(&root, spec, None, &cases)?.0,
            None => nnunet::list(&root, spec.channels.len())?,
        },
        Layout::Pairs { image, images, label } => {
            let images: Vec<&str> = image.iter().chain(images).map(String::as_str).collect();
            pairs::list(&root, name, &images, label)?
        }
        Layout::Masks { image, images, mask } => {
            let images: Vec<&str> = image.iter().chain(images).map(String::as_str).collect();
            masks::list(&root, spec, name, &images, mask)?
        }
        Layout::List { file, cases } => {
            let (found, listed) = list::list(&root, spec, file.as_deref(), cases)?;
            groups = listed;
            found
        }
        Layout::UwMadison { table, slice_spacing_mm, pixel_spacing_mm } => {
            uw_madison::list(&root, spec, table, (*slice_spacing_mm, *pixel_spacing_mm))?
        }
    };
    if found.cases.is_empty() && found.excluded.is_empty() {
        return Err(DataError::Empty { name: name.into(), path: root, expected: expectation(&spec.layout) });
    }
    if let (Some(pattern), Some(value)) = (&spec.labels.ignore_mask, spec.labels.ignore) {
        let mut masks = list::ignore_masks(&root, name, pattern)?;
        found.cases.iter_mut().for_each(|case| case.ignored = masks.remove(&case.name).map(|path| (value, path)));
    }
    if let Some(folder) = &spec.corrections {
        corrected::apply(&data_root.join(folder), &mut found)?;
    }
    apply_exclusions(spec, name, root, found, groups)
}

fn expectation(layout: &Layout) -> String {
    match layout {
        Layout::Msd {} => "`training` entries in dataset.json".into(),
        Layout::Nnunet {} => "imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz (or another image ending)".into(),
        Layout::Pairs { image, images, label } => {
            let images: Vec<&str> = image.iter().chain(images).map(String::as_str).collect();
            format!("images as `{}` and labels as `{label}`", images.join("`, `"))
        }
        Layout::Masks { image, images, mask } => {
            let images: Vec<&str> = image.iter().chain(images).map(String::as_str).collect();
            format!("images as `{}` and masks as `{mask}`", images.join("`, `"))
        }
        Layout::List { file, .. } => format!("the cases listed in {}", file.as_deref().unwrap_or("the dataset file")),
        Layout::UwMadison { .. } => "caseX/caseX_dayY/scans/slice_*.png".into(),
    }
}

/// How the files of a dataset's cases are read.
fn reading(spec: &Dataset) -> Reading {
    let gaps = if spec.dicom.fill_gaps { Gaps::Interpolate } else { Gaps::Refuse };
    Reading {
        resample_labels: spec.labels.resample_labels,
        resample_channels: spec.resample_channels,
        overlap: spec.labels.overlap,
        names: if spec.labels.by_name { names(spec) } else { Vec::new() },
        mask_values: spec.labels.mask_values,
        only_value: match spec.structures.as_slice() {
            [only] if spec.labels.mask_values.is_some() => Some(only.value),
            _ => None,
        },
        choice: Choice { series: spec.dicom.series.clone(), stack: spec.dicom.stack.clone(), gaps },
        spacing_mm: spec.spacing_mm,
        coordinates: spec.labels.surface_coordinates.map(|system| match system {
            SurfaceCoordinates::Ras => CoordinateSystem::Ras,
            SurfaceCoordinates::Lps => CoordinateSystem::Lps,
        }),
    }
}

/// Names of the structures and their values.
fn names(spec: &Dataset) -> Vec<(String, u16)> {
    let value = |index| spec.mask_value(index);
    spec.structures.iter().enumerate().map(|(index, structure)| (structure.name.clone(), value(index))).collect()
}

/// Whether a case's labels are contours (RTSTRUCT). Their numbers differ from file to file, so they are always identified by name.
fn has_contours(case: &Case) -> bool {
    let path = case.label.as_ref().map(Label::path).unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let other = !name.to_ascii_lowercase().ends_with(".dcm") && format::stem(&name).is_some();
    !other && matches!(Format::of(path), Ok(Format::DicomContours))
}

fn apply_exclusions(
    spec: &Dataset,
    name: &str,
    root: PathBuf,
    found: Found,
    groups: Groups,
) -> Result<Opened, DataError> {
    let Found { mut cases, mut excluded } = found;
    for (case, reason) in &spec.exclude {
        if excluded.iter().any(|row| row.case == *case) {
            continue;
        }
        let Some(place) = cases.iter().position(|known| known.name == *case) else {
            let hint = did_you_mean(case, cases.iter().map(|known| known.name.as_str()));
            return Err(DataError::UnknownExclusion { name: name.into(), case: case.clone(), hint });
        };
        cases.remove(place);
        excluded.push(Excluded { case: case.clone(), reason: format!("excluded by the dataset file: {reason}") });
    }
    cases.par_iter_mut().for_each(|case| {
        case.reading = reading(spec);
        if case.reading.names.is_empty() && has_contours(case) {
            case.reading.names = names(spec);
        }
    });
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    excluded.sort_by(|a, b| a.case.cmp(&b.case));
    Ok(Opened { name: name.into(), root, cases, excluded, groups })
}

/// Cases found in a layout.
#[derive(Default)]
pub(super) struct Found {
    pub cases: Vec<Case>,
    pub excluded: Vec<Excluded>,
}

impl Found {
    pub fn exclude(&mut self, case: &str, reason: impl Into<String>) {
        self.excluded.push(Excluded { case: case.into(), reason: reason.into() });
    }

    /// Pairs image files with label files by case name; files without a partner are excluded.
    pub fn pair(&mut self, mut images: BTreeMap<String, Vec<PathBuf>>, mut labels: BTreeMap<String, Label>) {
        let names: BTreeSet<String> = images.keys().chain(labels.keys()).cloned().collect();
        for name in names {
            match (images.remove(&name), labels.remove(&name)) {
                (Some(images), Some(label)) => {
                    self.cases.push(Case::new(&name, images, Some(label)));
                }
                (Some(images), None) => {
                    let file = images.first().map(|path| path.display().to_string()).unwrap_or_default();
                    self.exclude(&name, format!("image without label: {file}"));
                }
                (None, Some(label)) => self.exclude(&name, format!("label without image: {}", label.path().display())),
                (None, None) => {}
            }
        }
    }
}

/// Names of the files and folders in a folder, sorted; hidden ones (`.DS_Store`, `._case.nii.gz`) are skipped.
pub(crate) fn visible_entries(folder: &Path) -> Result<Vec<String>, DataError> {
    let unreadable = |source| DataError::Unreadable { path: folder.into(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Like [`visible_entries`], but only NIfTI files: stem and file name. Empty if the folder does not exist.
pub(crate) fn nifti_files(folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let names = visible_entries(folder)?;
    Ok(names.into_iter().filter_map(|name| nifti_stem(&name).map(|stem| (stem.to_owned(), name.clone()))).collect())
}

/// The case that a file belongs to if nothing else names it: its name without the ending.
pub(crate) fn case_name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    format::stem(file).unwrap_or(file).to_owned()
}

/// The name without `.nii` or `.nii.gz`; `None` for other files.
pub(crate) fn nifti_stem(name: &str) -> Option<&str> {
    name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii")).filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests;
