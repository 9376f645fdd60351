//! Images and labels by pattern: `images/{case}.nii.gz`, `{case}/label.nii.gz`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{Found, visible_entries};
use crate::dataset::{DataError, Label, read};

/// Placeholder for the case name.
pub(super) const CASE: &str = "{case}";
/// Placeholder for any text without a `/`.
const ANY: char = '*';

pub(super) fn list(root: &Path, name: &str, images: &[&str], label: &str) -> Result<Found, DataError> {
    let wrong = |pattern: &str, reason: &str| DataError::Pattern {
        name: name.into(),
        pattern: pattern.into(),
        reason: reason.into(),
    };
    if images.is_empty() {
        return Err(wrong("", "is empty: the layout requires `image` or `images`"));
    }
    let mut patterns = Vec::new();
    for text in images.iter().chain([&label]) {
        patterns.push(Pattern::new(text).map_err(|reason| wrong(text, &reason))?);
    }
    let mut found = Found::default();
    let (mut matches, several) = matches(root, &patterns)?;
    for (case, reason) in several {
        matches.iter_mut().for_each(|files| drop(files.remove(&case)));
        found.exclude(&case, reason);
    }
    let Some((labels, channels)) = matches.split_last() else { return Ok(found) };
    let mut complete = BTreeMap::new();
    for case in channels.iter().flat_map(BTreeMap::keys) {
        let files: Vec<PathBuf> = channels.iter().filter_map(|files| files.get(case).cloned()).collect();
        complete.insert(case.clone(), files);
    }
    let partial: Vec<String> =
        complete.iter().filter(|(_, files)| files.len() < channels.len()).map(|(case, _)| case.clone()).collect();
    for case in &partial {
        complete.remove(case);
        let missing = images.iter().zip(channels).find(|(_, files)| !files.contains_key(case));
        let file = missing.map(|(pattern, _)| pattern.replace(CASE, case)).unwrap_or_default();
        found.exclude(case, format!("{file} is missing"));
    }
    let labels = labels.iter().filter(|(case, _)| !partial.contains(case));
    let labels = labels.map(|(case, path)| Ok((case.clone(), label_of(path)?)));
    found.pair(complete, labels.collect::<Result<_, DataError>>()?);
    Ok(found)
}

/// A folder of PNG or TIFF files holds one 2D label image per slice; any other path is a single label map.
pub(super) fn label_of(path: &Path) -> Result<Label, DataError> {
    let pictures = match path.is_dir() {
        true => read::pictures(path).map_err(|error| DataError::Layout { reason: error.to_string() })?,
        false => Vec::new(),
    };
    Ok(if pictures.is_empty() { Label::Map(path.into()) } else { Label::Pictures(pictures) })
}

/// The files that match each image pattern: case name → file.
pub(super) fn files(root: &Path, name: &str, patterns: &[&str]) -> Result<Vec<BTreeMap<String, PathBuf>>, DataError> {
    let wrong =
        |pattern: &str, reason: String| DataError::Pattern { name: name.into(), pattern: pattern.into(), reason };
    let patterns: Result<Vec<_>, DataError> =
        patterns.iter().map(|text| Pattern::new(text).map_err(|reason| wrong(text, reason))).collect();
    Ok(matches(root, &patterns?)?.0)
}

/// Files by case, and the cases for which several files match, with the reason.
pub(super) type OfPattern = (BTreeMap<String, PathBuf>, BTreeMap<String, String>);

/// The files that match one pattern.
///
/// # Errors
/// What is wrong with the pattern; a folder that cannot be listed.
pub(super) fn of_pattern(root: &Path, pattern: &str) -> Result<Result<OfPattern, DataError>, String> {
    let pattern = Pattern::new(pattern)?;
    Ok(matches(root, &[pattern]).map(|(mut files, several)| {
        let mut files = files.pop().unwrap_or_default();
        several.keys().for_each(|case| drop(files.remove(case)));
        (files, several)
    }))
}

