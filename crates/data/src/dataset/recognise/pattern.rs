//! Derives image and label patterns from file names: each file yields several candidate patterns, and the pair of patterns that
//! matches most cases is chosen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dataset::DataError;
use crate::dataset::layout::{nifti_stem, visible_entries};
use crate::dataset::spec::Layout;

/// Words in a file or folder name that mark it as a label.
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
/// Maximum folder depth.
const DEPTH: usize = 3;
/// Maximum number of patterns compared, the most frequent first.
const COMPARED: usize = 300;
/// Placeholder for the case name.
const CASE: &str = "{case}";

type Patterns = BTreeMap<String, BTreeSet<String>>;

/// Proposes the `pairs` layout.
pub(super) fn pairs(folder: &Path) -> Result<Layout, DataError> {
    let mut files = Vec::new();
    walk(folder, "", DEPTH, &mut files)?;
    let (labels, images): (Patterns, Patterns) = patterns(&files).into_iter().partition(|(text, _)| is_label(text));
    let (labels, images) = (frequent(labels), frequent(images));
    let pairs = images.iter().flat_map(|image| labels.iter().map(move |label| (image, label)));
    // Most cases, then fewest files without a partner, longest common prefix, and shortest patterns.
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

/// A pattern and the cases it matches.
type Entry = (String, BTreeSet<String>);

/// The literal part of a pattern, used as channel name.
pub(super) fn literal(pattern: &str) -> String {
    let file = pattern.rsplit('/').next().unwrap_or(pattern);
    let stem = nifti_stem(file).unwrap_or(file).replace(CASE, "");
    stem.trim_matches(['_', '-', '.']).to_owned()
}

/// Number of cases matched by only one of two patterns.
fn unmatched(a: &BTreeSet<String>, b: &BTreeSet<String>) -> usize {
    a.symmetric_difference(b).count()
}

fn shared_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// The image pattern and those in the same folder that match exactly the same cases: the channels.
fn channels(images: &[Entry], image: &Entry, label: &Entry) -> Vec<String> {
    let folder = |text: &str| text.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    // A single case does not show which files belong together.
    if image.1.len() < 2 || literal(&image.0).is_empty() || literal(&image.0).eq_ignore_ascii_case("image") {
        return vec![image.0.clone()];
    }
    let alike = images.iter().filter(|(text, cases)| {
        folder(text) == folder(&image.0) && !literal(text).is_empty() && *cases == image.1 && label.1.is_subset(cases)
    });
    // `{case}/{case}_t1` and `{case}/x_t1` may both match a file: use one form of pattern for all channels.
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

/// All candidate patterns: the case is the whole name, the part before or after a `_` or `-`, or a folder.
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
