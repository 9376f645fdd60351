//! Image and label patterns from file names: every file is read as `{case}` in several ways, and the pair of patterns that
//! explains most cases wins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dataset::DataError;
use crate::dataset::layout::{nifti_stem, visible_entries};
use crate::dataset::spec::Layout;

/// Words in a file or folder name that make it a label.
const LABEL_WORDS: [&str; 12] = [
    "label",
    "labels",
    "labelstr",
    "seg",
    "segs",
    "segmentation",
    "segmentations",
    "mask",
    "masks",
    "gt",
    "groundtruth",
    "annotations",
];
/// Folders are looked into this deep.
const DEPTH: usize = 3;
/// Patterns that are compared, the most frequent first.
const COMPARED: usize = 300;
/// Stands for the case's name.
const CASE: &str = "{case}";

type Patterns = BTreeMap<String, BTreeSet<String>>;

/// Proposes the `pairs` layout.
pub(super) fn pairs(folder: &Path) -> Result<Layout, DataError> {
    let mut files = Vec::new();
    walk(folder, "", DEPTH, &mut files)?;
    let (labels, images): (Patterns, Patterns) = patterns(&files).into_iter().partition(|(text, _)| is_label(text));
    let (labels, images) = (frequent(labels), frequent(images));
    let pairs = images.iter().flat_map(|image| labels.iter().map(move |label| (image, label)));
    // Most cases, fewest files without partner, names that begin alike, and then the shortest patterns.
    let rank = |((image, image_cases), (label, cases)): &(&Entry, &Entry)| {
        let matched = image_cases.intersection(cases).count();
        let shortest = Reverse(image.len() + label.len());
        (matched, Reverse(unmatched(image_cases, cases)), shared_prefix(image, label), shortest)
    };
    let best = pairs.max_by_key(rank);
    let empty = || DataError::Empty {
        name: folder.display().to_string(),
        path: folder.into(),
        expected: "dataset.json (MSD), imagesTr/CASE_0000.nii.gz (nnU-Net), or NIfTI images and labels whose names \
                   differ by a word such as `label`, `seg` or `mask`"
            .into(),
    };
    let (image, label) = best.filter(|pair| rank(pair).0 > 0).ok_or_else(empty)?;
    let channels = channels(&images, image, label);
    let single = channels.len() < 2;
    Ok(Layout::Pairs {
        image: single.then(|| image.0.clone()),
        images: if single { Vec::new() } else { channels },
        label: label.0.clone(),
    })
}

/// A pattern and the cases that it finds.
type Entry = (String, BTreeSet<String>);

/// The part of a pattern that is not the case: a channel's name.
pub(super) fn literal(pattern: &str) -> String {
    let file = pattern.rsplit('/').next().unwrap_or(pattern);
    let stem = nifti_stem(file).unwrap_or(file).replace(CASE, "");
    stem.trim_matches(['_', '-', '.']).to_owned()
}

/// Files that one pattern finds and the other does not.
fn unmatched(a: &BTreeSet<String>, b: &BTreeSet<String>) -> usize {
    a.symmetric_difference(b).count()
}

fn shared_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Other files beside the image that exist for exactly the same cases: further channels.
fn channels(images: &[Entry], image: &Entry, label: &Entry) -> Vec<String> {
    let folder = |text: &str| text.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    // One case says nothing about what belongs together.
    if image.1.len() < 2 || literal(&image.0).is_empty() || literal(&image.0).eq_ignore_ascii_case("image") {
        return vec![image.0.clone()];
    }
    let alike = images.iter().filter(|(text, cases)| {
        folder(text) == folder(&image.0) && !literal(text).is_empty() && *cases == image.1 && label.1.is_subset(cases)
    });
    // `{case}/{case}_t1` and `{case}/x_t1` may both fit one file: one way of writing per name.
    let style = image.0.matches(CASE).count();
    alike.filter(|(text, _)| text.matches(CASE).count() == style).map(|(text, _)| text.clone()).collect()
}

fn frequent(patterns: Patterns) -> Vec<Entry> {
    let mut entries: Vec<Entry> = patterns.into_iter().collect();
    entries.sort_by_key(|(_, cases)| Reverse(cases.len()));
    entries.truncate(COMPARED);
    entries
}

fn is_label(pattern: &str) -> bool {
    let lower = pattern.to_ascii_lowercase();
    lower.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| LABEL_WORDS.contains(&word))
}

/// Every way to read a file as a case: the whole name, a part of it before or behind `_` or `-`, a folder.
fn patterns(files: &[String]) -> Patterns {
    let mut found = Patterns::new();
    let mut add = |pattern: String, case: &str| {
        found.entry(pattern).or_default().insert(case.to_owned());
    };
    for file in files {
        let (folder, name) = file.rsplit_once('/').map_or(("", file.as_str()), |(folder, name)| (folder, name));
        let Some(stem) = nifti_stem(name) else { continue };
        let ending = &name[stem.len()..];
        let below = |text: String| if folder.is_empty() { text } else { format!("{folder}/{text}") };
        add(below(format!("{CASE}{ending}")), stem);
        for (place, _) in stem.match_indices(['_', '-']) {
            add(below(format!("{CASE}{}{ending}", &stem[place..])), &stem[..place]);
            add(below(format!("{}{CASE}{ending}", &stem[..=place])), &stem[place + 1..]);
        }
        for (level, case) in folder.split('/').enumerate().filter(|(_, case)| !case.is_empty()) {
            let mut parts: Vec<&str> = folder.split('/').collect();
            parts[level] = CASE;
            let folders = parts.join("/");
            add(format!("{folders}/{name}"), case);
            if let Some(rest) = stem.strip_prefix(case) {
                add(format!("{folders}/{CASE}{rest}{ending}"), case);
            }
        }
    }
    found.retain(|pattern, cases| cases.iter().all(|case| !case.is_empty()) && pattern.contains(CASE));
    found
}

fn walk(root: &Path, below: &str, depth: usize, files: &mut Vec<String>) -> Result<(), DataError> {
    for entry in visible_entries(&root.join(below))? {
        let path = if below.is_empty() { entry } else { format!("{below}/{entry}") };
        if root.join(&path).is_dir() {
            if depth > 1 {
                walk(root, &path, depth - 1, files)?;
            }
        } else if nifti_stem(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}
