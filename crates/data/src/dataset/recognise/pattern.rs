//! Derives image and label patterns from names: each candidate yields several patterns, and the pair that matches most cases is chosen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::part::{Part, Parts};
use crate::dataset::layout::case_name_of;

/// Maximum number of patterns compared, the most frequent first.
const COMPARED: usize = 250;
/// Placeholder for the case name.
pub(super) const CASE: &str = "{case}";

type Patterns = BTreeMap<String, BTreeSet<String>>;

/// A pattern and the cases it matches.
pub(super) type Entry = (String, BTreeSet<String>);

/// Images and labels by pattern.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    /// Patterns of the channels.
    pub images: Vec<String>,
    /// Pattern of the labels.
    pub label: String,
    /// Cases with image and label.
    pub cases: BTreeSet<String>,
}

/// The patterns of the images, most frequent first.
pub(super) fn images(parts: &Parts) -> Vec<Entry> {
    frequent(patterns(&parts.images))
}

/// The best pair of patterns.
pub(super) fn pairs(parts: &Parts, images: &[Entry]) -> Option<Pairs> {
    let labels = frequent(patterns(&parts.labels));
    let pairs = images.iter().flat_map(|image| labels.iter().map(move |label| (image, label)));
    // Most cases, then fewest files without a partner, longest common prefix, and shortest patterns.
    let rank = |((image, image_cases), (label, cases)): &(&Entry, &Entry)| {
        let matched = image_cases.intersection(cases).count();
        let shortest = Reverse(image.len() + label.len());
        (matched, Reverse(unmatched(image_cases, cases)), shared_prefix(image, label), shortest)
    };
    let (image, label) = pairs.max_by_key(rank).filter(|pair| rank(pair).0 > 0)?;
    let cases: BTreeSet<String> = image.1.intersection(&label.1).cloned().collect();
    Some(Pairs { images: channels(images, image, &label.1), label: label.0.clone(), cases })
}

/// The literal part of a pattern, used as channel name.
pub(super) fn literal(pattern: &str) -> String {
    let file = pattern.rsplit('/').next().unwrap_or(pattern);
    let stem = case_name_of(file).replace(CASE, "");
    stem.trim_matches(['_', '-', '.', ' ']).to_owned()
}

/// Number of cases matched by only one of two patterns.
fn unmatched(a: &BTreeSet<String>, b: &BTreeSet<String>) -> usize {
    a.symmetric_difference(b).count()
}

fn shared_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// The image pattern and those in the same folder that match exactly the same cases: the channels.
pub(super) fn channels(images: &[Entry], image: &Entry, label: &BTreeSet<String>) -> Vec<String> {
    let folder = |text: &str| text.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    // A single case does not show which files belong together.
    if image.1.len() < 2 || literal(&image.0).is_empty() || literal(&image.0).eq_ignore_ascii_case("image") {
        return vec![image.0.clone()];
    }
    let matched = |cases: &BTreeSet<String>| label.intersection(&image.1).all(|case| cases.contains(case));
    let alike = images.iter().filter(|(text, cases)| {
        folder(text) == folder(&image.0) && !literal(text).is_empty() && *cases == image.1 && matched(cases)
    });
    // `{case}/{case}_t1` and `{case}/x_t1` may both match a file: use one form of pattern for all channels.
    let style = image.0.matches(CASE).count();
    let alike = alike.filter(|(text, _)| text.matches(CASE).count() == style);
    let mut alike: Vec<String> = alike.map(|(text, _)| text.clone()).collect();
    alike.sort();
    alike
}

fn frequent(patterns: Patterns) -> Vec<Entry> {
    let mut entries: Vec<Entry> = patterns.into_iter().collect();
    entries.sort_by_key(|(_, cases)| Reverse(cases.len()));
    entries.truncate(COMPARED);
    entries
}

/// Places at which a name can be divided: separators, and where letters and digits meet. Each is the end of the head and the start of
/// the tail.
pub(super) fn cuts(stem: &str) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let letters: Vec<(usize, char)> = stem.char_indices().collect();
    for pair in letters.windows(2) {
        let [(_, before), (place, after)] = pair else { continue };
        if ['_', '-', ' ', '.'].contains(after) {
            cuts.push((*place, *place + 1));
        } else if before.is_ascii_alphabetic() && after.is_ascii_digit() {
            cuts.push((*place, *place));
        }
    }
    cuts
}

/// All candidate patterns: the case is the whole name, the part before or after a cut, or a folder.
fn patterns(parts: &[Part]) -> Patterns {
    let mut found = Patterns::new();
    let mut add = |pattern: String, case: &str| {
        found.entry(pattern).or_default().insert(case.to_owned());
    };
    for Part { folder, stem, ending } in parts {
        let below = |text: String| if folder.is_empty() { text } else { format!("{folder}/{text}") };
        add(below(format!("{CASE}{ending}")), stem);
        for (end, start) in cuts(stem) {
            if start > end {
                add(below(format!("{CASE}{}{ending}", &stem[end..])), &stem[..end]);
            }
            add(below(format!("{}{CASE}{ending}", &stem[..start])), &stem[start..]);
        }
        for (level, case) in folder.split('/').enumerate().filter(|(_, case)| !case.is_empty()) {
            let mut folders: Vec<&str> = folder.split('/').collect();
            folders[level] = CASE;
            let folders = folders.join("/");
            add(format!("{folders}/{stem}{ending}"), case);
            if let Some(rest) = stem.strip_prefix(case) {
                add(format!("{folders}/{CASE}{rest}{ending}"), case);
            }
        }
    }
    found.retain(|pattern, cases| cases.iter().all(|case| !case.is_empty()) && pattern.contains(CASE));
    found
}
