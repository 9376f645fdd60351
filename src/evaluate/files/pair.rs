//! Pairs predictions with references by the names of cases, in the readings of both sides that fit best.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::side::{Form, Reading, Side, Source};
use crate::dataset::name::folded;
use crate::volume::format;

/// A case of the reference with its prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name of the case.
    pub case: String,
    /// The reference's labels.
    pub reference: Source,
    /// The predicted labels; `None` if there are none, which counts as nothing predicted.
    pub prediction: Option<Source>,
}

/// All pairs of two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// In the order of case names.
    pub pairs: Vec<Pair>,
    /// Predictions without a reference, in the order of their names. They are not scored.
    pub extra: Vec<PathBuf>,
    /// Cases of the reference without a prediction, if that is allowed.
    pub missing: Vec<String>,
    /// What makes up a case on either side, in words.
    pub forms: [&'static str; 2],
}

/// What is done with references without a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is scored.
    #[default]
    Error,
    /// They are left out.
    Skip,
    /// They are scored as if nothing had been predicted.
    Empty,
}

/// What is to be paired.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Only these cases; all if empty.
    pub cases: Vec<String>,
    /// What is done with references without a prediction.
    pub missing: Missing,
}

/// Why references and predictions cannot be paired.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A path is missing or cannot be listed.
    #[error("{path}: {source}")]
    List {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No label file in a folder.
    #[error(
        "{path}: no label file in this folder or below ({}, .stl, .obj, .ply, DICOM SEG, RTSTRUCT): {seen}",
        format::ENDINGS.join(", ")
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        seen: String,
    },
    /// Two files of one folder have the same case name.
    #[error("case `{case}` has two files: {first} and {second}; remove one of them")]
    Twice {
        /// The case.
        case: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Several files of a folder may be the labels of its case.
    #[error(
        "case `{case}` may be {first} or {second}: --layout files takes each file as a case of its own, --layout masks as the mask of a \
         structure; else leave one of the files out"
    )]
    Doubt {
        /// The case.
        case: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// References without a prediction. They are never skipped unless that is asked for: that would hide failures.
    #[error("{}", missing_message(folder, references, *found))]
    Missing {
        /// Folder of the predictions.
        folder: PathBuf,
        /// The references without one.
        references: Vec<PathBuf>,
        /// References that have one.
        found: usize,
    },
    /// No reference has a prediction.
    #[error(
        "no prediction for {count} reference(s): no case is on both sides\n  reference:  {reference}\n  prediction: {prediction}\n{remedy}"
    )]
    Nothing {
        /// Number of references.
        count: usize,
        /// What was seen of the references.
        reference: String,
        /// What was seen of the predictions.
        prediction: String,
        /// What would pair.
        remedy: String,
    },
    /// Cases that were asked for and that the reference lacks.
    #[error("--cases: no reference is called {}; there are: {known}", cases.join(", "))]
    Unknown {
        /// The cases.
        cases: Vec<String>,
        /// Some that there are.
        known: String,
    },
}

/// References that are listed by name.
const LISTED: usize = 5;

fn missing_message(folder: &std::path::Path, references: &[PathBuf], found: usize) -> String {
    let mut names: Vec<String> = references.iter().take(LISTED).map(|path| format!("  {}", path.display())).collect();
    let count = references.len();
    if count > LISTED {
        names.push(format!("  and {} more", count - LISTED));
    }
    format!(
        "{}: no prediction for {count} of {} references:\n{}\n--missing empty scores them as nothing predicted, \
         --missing skip leaves them out, --cases chooses cases",
        folder.display(),
        found + count,
        names.join("\n")
    )
}

