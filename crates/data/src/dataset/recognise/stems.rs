//! Images and labels without a common pattern: each label is matched with the image whose name it begins with, or that is alone beside it.

use std::collections::BTreeSet;

use super::find::{Find, is_contrast, is_label};
use super::part::{Part, Parts};
use super::series::{name_apart, plain};
use crate::dataset::spec::{Layout, ListedCase};

/// Lists every label with its image.
pub(super) fn listed(parts: &Parts) -> Option<Find> {
    let mut cases: Vec<ListedCase> = parts.labels.iter().filter_map(|label| case(label, parts)).collect();
    let images: BTreeSet<String> = cases.iter().flat_map(|case| case.images.clone()).collect();
    // Several labels of one image are not told apart here.
    if cases.is_empty() || images.len() != cases.len() {
        return None;
    }
    name_apart(&mut cases);
    let mut find = Find::new("images and labels without a common pattern", Layout::List { file: None, cases });
    find.guesses.push("labels belong to the image whose name they begin with, or that is alone beside them".into());
    Some(find)
}

fn case(label: &Part, parts: &Parts) -> Option<ListedCase> {
    let beside: Vec<&Part> = parts.images.iter().filter(|image| image.folder == label.folder).collect();
    let named = |stem: &str| {
        beside.iter().filter(|image| begins(stem, &image.stem)).max_by_key(|image| image.stem.len()).copied()
    };
    let labels = parts.labels.iter().filter(|other| other.folder == label.folder).count();
    let alone = || beside.first().copied().filter(|_| beside.len() == 1 && labels == 1);
    let shared = |image: &&Part| image.folder.bytes().zip(label.folder.bytes()).take_while(|(a, b)| a == b).count();
    let same = || parts.images.iter().filter(|image| image.stem == label.stem).max_by_key(shared);
    let image = named(&label.stem).or_else(alone).or_else(same)?;
    let name = match image.folder.rsplit('/').next() {
        Some(folder) if is_generic(&image.stem) && !folder.is_empty() => folder,
        _ => image.stem.as_str(),
    };
    Some(ListedCase {
        case: plain(name),
        images: vec![image.path()],
        label: Some(label.path()),
        ..ListedCase::default()
    })
}

fn begins(stem: &str, image: &str) -> bool {
    stem.strip_prefix(image).is_some_and(|rest| rest.starts_with(['_', '-', ' ', '.']))
}

/// Whether a name says nothing about the case.
fn is_generic(stem: &str) -> bool {
    ["image", "img", "scan", "volume", "imaging", "data"].contains(&stem.to_ascii_lowercase().as_str())
}

/// Case names that are contrasts of a subject: the regular expression of the subject, and whether there is only one.
pub(super) fn subjects_of_contrasts(names: &[&str]) -> Option<(String, bool)> {
    if names.len() < 2 || is_label(names[0]) {
        return None;
    }
    let split = |name: &&str| match name.rsplit_once(['_', '-', ' ']) {
        Some((subject, contrast)) if is_contrast(contrast) => Some(subject.to_owned()),
        None if is_contrast(name) => Some(String::new()),
        _ => None,
    };
    let subjects: BTreeSet<String> = names.iter().map(split).collect::<Option<_>>()?;
    match subjects.len() {
        1 if names.len() > 1 => Some(("^()".into(), true)),
        count if count < names.len() => Some(("^(.+)[_ -][^_ -]+$".into(), false)),
        _ => None,
    }
}
