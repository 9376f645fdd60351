//! Proposes a dataset for an unknown folder: layout, modality, structures and split, and what is left out.

mod bids;
mod find;
mod grids;
mod guess;
mod left_out;
mod lists;
mod masks;
mod nearest;
mod part;
mod pattern;
mod series;
mod stems;
mod survey;

use std::collections::BTreeSet;
use std::path::Path;

pub use grids::Grid;
pub use left_out::LeftOut;

use super::layout::DatasetJson;
use super::mirror::{has_side, partners};
use super::spec::{Dataset, DicomChoice, Layout, Split, Structure};
use super::{DataError, Opened, open};
use crate::Cancel;
use find::Find;
use part::Parts;
use survey::{Kind, Survey};

/// A proposed dataset, with what was guessed and what is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The declaration; `root` is the folder as given.
    pub dataset: Dataset,
    /// Name of the recognised layout.
    pub layout: &'static str,
    /// Number of cases found with it.
    pub cases: usize,
    /// Number of patients, as far as names or files tell.
    pub patients: usize,
    /// Targets of the experiment, if they are not simply the structures: regions.
    pub targets: Vec<String>,
    /// Guesses for the user to verify, shown as comments and in the terminal.
    pub guesses: Vec<String>,
    /// Files that no case uses, and why.
    pub left_out: Vec<LeftOut>,
    /// Whether the images are 2D pictures or a single slice deep.
    pub is_flat: bool,
    /// Grids of a sample of the images.
    pub grids: Vec<Grid>,
}

/// What the user states about a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stated {
    /// Spacing `[z, y, x]` in mm of images that state none.
    pub spacing_mm: Option<[f64; 3]>,
}

/// Inspects the files of a folder and proposes a dataset.
///
/// # Errors
/// [`DataError`] if the folder is missing, matches no layout ([`DataError::Unrecognised`]), or holds no usable case.
pub fn recognise(folder: &Path, stated: Stated) -> Result<Proposal, DataError> {
    if !folder.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "no such folder");
        return Err(DataError::Unreadable { path: folder.into(), source });
    }
    let survey = Survey::of(folder)?;
    let read = survey.has("dataset.json").then(|| DatasetJson::read(&folder.join("dataset.json")));
    let (json, unread) = match read {
        Some(Ok(json)) => (json, None),
        Some(Err(error)) => (DatasetJson::default(), Some(error.to_string())),
        None => (DatasetJson::default(), None),
    };
    let unrecognised =
        || DataError::Unrecognised { path: folder.into(), seen: survey.seen(), nearest: nearest::nearest(&survey) };
    let mut find = find(&survey, &json, stated)?.ok_or_else(unrecognised)?;
    lists::describe(&json, &mut find);
    find.guesses.extend(unread.map(|reason| format!("nothing is taken from {reason}")));
    let mut dataset = dataset(folder, &json, &find);
    let opened = open(&dataset, &folder.display().to_string(), Path::new(""), &Cancel::new())?;
    if opened.cases.is_empty() {
        let (case, reason) =
            opened.excluded.first().map_or_else(Default::default, |row| (row.case.clone(), row.reason.clone()));
        let count = opened.excluded.len();
        return Err(DataError::NoUsableCase { name: folder.display().to_string(), count, case, reason });
    }
    let mut guesses = find.guesses.clone();
    dataset.channels = guess::channels(&find, &opened.cases);
    dataset.modality = guess::modality(&find, &opened.cases, &mut guesses);
    dataset.structures = guess::structures(&find, &opened.cases, &mut dataset.labels, &mut guesses);
    if !dataset.labels.overlap && matches!(find.layout, Layout::Masks { .. }) && guess::overlap(&dataset, &opened.cases)
    {
        dataset.labels.overlap = true;
        guesses.push("masks of a case share voxels: `labels.overlap`".into());
    }
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    dataset.labels.mirror_pairs = partners(&names);
    warn_of_sides(&dataset.structures, &mut guesses);
    let patients = split(&find, &opened, &mut dataset, &mut guesses);
    let left_out = left_out::left_out(&survey, &find, &opened);
    let (is_flat, grids) = (is_flat(&opened), grids::grids(&opened.cases));
    let (cases, targets, layout) = (opened.cases.len(), find.targets, find.name);
    Ok(Proposal { dataset, layout, cases, patients, targets, guesses, left_out, is_flat, grids })
}

