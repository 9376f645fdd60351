//! DICOM trees with free names: label objects and surfaces are matched with image series by what the files state.

use std::collections::{BTreeMap, BTreeSet};

use super::find::Find;
use super::part::{Part, is_label_object};
use super::survey::{Item, Kind, Survey};
use crate::counted;
use crate::dataset::spec::{Layout, ListedCase};
use crate::volume::dicom::{Identity, referenced_series};

/// An image series.
#[derive(Clone, Debug)]
struct Image<'a> {
    identity: &'a Identity,
    /// The folder that holds all its files.
    folder: String,
    files: usize,
}

/// Cases of label objects (SEG, RTSTRUCT) with the series that they were drawn on; else of series with surfaces or masks beside them.
pub(super) fn listed(survey: &Survey, labels: &[Part]) -> Option<Find> {
    let images = images(survey);
    let mut find = Find::new("DICOM series", Layout::List { file: None, cases: Vec::new() });
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut cases: Vec<ListedCase> = Vec::new();
    for object in survey.of_kinds(&[Kind::Dicom]).filter(|item| is_object(item)) {
        let Some(image) = drawn_on(survey, object, &images, &mut find) else { continue };
        if !used.insert(image.identity.series.clone()) {
            let reason = "a further label object of a series that has one: a case has one label";
            find.left_out.push((object.path.clone(), reason.into()));
            continue;
        }
        cases.push(case(image, &images, object.path.clone()));
    }
    if cases.is_empty() {
        for image in images.values().filter(|image| !image.identity.is_localiser) {
            let Some(label) = beside(image, &images, labels) else { continue };
            used.insert(image.identity.series.clone());
            cases.push(case(image, &images, label));
        }
    }
    for image in images.values().filter(|image| !used.contains(&image.identity.series)) {
        let Identity { patient, modality, description, is_localiser, .. } = image.identity;
        let what = if *is_localiser { "localiser" } else { "no label was drawn on it" };
        let reason = format!(
            "{modality} series \"{description}\" of patient {patient}, {}: {what}",
            counted(image.files, "file")
        );
        find.left_out.push((format!("{}{SERIES}{}", image.folder, image.identity.series), reason));
    }
    name_apart(&mut cases);
    let patients: BTreeSet<&Option<String>> = cases.iter().map(|case| &case.patient).collect();
    if patients.len() == cases.len() {
        cases.iter_mut().for_each(|case| case.patient = None);
    } else {
        find.guesses.push("patients: by PatientID; cases of one patient stay together in the split".into());
    }
    find.layout = Layout::List { file: None, cases: cases.clone() };
    (!cases.is_empty()).then_some(find)
}

/// Whether a place that is left out is an image series.
pub(super) fn is_series(place: &str) -> bool {
    place.contains(SERIES)
}

/// Between the folder of a series and its UID, in the place of what is left out.
const SERIES: &str = "/ series ";

fn is_object(item: &Item) -> bool {
    item.identity.as_ref().is_some_and(|identity| !identity.is_image && is_label_object(&identity.modality))
}

/// Image series by UID.
fn images(survey: &Survey) -> BTreeMap<&str, Image<'_>> {
    let mut images: BTreeMap<&str, Image> = BTreeMap::new();
    for item in survey.of_kinds(&[Kind::Dicom]) {
        let Some(identity) = item.identity.as_ref().filter(|identity| identity.is_image) else { continue };
        let image = Image { identity, folder: item.folder().to_owned(), files: 0 };
        let image = images.entry(&identity.series).or_insert(image);
        image.folder = common(&image.folder, item.folder());
        image.files += 1;
    }
    images
}

/// The deepest folder that holds both.
fn common(a: &str, b: &str) -> String {
    let same = a.split('/').zip(b.split('/')).take_while(|(a, b)| a == b).map(|(a, _)| a);
    same.collect::<Vec<_>>().join("/")
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The series of a label object: the one it refers to, else the largest of its patient and study.
fn drawn_on<'a>(
    survey: &Survey,
    object: &Item,
    images: &'a BTreeMap<&str, Image<'a>>,
    find: &mut Find,
) -> Option<&'a Image<'a>> {
    let identity = object.identity.as_ref()?;
    let stated = match identity.modality.as_str() {
        "SEG" => referenced_series(&survey.place(object)).unwrap_or_default(),
        _ => Vec::new(),
    };
    if let Some(image) = stated.iter().find_map(|uid| images.get(uid.as_str())) {
        return Some(image);
    }
    let same = |image: &&Image| {
        image.identity.patient == identity.patient
            && image.identity.study == identity.study
            && !image.identity.is_localiser
    };
    let candidates: Vec<&Image> = images.values().filter(same).collect();
    let found = candidates.iter().copied().max_by_key(|image| image.files);
    match found {
        None => find.left_out.push((object.path.clone(), "no image series of its patient and study".into())),
        Some(image) if candidates.len() > 1 => find.guesses.push(format!(
            "{} is taken to belong to the series \"{}\", the largest of its study",
            object.path, image.identity.description
        )),
        Some(_) => {}
    }
    found
}

fn case(image: &Image, images: &BTreeMap<&str, Image>, label: String) -> ListedCase {
    let several = images.values().filter(|other| is_below(&other.folder, &image.folder)).count() > 1;
    let folder = if image.folder.is_empty() { ".".to_owned() } else { image.folder.clone() };
    let patient = image.identity.patient.clone();
    ListedCase {
        case: plain(if patient.is_empty() { &image.identity.series } else { &patient }),
        images: vec![folder],
        series: if several { vec![image.identity.series.clone()] } else { Vec::new() },
        label: Some(label),
        patient: Some(patient),
        fold: None,
    }
}

/// A name that can be a file's.
pub(super) fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    text.chars().map(letter).collect::<String>().trim_matches('-').to_owned()
}

/// Numbers cases of the same name.
pub(super) fn name_apart(cases: &mut [ListedCase]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    cases.iter().for_each(|case| *counts.entry(case.case.clone()).or_default() += 1);
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases.iter_mut().filter(|case| counts[&case.case] > 1) {
        let number = numbers.entry(case.case.clone()).or_default();
        *number += 1;
        case.case = format!("{}-{number}", case.case);
    }
}

/// Labels in the widest folder around a series that holds no other: one label, or surfaces and masks in one folder.
fn beside(image: &Image, images: &BTreeMap<&str, Image>, labels: &[Part]) -> Option<String> {
    let mut around = image.folder.clone();
    while let Some((parent, _)) = around.rsplit_once('/') {
        let alone = images.values().filter(|other| is_below(&other.folder, parent)).count() == 1;
        if !alone {
            break;
        }
        around = parent.to_owned();
    }
    let here: Vec<&Part> = labels.iter().filter(|label| is_below(&label.path(), &around)).collect();
    match here.as_slice() {
        [] => None,
        [one] => Some(one.path()),
        [first, others @ ..] => {
            let alike = others.iter().all(|other| other.folder == first.folder && other.ending == first.ending);
            let below = if first.folder.is_empty() { String::new() } else { format!("{}/", first.folder) };
            alike.then(|| format!("{below}{{structure}}{}", first.ending))
        }
    }
}