/// Pairs the cases of two sides. Two files are paired whatever their names; with one file, only its case is taken.
///
/// # Errors
/// [`PairError`] if nothing pairs, for missing predictions, and for cases that do not exist.
pub fn pair(reference: &Side, prediction: &Side, request: &Request) -> Result<Pairs, PairError> {
    // Where none of the chosen cases has a prediction, the others show how the sides belong together.
    let found = match best(reference, prediction, &request.cases)? {
        None => best(reference, prediction, &[])?,
        found => found,
    };
    let Some((ours, theirs)) = found else {
        unknown(reference, &request.cases)?;
        return Err(nothing(reference, prediction));
    };
    let wanted = chosen(ours, &request.cases)?;
    let mut predictions = theirs.cases.clone();
    if together(ours, theirs) {
        predictions = wanted.keys().cloned().zip(predictions.into_values()).collect();
    }
    let mut pairs = Pairs { forms: [ours.form.words(), theirs.form.words()], ..Pairs::default() };
    let mut missing = Vec::new();
    for (case, reference) in wanted {
        match (predictions.remove(&case), request.missing) {
            (Some(found), _) => pairs.pairs.push(Pair { case, reference, prediction: Some(found) }),
            // A single prediction belongs to one of the references.
            (None, _) if prediction.is_file => {}
            (None, Missing::Error) => missing.push(reference.path().to_owned()),
            (None, Missing::Skip) => pairs.missing.push(case),
            (None, Missing::Empty) => {
                pairs.missing.push(case.clone());
                pairs.pairs.push(Pair { case, reference, prediction: None });
            }
        }
    }
    if !missing.is_empty() {
        let found = pairs.pairs.len();
        return Err(PairError::Missing { folder: prediction.root.clone(), references: missing, found });
    }
    if !reference.is_file && request.cases.is_empty() {
        let paired = pairs.pairs.iter().filter_map(|pair| pair.prediction.as_ref());
        let has_pictures = paired.map(Source::path).any(is_picture);
        let extra = predictions.values().map(Source::path).filter(|path| has_pictures || !is_picture(path));
        pairs.extra = extra.map(Path::to_owned).collect();
    }
    Ok(pairs)
}

/// Whether a file is a picture. Beside volumes it belongs to a report, and is no prediction that lacks a reference.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    ["png", "jpg", "jpeg"].iter().any(|picture| ending == *picture)
}

/// The readings of both sides that fit best; `None` if no case is on both.
///
/// # Errors
/// Two readings that fit equally well and differ.
fn best<'a>(
    reference: &'a Side,
    prediction: &'a Side,
    cases: &[String],
) -> Result<Option<(&'a Reading, &'a Reading)>, PairError> {
    let mut best: Option<(Fit, &Reading, &Reading)> = None;
    let mut rival: Option<(&Reading, &Reading)> = None;
    for ours in &reference.readings {
        for theirs in &prediction.readings {
            let fit = Fit::of(ours, theirs, reference.is_file || prediction.is_file, cases);
            match &best {
                Some((known, ..)) if known.is_better(&fit) => {}
                Some((known, ..)) if !fit.is_better(known) => rival = Some((ours, theirs)),
                _ => (best, rival) = (Some((fit, ours, theirs)), None),
            }
        }
    }
    let Some((_, ours, theirs)) = best.filter(|(fit, ..)| fit.paired > 0) else { return Ok(None) };
    let doubt = rival.and_then(|(other, others)| doubt(ours, other).or_else(|| doubt(theirs, others)));
    match (doubt, file_by_file(reference, prediction)) {
        (None, _) => Ok(Some((ours, theirs))),
        // Both sides have the same tree: there is nothing to guess.
        (Some(_), Some(files)) => Ok(Some(files)),
        (Some(doubt), None) => Err(doubt),
    }
}

/// The readings that take each file as a case, if every reference has a prediction then.
fn file_by_file<'a>(reference: &'a Side, prediction: &'a Side) -> Option<(&'a Reading, &'a Reading)> {
    let files = |side: &'a Side| side.readings.iter().find(|reading| reading.form == Form::Files);
    let (ours, theirs) = (files(reference)?, files(prediction)?);
    ours.cases.keys().all(|case| theirs.cases.contains_key(case)).then_some((ours, theirs))
}

/// A case that has other files in an equally good reading.
fn doubt(one: &Reading, other: &Reading) -> Option<PairError> {
    let (case, first) =
        one.cases.iter().find(|(case, source)| other.cases.get(*case).is_some_and(|it| it != *source))?;
    let (first, second) = (first.path().to_owned(), other.cases.get(case)?.path().to_owned());
    Some(PairError::Doubt { case: case.clone(), first, second })
}

/// How much less likely readings are that are not both masks of some of the same names: more than the difference between a mask that is
/// the only one of its case, and a label file.
const NO_NAMES: usize = 15;

/// How well two readings fit.
struct Fit {
    paired: usize,
    wanted: usize,
    rank: usize,
}

impl Fit {
    fn of(ours: &Reading, theirs: &Reading, single: bool, cases: &[String]) -> Self {
        let rank = ours.rank + theirs.rank + if share_names(ours, theirs) { 0 } else { NO_NAMES };
        if together(ours, theirs) {
            return Self { paired: 1, wanted: 1, rank };
        }
        let is_wanted = |case: &&String| cases.is_empty() || cases.contains(case);
        let paired = ours.cases.keys().filter(is_wanted).filter(|case| theirs.cases.contains_key(*case)).count();
        let wanted = match (single, cases.len()) {
            (true, _) => 1,
            (false, 0) => ours.cases.len(),
            (false, count) => count,
        };
        Self { paired, wanted, rank }
    }

