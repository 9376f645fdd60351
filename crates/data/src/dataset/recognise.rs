//! Proposes a dataset for an unknown folder: layout, modality, structures and split, and what is left out.

mod above;
mod beside;
mod bids;
mod content;
mod divide;
mod find;
mod folds;
mod grids;
mod guess;
mod left_out;
mod lists;
mod masks;
mod monai;
mod nearest;
mod part;
mod pattern;
mod series;
mod stems;
mod survey;
mod usable;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use grids::Grid;
pub use left_out::LeftOut;

use super::layout::DatasetJson;
use super::mirror::{has_side, partners};
use super::spec::{Dataset, DicomChoice, Layout, Split, Structure};
use super::{Case, DataError, Excluded, Opened, open};
use crate::Cancel;
use crate::volume::read_header;
use content::{Labelled, Told};
use find::Find;
use part::Parts;
use series::is_series;
use survey::{Kind, Survey};
use usable::Looked;

/// A proposed dataset, with what was guessed and what is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The declaration; `root` is the folder as given.
    pub dataset: Dataset,
    /// Name of the recognised layout.
    pub layout: &'static str,
    /// Number of usable cases found with it.
    pub cases: usize,
    /// Number of patients, as far as names or files tell.
    pub patients: usize,
    /// Targets of the experiment, if they are not simply the structures: regions.
    pub targets: Vec<String>,
    /// Guesses for the user to verify, shown as comments and in the terminal.
    pub guesses: Vec<String>,
    /// Files that no case uses, and why.
    pub left_out: Vec<LeftOut>,
    /// Cases that were found and cannot be used, and why: damaged files, other grids.
    pub unusable: Vec<Excluded>,
    /// How many of the cases were told by the headers of their files only, because there is too much to read.
    pub by_header: usize,
    /// Whether the images are 2D pictures or a single slice deep.
    pub is_flat: bool,
    /// Grids of a sample of the images.
    pub grids: Vec<Grid>,
}

/// What the user states about a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stated {
    /// Spacing `[z, y, x]` in mm of images that state none.
    pub spacing_mm: Option<[f64; 3]>,
    /// nnU-Net's `splits_final.json`, or the folder that holds it or the dataset's folder with it.
    pub splits: Option<PathBuf>,
}

/// Inspects the files of a folder and proposes a dataset.
///
/// # Errors
/// [`DataError`] if the folder is missing, matches no layout ([`DataError::Unrecognised`]), holds no usable case, or if the stated folds
/// do not fit its cases.
pub fn recognise(folder: &Path, stated: &Stated) -> Result<Proposal, DataError> {
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
    if let Some(place) = &stated.splits {
        folds::stated(&survey, place, &mut find)?;
    }
    find.guesses.extend(unread.map(|reason| format!("nothing is taken from {reason}")));
    let mut dataset = dataset(folder, &json, &find);
    let mut guesses = find.guesses.clone();
    let (opened, looked) = fill(&mut dataset, &find, stated, &mut guesses)?;
    guesses.extend(lists::contradicted(&json, &find, &opened));
    folds::fitted(&mut find, &opened, &mut guesses)?;
    let patients = divide::split(&find, &opened, &looked.cases, &mut dataset, &mut guesses);
    let left_out = left_out::left_out(&survey, &find, &opened);
    let (is_flat, grids) = (is_flat(&looked.cases), grids::grids(&looked.cases));
    let (cases, targets, layout) = (looked.cases.len(), find.targets, find.name);
    let Looked { unusable, by_header, .. } = looked;
    Ok(Proposal { dataset, layout, cases, patients, targets, guesses, left_out, unusable, by_header, is_flat, grids })
}

/// Finds out from the files what no list states, and which cases can be used.
///
/// # Errors
/// [`DataError::NoUsableCase`], and what [`open`] returns.
fn fill(
    dataset: &mut Dataset,
    find: &Find,
    stated: &Stated,
    guesses: &mut Vec<String>,
) -> Result<(Opened, Looked), DataError> {
    let listed = open(dataset, &dataset.root, Path::new(""), &Cancel::new())?;
    let Looked { cases, mut unusable, .. } = usable::readable(listed.cases);
    if cases.is_empty() {
        return Err(no_usable_case(dataset, listed.excluded, unusable));
    }
    spacing(find, &cases, stated, dataset, guesses);
    describe(find, &cases, dataset, guesses);
    // As it is declared now, which decides how the files are read.
    let opened = open(dataset, &dataset.root, Path::new(""), &Cancel::new())?;
    let is_readable = |case: &&Case| unusable.iter().all(|row| row.case != case.name);
    let mut looked = usable::examine(opened.cases.iter().filter(is_readable).cloned().collect(), dataset)?;
    if looked.cases.is_empty() && dataset.structures.is_empty() {
        // Nothing is known of the labels, so that none of them can be judged.
        guesses.extend(looked.unusable.drain(..).next().map(|row| format!("no label could be read: {}", row.reason)));
        looked.cases = opened.cases.iter().filter(is_readable).cloned().collect();
    }
    unusable.append(&mut looked.unusable);
    unusable.sort_by(|a, b| a.case.cmp(&b.case));
    if looked.cases.is_empty() {
        return Err(no_usable_case(dataset, opened.excluded, unusable));
    }
    Ok((opened, Looked { unusable, ..looked }))
}