/// The first layout that fits.
fn find(survey: &Survey, json: &DatasetJson, stated: Stated) -> Result<Option<Find>, DataError> {
    if let Some(find) = lists::uw_madison(survey, stated.spacing_mm)? {
        return Ok(Some(find));
    }
    if let Some(find) = lists::dataset_json(survey, json)? {
        return Ok(Some(find));
    }
    Ok(lists::data_list(survey).or_else(|| bids::bids(survey)).or_else(|| by_names(survey)))
}

/// Patterns, lists by DICOM identity, or labels matched with the nearest name.
fn by_names(survey: &Survey) -> Option<Find> {
    let parts = Parts::of(survey, &BTreeSet::new());
    let found = of_parts(survey, &parts);
    if found.is_some() || survey.of_kinds(&[Kind::Dicom]).next().is_some() {
        return found;
    }
    let labelled = stems::by_content(survey, &parts);
    if labelled.is_empty() {
        return None;
    }
    let mut find = of_parts(survey, &Parts::of(survey, &labelled))?;
    let names: Vec<&str> = labelled.iter().take(5).map(String::as_str).collect();
    find.guesses.push(format!("labels by their content, few whole values and mostly 0: {}", names.join(", ")));
    Some(find)
}

fn of_parts(survey: &Survey, parts: &Parts) -> Option<Find> {
    let images = pattern::images(parts);
    let pairs = pattern::pairs(parts, &images);
    let masks = masks::masks(&survey.root, parts, &images);
    let cases = pairs.as_ref().map_or(0, |pairs| pairs.cases.len());
    let fewer = |found: &masks::Masks| found.cases.len() < cases || found.files() <= cases;
    let by_pattern = match (pairs, masks.filter(|found| !fewer(found))) {
        (_, Some(masks)) => Some((masks.cases.len(), of_masks(masks))),
        (Some(pairs), None) => Some((pairs.cases.len(), of_pairs(pairs))),
        (None, None) => None,
    };
    let is_dicom = survey.of_kinds(&[Kind::Dicom]).any(|item| item.identity.as_ref().is_some_and(|id| id.is_image));
    let listed = if is_dicom { series::listed(survey, &parts.labels) } else { stems::listed(parts) };
    let count = |find: &Find| match &find.layout {
        Layout::List { cases, .. } => cases.len(),
        _ => 0,
    };
    match (by_pattern, listed) {
        (Some((cases, mut find)), Some(listed)) if cases >= count(&listed) => {
            if is_dicom {
                find.left_out.extend(listed.left_out);
            }
            Some(find)
        }
        (_, Some(mut listed)) => {
            structures_of_list(survey, &mut listed);
            Some(listed)
        }
        (by_pattern, None) => by_pattern.map(|(_, find)| find),
    }
}

fn of_pairs(pairs: pattern::Pairs) -> Find {
    let single = pairs.images.len() < 2;
    let image = pairs.images.first().cloned().filter(|_| single);
    let images = if single { Vec::new() } else { pairs.images };
    Find::new("images and labels by pattern", Layout::Pairs { image, images, label: pairs.label })
}

fn of_masks(found: masks::Masks) -> Find {
    let structures = numbered(found.structures().into_iter());
    let single = found.images.len() < 2;
    let image = found.images.first().cloned().filter(|_| single);
    let images = if single { Vec::new() } else { found.images };
    let mut find = Find::new("a mask or surface per structure", Layout::Masks { image, images, mask: found.mask });
    find.structures = Some(structures);
    find
}

fn numbered(names: impl Iterator<Item = String>) -> Vec<Structure> {
    names
        .zip(1..)
        .map(|(name, value)| Structure { name, value, color: None, code: None, instances: false, tubular: false })
        .collect()
}