/// For each pattern: case name → file. A file that matches several patterns is assigned to the one with the most literal text.
///
/// Cases for which a pattern with `*` matches several files are returned with the reason.
fn matches(root: &Path, patterns: &[Pattern]) -> Result<(Matches, BTreeMap<String, String>), DataError> {
    let depth = patterns.iter().map(|pattern| pattern.depth).max().unwrap_or(1);
    let mut files = Vec::new();
    walk(root, "", depth, &mut files)?;
    let mut matches: Matches = vec![BTreeMap::new(); patterns.len()];
    let mut several = BTreeMap::new();
    for file in files {
        let fits = patterns.iter().enumerate().filter_map(|(number, pattern)| Some((number, pattern.case(&file)?)));
        if let Some((number, case)) = fits.max_by_key(|(number, _)| patterns[*number].literals)
            && let Some(other) = matches[number].insert(case.clone(), root.join(&file))
        {
            let (text, other) = (&patterns[number].text, other.display());
            several.insert(case, format!("{other} and {file} both match `{text}`: make the pattern more specific"));
        }
    }
    Ok((matches, several))
}

/// The path with `*` replaced by what is there; as written, if nothing matches.
///
/// # Errors
/// Several files match.
pub(super) fn only_match(root: &Path, path: &str) -> Result<PathBuf, String> {
    let mut places = vec![root.to_path_buf()];
    for part in path.split('/') {
        let expression = part.contains(ANY).then(|| Regex::new(&format!("^{}$", wild(part))).ok()).flatten();
        let Some(expression) = expression else {
            places.iter_mut().for_each(|place| place.push(part));
            continue;
        };
        let inside = |place: &PathBuf| {
            let names = visible_entries(place).unwrap_or_default().into_iter();
            names.filter(|name| expression.is_match(name)).map(|name| place.join(name)).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(inside).collect();
    }
    match places.as_slice() {
        [one] => Ok(one.clone()),
        [] => Ok(root.join(path)),
        [first, second, ..] => Err(format!(
            "{} and {} both match `{path}`: make the pattern more specific, or keep one of them",
            first.display(),
            second.display()
        )),
    }
}

/// Files by case, for each pattern.
type Matches = Vec<BTreeMap<String, PathBuf>>;

/// A regular expression of a text in which `*` stands for any text without a `/`.
fn wild(text: &str) -> String {
    text.split(ANY).map(regex::escape).collect::<Vec<_>>().join("[^/]*")
}

fn walk(root: &Path, below: &str, depth: usize, files: &mut Vec<String>) -> Result<(), DataError> {
    for entry in visible_entries(&root.join(below))? {
        let path = if below.is_empty() { entry } else { format!("{below}/{entry}") };
        if depth > 1 && root.join(&path).is_dir() {
            walk(root, &path, depth - 1, files)?;
        }
        // Folders are included: a series of slices is a folder.
        files.push(path);
    }
    Ok(())
}

struct Pattern {
    text: String,
    expression: Regex,
    literals: usize,
    depth: usize,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches("./").to_owned();
        if !text.contains(CASE) {
            return Err("has no {case} placeholder for the case name".into());
        }
        let escaped: Vec<String> = text.split(CASE).map(wild).collect();
        // With wildcards, the shortest case name that fits is taken.
        let name = if text.contains(ANY) { "([^/]+?)" } else { "([^/]+)" };
        let expression = Regex::new(&format!("^{}$", escaped.join(name))).map_err(|error| error.to_string())?;
        let literals = text.len() - CASE.len() * text.matches(CASE).count() - text.matches(ANY).count();
        let depth = text.split('/').count();
        Ok(Self { text, expression, literals, depth })
    }

    /// The case that a file belongs to; all occurrences of `{case}` must match the same name.
    fn case(&self, file: &str) -> Option<String> {
        let case = self.expression.captures(file)?.get(1)?.as_str();
        let filled = self.text.replace(CASE, case);
        let fits = match filled.contains(ANY) {
            true => Regex::new(&format!("^{}$", wild(&filled))).is_ok_and(|expression| expression.is_match(file)),
            false => filled == file,
        };
        fits.then(|| case.to_owned())
    }
}