/// Channels, modality, structures, and how the labels are read.
fn describe(find: &Find, cases: &[Case], dataset: &mut Dataset, guesses: &mut Vec<String>) {
    dataset.channels = guess::channels(find, cases);
    dataset.modality = guess::modality(find, cases, guesses);
    dataset.structures = guess::structures(find, cases, dataset, guesses);
    if !dataset.labels.overlap && matches!(find.layout, Layout::Masks { .. }) && guess::overlap(dataset, cases) {
        dataset.labels.overlap = true;
        guesses.push("masks of a case share voxels: `labels.overlap`".into());
    }
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    dataset.labels.mirror_pairs = partners(&names);
    warn_of_sides(&dataset.structures, guesses);
}

fn no_usable_case(dataset: &Dataset, excluded: Vec<Excluded>, unusable: Vec<Excluded>) -> DataError {
    let all: Vec<Excluded> = unusable.into_iter().chain(excluded).collect();
    let (count, reasons) = (all.len(), Excluded::grouped(&all));
    DataError::NoUsableCase { name: dataset.root.clone(), count, reasons }
}

/// Takes the spacing that the user states, for images that state none.
fn spacing(find: &Find, cases: &[Case], stated: &Stated, dataset: &mut Dataset, guesses: &mut Vec<String>) {
    let of_layout = matches!(find.layout, Layout::UwMadison { .. });
    let Some(spacing_mm) = stated.spacing_mm.filter(|_| !of_layout) else { return };
    let header = |case: &Case| read_header(case.images.first().filter(|path| path.is_file())?).ok();
    if cases.iter().find_map(header).is_some_and(|header| !header.geometry.has_spacing) {
        dataset.spacing_mm = Some(spacing_mm);
    } else {
        guesses.push("--spacing-mm is not used: the images state their spacing".into());
    }
}

/// The first layout that fits.
///
/// # Errors
/// [`DataError::Above`], and those of the layouts.
fn find(survey: &Survey, json: &DatasetJson, stated: &Stated) -> Result<Option<Find>, DataError> {
    if let Some(find) = lists::uw_madison(survey, stated.spacing_mm)? {
        return Ok(Some(find));
    }
    if let Some(find) = lists::dataset_json(survey, json)? {
        return Ok(Some(find));
    }
    if let Some(find) = monai::data_list(survey) {
        return Ok(Some(find));
    }
    above::refuse(survey)?;
    match bids::bids(survey) {
        Some(find) => Ok(Some(find)),
        None => by_names(survey),
    }
}

/// Patterns, lists by DICOM identity, or labels matched with the nearest name.
///
/// # Errors
/// [`DataError::OnlyMasks`].
fn by_names(survey: &Survey) -> Result<Option<Find>, DataError> {
    let only = |example: String| {
        let count = survey.of_kinds(&[Kind::Volume, Kind::Picture]).count();
        DataError::OnlyMasks { path: survey.root.clone(), count, example }
    };
    let parts = Parts::of(survey, &Labelled::default());
    let found = of_parts(survey, &parts);
    if survey.of_kinds(&[Kind::Dicom]).next().is_some() {
        return Ok(found);
    }
    if found.is_some() {
        return content::only_masks(survey, &parts).map_or(Ok(found), |example| Err(only(example)));
    }
    let labelled = match content::told(survey, &parts) {
        Told::Nothing => return Ok(None),
        Told::OnlyLabels(example) => return Err(only(example)),
        Told::Labels(labelled) => labelled,
    };
    let Some(mut find) = of_parts(survey, &Parts::of(survey, &labelled)) else { return Ok(None) };
    let names = labelled.some().join(", ");
    find.guesses.push(format!("labels by their content, few whole values and mostly 0: {names}"));
    Ok(Some(find))
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
                // A layout with a mask per structure takes several label objects of a series.
                let masks = matches!(find.layout, Layout::Masks { .. });
                find.left_out.extend(listed.left_out.into_iter().filter(|(place, _)| !masks || is_series(place)));
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
        corrections: None,
        exclude: Default::default(),
    }
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
fn is_flat(cases: &[Case]) -> bool {
    let first = cases.first().filter(|case| case.stack_spacing_mm.is_none()).and_then(|case| case.images.first());
    let header = first.filter(|path| path.is_file()).and_then(|path| read_header(path).ok());
    header.is_some_and(|header| header.geometry.shape[0] == 1)
}

#[cfg(test)]
mod tests;
