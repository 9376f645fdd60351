//! Which files a proposal does not use, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::beside::{label_files, names_of};
use super::find::{Find, is_label, is_test};
use super::part::is_label_object;
use super::survey::{Item, Kind, Survey};
use crate::dataset::spec::{Layout, Structure};
use crate::dataset::{Label, Opened};

/// Files that are not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Folder or file, relative to the dataset's folder.
    pub place: String,
    /// Number of files.
    pub files: usize,
    /// Why.
    pub reason: String,
}

/// The files that no case of `opened` uses, by folder and reason, and what the finder names.
pub(super) fn left_out(survey: &Survey, find: &Find, opened: &Opened) -> Vec<LeftOut> {
    let used = used(survey, opened);
    let mut found: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    let is_list = |item: &Item| find.lists.contains(&item.path);
    for item in survey.items.iter().filter(|item| !used.contains(&item.path) && !is_list(item)) {
        let reason = reason(item, find, opened);
        let (count, file) = found.entry((place(item, find), reason)).or_insert((0, item.path.clone()));
        *count += 1;
        file.clone_from(&item.path);
    }
    let row = |((folder, reason), (files, last)): ((String, String), (usize, String))| {
        let place = if files == 1 && !folder.starts_with('*') { last } else { folder };
        LeftOut { place, files, reason }
    };
    let mut rows: Vec<LeftOut> = found.into_iter().map(row).collect();
    for excluded in &opened.excluded {
        let (place, reason) = (format!("case {}", excluded.case), excluded.reason.clone());
        rows.push(LeftOut { place, files: 0, reason });
    }
    // What the finder says about no file: keys of a list.
    for (place, reason) in &find.left_out {
        let is_file = survey.items.iter().any(|item| matches(item, place));
        if !is_file && !place.ends_with('/') {
            rows.push(LeftOut { place: place.clone(), files: 0, reason: reason.clone() });
        }
    }
    rows
}

/// The folder of a file, or what the finder calls these files; for tables and texts, one row.
fn place(item: &Item, find: &Find) -> String {
    let named = find.left_out.iter().find(|(place, _)| matches(item, place));
    if let Some((place, _)) = named.filter(|(place, _)| place.starts_with('*')) {
        return place.clone();
    }
    match item.kind {
        Kind::Other => "tables, texts and others".into(),
        _ if item.folder().is_empty() => "./".into(),
        _ => format!("{}/", item.folder()),
    }
}

/// Whether a finder's place names this file: a beginning of its path, a series, or `*_contrast`.
fn matches(item: &Item, place: &str) -> bool {
    if let Some((_, series)) = place.split_once("/ series ") {
        return item.identity.as_ref().is_some_and(|identity| identity.series == series);
    }
    match place.strip_prefix('*') {
        Some(ending) => item.stem().ends_with(ending),
        None if place.ends_with('/') => item.path.starts_with(place),
        None => item.path == place || item.path.starts_with(&format!("{place}/")),
    }
}

fn reason(item: &Item, find: &Find, opened: &Opened) -> String {
    if let Some((_, reason)) = find.left_out.iter().find(|(place, _)| matches(item, place)) {
        return reason.clone();
    }
    if let Some(row) = opened.excluded.iter().find(|row| item.stem() == row.case || row.reason.contains(&item.path)) {
        return format!("of case {}, which is left out", row.case);
    }
    let modality = item.identity.as_ref().map(|identity| identity.modality.clone());
    match item.kind {
        Kind::Other => "no image or label".into(),
        Kind::Unread => "this format is not read: convert it to NIfTI or PNG".into(),
        Kind::Dicom if is_structure(item, find) => format!("a further mask of the structure {}", item.stem()),
        Kind::Dicom if item.identity.as_ref().is_some_and(|identity| is_label_object(&identity.modality)) => {
            "labels of another kind, or without an image".into()
        }
        Kind::Dicom if item.identity.as_ref().is_some_and(|identity| !identity.is_image) => {
            format!("DICOM {}: no image series", modality.unwrap_or_default())
        }
        _ if is_test(item.folder()) => "test data: not used for training".into(),
        _ if is_structure(item, find) => format!("a further mask of the structure {}", item.stem()),
        _ if is_label(&item.path) || matches!(item.kind, Kind::Segments | Kind::Surface) => {
            "labels of another kind, or without an image".into()
        }
        _ => "images without a label, or of another contrast, modality or pattern".into(),
    }
}

/// Whether a file is called like a structure of which the cases use another mask.
fn is_structure(item: &Item, find: &Find) -> bool {
    let named = |known: &Structure| known.name == item.stem();
    matches!(find.layout, Layout::Masks { .. }) && find.structures.iter().flatten().any(named)
}

/// Files that hold the voxels of a header file.
fn detached(path: &str) -> Vec<String> {
    let beside = |stem: &str, endings: &[&str]| endings.iter().map(|ending| format!("{stem}{ending}")).collect();
    match (path.strip_suffix(".hdr"), path.strip_suffix(".nhdr")) {
        (Some(stem), _) => beside(stem, &[".img"]),
        (_, Some(stem)) => beside(stem, &[".raw", ".raw.gz"]),
        _ => Vec::new(),
    }
}

/// Paths of the files that cases use, relative to the folder.
fn used(survey: &Survey, opened: &Opened) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let root = &opened.root;
    let relative = |path: &Path| {
        let path = path.strip_prefix(root).unwrap_or(path);
        path.to_string_lossy().trim_start_matches("./").trim_end_matches("/.").replace('\\', "/")
    };
    for case in &opened.cases {
        for (channel, path) in case.images.iter().enumerate() {
            let series = case.series.get(channel).filter(|uid| !uid.is_empty());
            let is_file = path.is_file();
            let taken = |item: &&Item| {
                let own = |uid: &String| item.identity.as_ref().is_some_and(|identity| identity.series == *uid);
                let image =
                    is_file || item.kind == Kind::Picture || item.identity.as_ref().is_some_and(|id| id.is_image);
                image && series.is_none_or(own)
            };
            used.extend(survey.below(&relative(path)).iter().filter(taken).map(|item| item.path.clone()));
        }
        let labels = case.label.iter().flat_map(Label::files);
        used.extend(labels.flat_map(|path| survey.below(&relative(path))).map(|item| item.path.clone()));
        used.extend(label_files(case).iter().filter_map(|path| Some(relative(&names_of(root, path)?))));
    }
    let data = used.iter().flat_map(|path| detached(path)).collect::<Vec<_>>();
    used.extend(data);
    used.insert("dataset.json".into());
    used
}
