//! Finds the data of a recorded run by content, also in renamed and moved folders and under other names of files.

use std::fs;
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::Cancel;
use crate::dataset::content::content;
use crate::dataset::{self, Case, Content, Dataset, Excluded, FileHash, FileHashes};
use crate::plan::{Plan, PlannedCase};
use crate::run::RunError;
use crate::run::setting::hashes_file;

/// Most cases that a message names.
const NAMED: usize = 4;

/// The data of a plan on this machine.
#[derive(Clone, Debug)]
pub struct Located {
    folder: PathBuf,
    /// Cases by their content, where files have other names than in the plan.
    cases: Vec<(Case, Content)>,
    /// What is worth saying.
    notes: Vec<String>,
}

impl Located {
    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folders that came first, and have other data.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The plan with its files where they are.
    pub fn plan(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        plan.data.found_at.clone_from(&self.folder);
        for planned in &mut plan.data.cases {
            if let Some((case, _)) = self.cases.iter().find(|(_, content)| *content == planned.content) {
                let case = case.clone();
                (planned.images, planned.stack_spacing_mm, planned.series) =
                    (case.images, case.stack_spacing_mm, case.series);
                (planned.label, planned.ignored) = (case.label, case.ignored);
            }
        }
        plan
    }
}

/// Finds the folder that holds the cases of a plan: one of `candidates`, or of the folders in them. Where the plan's files are not in any,
/// their cases are listed as `dataset` says.
///
/// # Errors
/// [`RunError::DataMoved`]: no folder has them, or one has them with another content, naming the file.
pub fn locate(
    record: &Record,
    dataset: Option<&Dataset>,
    candidates: &[PathBuf],
    cache: &Path,
    cancel: &Cancel,
) -> Result<Located, RunError> {
    let data = &record.plan.data;
    let Some(first) = data.cases.first() else {
        return Ok(Located { folder: data.found_at.clone(), cases: Vec::new(), notes: Vec::new() });
    };
    let folders = folders(candidates);
    let hashes = FileHashes::open(&hashes_file(cache));
    // A packed plan has no paths.
    let has_first = |folder: &&PathBuf| {
        let case = data.case(first, folder);
        !case.images.is_empty() && case.images.iter().all(|image| image.exists())
    };
    let (mut wrong, mut why) = (None, Vec::new());
    for folder in folders.iter().filter(has_first) {
        match changed(record, folder, &hashes) {
            None => {
                hashes.save()?;
                let skipped = |(folder, reason): (PathBuf, String)| {
                    format!(
                        "the data in {} is not that of the record ({reason}); another folder has it",
                        folder.display()
                    )
                };
                let notes = wrong.map(skipped).into_iter().collect();
                return Ok(Located { folder: folder.clone(), cases: Vec::new(), notes });
            }
            Some(reason) => drop(wrong.get_or_insert((folder.clone(), reason))),
        }
    }
    if wrong.is_none()
        && let Some(dataset) = dataset
    {
        for folder in &folders {
            match listed(record, dataset, folder, &hashes, cancel)? {
                Ok(cases) => {
                    hashes.save()?;
                    return Ok(Located { folder: folder.clone(), cases, notes: Vec::new() });
                }
                Err(Unlike::Some(reason)) => drop(wrong.get_or_insert((folder.clone(), reason))),
                Err(Unlike::All(reason)) => why.push(format!("{}: {reason}", folder.display())),
            }
        }
    }
    hashes.save()?;
    let (folder, reason) = wrong.unwrap_or_else(|| (data.found_at.clone(), nowhere(first, dataset.is_some(), &why)));
    Err(RunError::DataMoved { folder, reason })
}

/// Why a folder has not all cases of a plan.
enum Unlike {
    /// Some of them are there.
    Some(String),
    /// None is.
    All(String),
}