    /// The larger part of the references that is paired decides, else the likelier readings.
    fn is_better(&self, other: &Self) -> bool {
        let [own, others] = [self.paired * other.wanted.max(1), other.paired * self.wanted.max(1)];
        own > others || own == others && self.rank < other.rank
    }
}

/// Whether both sides have masks, and some of the same names.
fn share_names(ours: &Reading, theirs: &Reading) -> bool {
    let names = |source: &Source| -> BTreeSet<String> {
        match source {
            Source::Masks(masks) => masks.iter().map(|(name, _)| folded(name)).collect(),
            _ => BTreeSet::new(),
        }
    };
    let shared = |(case, source): (&String, &Source)| {
        theirs.cases.get(case).is_some_and(|other| !names(source).is_disjoint(&names(other)))
    };
    ours.cases.iter().any(shared)
}

/// Whether the only cases of both sides belong together whatever their names.
fn together(ours: &Reading, theirs: &Reading) -> bool {
    ours.alone && theirs.alone
}

fn chosen(reading: &Reading, cases: &[String]) -> Result<BTreeMap<String, Source>, PairError> {
    let absent: Vec<String> =
        cases.iter().filter(|case| !reading.cases.contains_key(*case)).map(|case| format!("`{case}`")).collect();
    if !absent.is_empty() {
        return Err(PairError::Unknown { cases: absent, known: examples(reading.cases.keys()) });
    }
    let mut wanted = reading.cases.clone();
    wanted.retain(|case, _| cases.is_empty() || cases.contains(case));
    Ok(wanted)
}

/// Refuses cases that no reading of the reference has.
fn unknown(reference: &Side, cases: &[String]) -> Result<(), PairError> {
    let knows = |case: &String| reference.readings.iter().any(|reading| reading.cases.contains_key(case));
    let absent: Vec<String> = cases.iter().filter(|case| !knows(case)).map(|case| format!("`{case}`")).collect();
    match (absent.is_empty(), reference.readings.iter().min_by_key(|reading| reading.rank)) {
        (false, Some(first)) => Err(PairError::Unknown { cases: absent, known: examples(first.cases.keys()) }),
        _ => Ok(()),
    }
}

fn examples<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(3);
    let mut shown: Vec<String> = names.take(3).map(|name| format!("`{name}`")).collect();
    shown.extend((more > 0).then(|| format!("and {more} more")));
    shown.join(", ")
}

fn nothing(reference: &Side, prediction: &Side) -> PairError {
    let remedy = repeated(reference, prediction)
        .or_else(|| repeated(prediction, reference))
        .or_else(|| alike(reference, prediction))
        .unwrap_or_else(|| {
            "Paired are: files of the same name whatever their endings (a.nii.gz, a.seg.nrrd), folders of the same name \
             (a/liver.nii.gz, a/spleen.nii.gz; a/segmentation.nii.gz; a/001.png, …; a/seg.dcm), and DICOM objects of \
             one series or patient. --layout masks reads a single folder as the masks of one case."
                .into()
        });
    let count = reference.readings.iter().min_by_key(|reading| reading.rank).map_or(0, |reading| reading.cases.len());
    PairError::Nothing { count, reference: reference.seen(), prediction: prediction.seen(), remedy }
}

/// Names that differ only in what is added to all of one side: `a` and `a_0000`.
fn alike(reference: &Side, prediction: &Side) -> Option<String> {
    let names = |side: &Side| -> BTreeSet<String> {
        side.readings.iter().flat_map(|reading| reading.cases.keys().cloned()).collect()
    };
    let (ours, theirs) = (names(reference), names(prediction));
    let added = |short: &str, long: &str| {
        let rest = long.strip_prefix(short).or_else(|| long.strip_suffix(short))?;
        (!rest.is_empty() && !rest.chars().all(|letter| letter.is_ascii_digit())).then(|| rest.to_owned())
    };
    for ours in &ours {
        for theirs in &theirs {
            let Some(rest) = added(ours, theirs).or_else(|| added(theirs, ours)) else { continue };
            return Some(format!(
                "`{ours}` and `{theirs}` would pair without `{rest}`: give the files of a case one name"
            ));
        }
    }
    None
}

/// Several files of one name, which the other side has once.
fn repeated(side: &Side, other: &Side) -> Option<String> {
    let has = |name: &String| other.readings.iter().any(|reading| reading.cases.contains_key(name));
    let (name, count) = side.repeated.iter().find(|(name, _)| has(name))?;
    let root = side.root.display();
    Some(format!("{count} files below {root} are called `{name}`: the other side needs the same folders"))
}

#[cfg(test)]
mod tests;