/// The structures of listed masks: the names of the files in their folders.
fn structures_of_list(survey: &Survey, find: &mut Find) {
    const STRUCTURE: &str = "{structure}";
    let Layout::List { cases, .. } = &find.layout else { return };
    let mut names: BTreeSet<String> = BTreeSet::new();
    for pattern in cases.iter().filter_map(|case| case.label.as_ref()) {
        let Some((head, tail)) = pattern.split_once(STRUCTURE) else { continue };
        let inside = |path: &str| {
            path.strip_prefix(head)?.strip_suffix(tail).filter(|name| !name.contains('/')).map(str::to_owned)
        };
        names.extend(survey.items.iter().filter_map(|item| inside(&item.path)));
    }
    if !names.is_empty() {
        find.structures = Some(numbered(names.into_iter()));
    }
}

fn dataset(folder: &Path, json: &DatasetJson, find: &Find) -> Dataset {
    Dataset {
        spacing_mm: None,
        resample_channels: false,
        dicom: DicomChoice::default(),
        name: None,
        description: json.description.clone(),
        source: json.reference.clone(),
        licence: json.licence.clone(),
        root: folder.to_string_lossy().into_owned(),
        layout: find.layout.clone(),
        generate: None,
        modality: super::spec::Modality::Other,
        channels: Vec::new(),
        // The structures decide which masks are listed.
        structures: find.structures.clone().unwrap_or_default(),
        labels: find.labels.clone(),
        split: Split::default(),
        exclude: Default::default(),
    }
}

/// Chooses the split; returns the number of patients.
fn split(find: &Find, opened: &Opened, dataset: &mut Dataset, guesses: &mut Vec<String>) -> usize {
    let names: Vec<&str> = opened.cases.iter().map(|case| case.name.as_str()).collect();
    let mut group_by = find.group_by.clone();
    if opened.groups.patients.is_empty()
        && group_by.is_none()
        && let Some((pattern, single)) = stems::subjects_of_contrasts(&names)
    {
        let text = match single {
            true => "are contrasts of one subject, not patients: they cannot be divided into training and test cases",
            false => "are contrasts of the same subjects: those of a subject stay together in the split",
        };
        guesses.push(format!("the cases {} {text}", names.iter().take(3).copied().collect::<Vec<_>>().join(", ")));
        group_by = Some(pattern);
    }
    let patients = patients(&names, opened, group_by.as_deref());
    if patients == 1 {
        guesses.push("one patient only: a split into training and test cases needs two or more".into());
    }
    let folds = patients.clamp(2, 5);
    dataset.split = match &find.split {
        Some(split) => split.clone(),
        None => Split::KFold { folds, held_out: 0.0, validation: 0.0, seed: 12345, group_by },
    };
    patients
}

fn patients(names: &[&str], opened: &Opened, group_by: Option<&str>) -> usize {
    let pattern = group_by.and_then(|text| regex::Regex::new(text).ok());
    let patient = |name: &&str| match (&pattern, opened.groups.patients.get(*name)) {
        (Some(pattern), _) => pattern.captures(name).and_then(|found| Some(found.get(1)?.as_str().to_owned())),
        (None, Some(patient)) => Some(format!("patient {patient}")),
        _ => None,
    };
    names.iter().map(|name| patient(name).unwrap_or_else(|| format!("case {name}"))).collect::<BTreeSet<_>>().len()
}

/// Left and right cannot be told from numbers: the user has to.
fn warn_of_sides(structures: &[Structure], guesses: &mut Vec<String>) {
    let unnamed = structures.iter().filter(|structure| structure.name.starts_with("value-")).count();
    if unnamed >= 2 && !structures.iter().any(|structure| has_side(&structure.name)) {
        let text = "if two of the unnamed structures are left and right, list them in `labels.mirror-pairs`: mirrored images swap them";
        guesses.push(text.into());
    }
}

/// Whether all images that were looked at are one slice deep.
fn is_flat(opened: &Opened) -> bool {
    let first =
        opened.cases.first().filter(|case| case.stack_spacing_mm.is_none()).and_then(|case| case.images.first());
    let header = first.filter(|path| path.is_file()).and_then(|path| crate::volume::read_header(path).ok());
    header.is_some_and(|header| header.geometry.shape[0] == 1)
}

#[cfg(test)]
mod tests;