/// The message where no folder has any case.
fn nowhere(first: &PlannedCase, has_dataset: bool, why: &[String]) -> String {
    let looked = match why.is_empty() {
        true => String::new(),
        false => format!(" (looked in {})", why.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ")),
    };
    let remedy = match has_dataset {
        true => {
            "name the folder of the images with --data, and where their layout or names changed, a dataset file with --dataset"
        }
        false => {
            "the record has no dataset file: name that of the data with --dataset FILE, and its folder with --data"
        }
    };
    format!("no folder has the case {}{looked}; {remedy}", first.name)
}

/// The folders that are looked in: those that were named, then those in them.
fn folders(candidates: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = candidates.iter().filter(|folder| folder.is_dir()).cloned().collect();
    folders.extend(candidates.iter().flat_map(|folder| inside(folder)));
    folders.dedup();
    folders
}

/// Folders in a folder, sorted.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut below: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    below.sort();
    below
}

/// The cases of a folder, if every planned one is among them by content; else what is missing, if any is there.
fn listed(
    record: &Record,
    dataset: &Dataset,
    folder: &Path,
    hashes: &FileHashes,
    cancel: &Cancel,
) -> Result<Result<Vec<(Case, Content)>, Unlike>, RunError> {
    let root = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    let spec = Dataset { root: root.display().to_string(), generate: None, ..dataset.clone() };
    let opened = match dataset::open(&spec, "the record's dataset file", Path::new(""), cancel) {
        Ok(opened) if !opened.cases.is_empty() => opened,
        Ok(opened) => return Ok(Err(Unlike::All(Excluded::grouped(&opened.excluded)))),
        Err(error) => return Ok(Err(Unlike::All(error.to_string()))),
    };
    let mut found = Vec::new();
    for case in opened.cases {
        if cancel.is_stopped() {
            return Err(RunError::Interrupted);
        }
        if let Ok(content) = content(&case, &|path| hashes.of(path)) {
            found.push((case, content));
        }
    }
    let planned = &record.plan.data.cases;
    let is_there = |planned: &&PlannedCase| found.iter().any(|(_, content)| *content == planned.content);
    let missing = planned.iter().filter(|planned| !is_there(planned)).count();
    match missing {
        0 => Ok(Ok(found)),
        all if all == planned.len() => Ok(Err(Unlike::All("none of its cases has the content of the record".into()))),
        some => {
            let is_planned = |content: &Content| planned.iter().any(|planned| planned.content == *content);
            let others = found.iter().filter(|(_, content)| !is_planned(content));
            let names: Vec<String> = others.take(NAMED).map(|other| unlike(other, planned)).collect();
            let others = match names.is_empty() {
                true => "no other case lies there".into(),
                false => format!("not that of the record: {}", names.join(", ")),
            };
            let of = planned.len();
            Ok(Err(Unlike::Some(format!(
                "{some} of {of} cases of the record are not there, or were changed; {others}"
            ))))
        }
    }
}

/// The file of a case that differs: its label where the image is on record.
fn unlike((case, content): &(Case, Content), planned: &[PlannedCase]) -> String {
    let has_image = planned.iter().any(|planned| planned.content.image == content.image);
    let files = case.files().unwrap_or_default();
    let label = files.iter().find(|(role, _)| role == "label").filter(|_| has_image);
    let file = label.map(|(_, path)| path.clone()).or_else(|| case.images.first().cloned()).unwrap_or_default();
    file.display().to_string()
}

/// The first file or case of a folder that differs from the record.
fn changed(record: &Record, folder: &Path, hashes: &FileHashes) -> Option<String> {
    let data = &record.plan.data;
    for planned in &data.cases {
        let case = data.case(planned, folder);
        let found = content(&case, &|path| hashes.of(path));
        if found.as_ref().is_ok_and(|found| *found == planned.content) {
            continue;
        }
        let reason = match found {
            Err(error) => return Some(format!("case {} cannot be read: {error}", planned.name)),
            Ok(_) => "differs from the record",
        };
        // Which of its files, where the record has their hashes.
        let known = record.files.get(&planned.name).map(Vec::as_slice).unwrap_or_default();
        let files = case.files().unwrap_or_default();
        let differs = |((_, path), hash): (&(String, PathBuf), &FileHash)| {
            let same = hashes.of(path).is_ok_and(|found| found == hash.blake3);
            (!same).then(|| path.display().to_string())
        };
        let file = files.iter().zip(known).find_map(differs).filter(|_| files.len() == known.len());
        return Some(format!("{} {reason}", file.unwrap_or_else(|| format!("case {}", planned.name))));
    }
    None
}
