//! The dataset file that takes corrected labels in place of the old ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{DocumentMut, Item};

use super::document::{add, leave_out, seal_unions, structures_as_tables};
use super::labels::{current, folder};
use super::learn::{Learning, has_own_split, resembling, train_on};
use super::{Base, Correction, CorrectionError, FORMAT, PATIENCE, Record, is_file_name, list, of_all, read_record};
use crate::files;
use crate::plan::Role;
use crate::spec;
use crate::store::corrected::RECORD;
use crate::store::{Lock, Stored, write_json};
use crate::volume::format;

/// Folder of corrected labels below the data root.
const CORRECTIONS: &str = "corrections";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The dataset file.
    pub file: PathBuf,
    /// The folder of corrected labels.
    pub labels: PathBuf,
    /// The corrected cases.
    pub cases: Vec<String>,
    /// Structures of the old dataset that the run does not segment: they are background in the new one.
    #[serde(rename = "left-out")]
    pub left_out: Vec<String>,
    /// Structures of which the run segments the union, union by union: corrected labels do not tell them apart, and the new dataset says so.
    pub inseparable: Vec<Vec<String>>,
    /// Cases that train in the new dataset and did not train the run: corrected ones, and others of their patients.
    pub moved: Vec<String>,
    /// Number of test cases that the run has and that are not moved.
    pub test: usize,
    /// Whether the run's experiment states a split, which goes before that of the new dataset.
    #[serde(rename = "own-split")]
    pub own_split: bool,
    /// Whether the run is one of a cross-validation, in whose other folds its cases train.
    #[serde(rename = "cross-validation")]
    pub cross_validation: bool,
    /// Structures that a person added: the new dataset has them, and in cases that were not corrected they are background.
    pub added: Vec<String>,
}

/// Copies the corrected labels of a run to `DATA_ROOT/corrections/NAME`, and writes `DATASETS/NAME.toml`: the dataset of the run with these
/// labels in place of the old ones, which stay as they are, and with the structures that were added in them. Corrected labels that the
/// dataset has already are taken along, with what is known of them. Cases that began as a prediction train, as `learning` says. Nothing is saved
/// meanwhile.
///
/// # Errors
/// No corrections, or ones that belong to other images or were changed by hand; a name that is taken or is none; a dataset file that would
/// not be one; I/O errors.
pub fn write_dataset(
    run: &Stored,
    name: &str,
    learning: Learning,
    [datasets, data_root]: [&Path; 2],
) -> Result<Written, CorrectionError> {
    let refused = |reason: String| Err(CorrectionError::Refused(reason));
    if !spec::is_plain_name(name) {
        return refused(format!("{name:?} cannot be the name of a dataset: use letters, digits, `-` and `_`"));
    }
    let none = format!("the run {} has no corrected case: correct some in `segspec serve`", run.id());
    if list(run)?.is_empty() {
        return refused(none);
    }
    let _lock = Lock::wait(&folder(run)?.join(".lock"), PATIENCE)?;
    let corrections = list(run)?;
    if corrections.is_empty() {
        return refused(none);
    }
    let place = datasets.join(format!("{name}.toml"));
    let labels = data_root.join(CORRECTIONS).join(name);
    if let Some(there) = [&place, &labels].into_iter().find(|path| path.exists()) {
        return refused(format!("{} exists already; choose another name", there.display()));
    }
    let files =
        corrections.iter().map(|it| Ok((it.case.clone(), check(run, it)?))).collect::<Result<_, CorrectionError>>()?;
    let mut document = document_of(run)?;
    let earlier = document.get("corrections").and_then(Item::as_str).map(|folder| data_root.join(folder));
    document.insert("name", toml_edit::value(name));
    document.insert("corrections", toml_edit::value(format!("{CORRECTIONS}/{name}")));
    let mut written = adapt(&mut document, run, &corrections, learning).map_err(CorrectionError::Refused)?;
    (written.file, written.labels) = (place, labels);
    copy(run, (&files, &corrections), earlier.as_deref(), &written.labels)?;
    if let Err(error) = write(&written.file, &document) {
        // Nothing names the folder.
        let _ = fs::remove_dir_all(&written.labels);
        return Err(error);
    }
    Ok(written)
}

/// The dataset file of a run.
fn document_of(run: &Stored) -> Result<DocumentMut, CorrectionError> {
    let [_, source] = run.folder.specs();
    let text = fs::read_to_string(&source).map_err(|error| failed(&source, error))?;
    text.parse().map_err(|error| CorrectionError::Refused(format!("{}: {error}", source.display())))
}

/// Changes a dataset file to what corrected labels are; says what was changed.
fn adapt(
    document: &mut DocumentMut,
    run: &Stored,
    corrections: &[Correction],
    learning: Learning,
) -> Result<Written, String> {
    let target = &run.plan.target;
    structures_as_tables(document);
    let left_out = leave_out(document, target)?;
    let inseparable = seal_unions(document, target);
    let added = of_all(corrections)?;
    add(document, &added)?;
    let moved = match learning {
        Learning::Train => train_on(document, run, &resembling(run, corrections)),
        Learning::Keep => Vec::new(),
    };
    let tests = run.plan.data.cases.iter().filter(|case| case.role == Role::Test && !moved.contains(&case.name));
    Ok(Written {
        file: PathBuf::new(),
        labels: PathBuf::new(),
        cases: corrections.iter().map(|correction| correction.case.clone()).collect(),
        left_out,
        inseparable,
        test: tests.count(),
        moved,
        own_split: has_own_split(run),
        cross_validation: run.plan.about.folds > 1,
        added: added.into_iter().map(|it| it.name).collect(),
    })
}

/// Writes the dataset file, and reads it as `segspec run` would.
fn write(place: &Path, document: &DocumentMut) -> Result<(), CorrectionError> {
    files::write_atomic(place, document.to_string().as_bytes()).map_err(|error| failed(place, error))?;
    spec::load_dataset(place).map(drop).map_err(|problems| {
        let _ = fs::remove_file(place);
        CorrectionError::Refused(format!("the new dataset cannot be used: {problems}"))
    })
}

fn failed(path: &Path, source: std::io::Error) -> CorrectionError {
    CorrectionError::File { path: path.to_path_buf(), source }
}

/// The file of a correction of the run's image, if it is what was saved.
fn check(run: &Stored, correction: &Correction) -> Result<PathBuf, CorrectionError> {
    let case = &correction.case;
    let wrong = |reason: &str| {
        let path = super::file(run, case);
        Err(CorrectionError::Refused(format!("{}: {reason}", path.display())))
    };
    match run.plan.data.cases.iter().find(|planned| planned.name == *case && is_file_name(case)) {
        None => return wrong("the run has no such case"),
        Some(planned) if planned.content.image != correction.image => return wrong("its image has changed since"),
        Some(_) => {}
    }
    match current(run, correction)? {
        Some(path) => Ok(path),
        None => wrong("the file was changed since it was saved; correct the case again"),
    }
}

/// Copies the files of corrected cases, those of the dataset's earlier corrections of other cases, and what is known of both.
fn copy(
    run: &Stored,
    (files, corrections): (&BTreeMap<String, PathBuf>, &[Correction]),
    earlier: Option<&Path>,
    labels: &Path,
) -> Result<(), CorrectionError> {
    let mut known = Record { format: FORMAT, corrections: BTreeMap::new() };
    let mut wanted: Vec<(PathBuf, String)> = Vec::new();
    let mut record = BTreeMap::new();
    if let Some(earlier) = earlier {
        record = read_record(earlier)?.corrections;
        for (case, path, name) in kept(earlier, run, files)? {
            known.corrections.extend(record.get(&case).map(|it| (case, it.clone())));
            wanted.push((path, name));
        }
    }
    wanted.extend(files.iter().map(|(case, path)| (path.clone(), format!("{case}.nrrd"))));
    let with_earlier = |it: &Correction| {
        let earlier = record.get(&it.case).filter(|_| it.base == Base::Reference).cloned().map(Box::new);
        (it.case.clone(), Correction { earlier, ..it.clone() })
    };
    known.corrections.extend(corrections.iter().map(with_earlier));
    files::write_folder(
        labels,
        |error| failed(labels, error),
        |staged| {
            for (path, name) in &wanted {
                fs::copy(path, staged.join(name)).map_err(|error| failed(path, error))?;
            }
            Ok(write_json(&staged.join(RECORD), &known)?)
        },
    )
}

/// The label maps of earlier corrections, as a dataset reads them: none of a case that was corrected anew, nothing in folders below, and
/// nothing hidden. With their cases and names.
fn kept(
    earlier: &Path,
    run: &Stored,
    corrected: &BTreeMap<String, PathBuf>,
) -> Result<Vec<(String, PathBuf, String)>, CorrectionError> {
    let is_case = |name: &str| run.plan.data.cases.iter().any(|case| case.name == name);
    let mut kept = Vec::new();
    for entry in fs::read_dir(earlier).map_err(|error| failed(earlier, error))? {
        let path = entry.map_err(|error| failed(earlier, error))?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.') && path.is_file());
        let Some(name) = name.map(str::to_owned) else { continue };
        // Names of cases may end as a format does.
        let case = format::stems(&name).into_iter().find(|stem| is_case(stem)).or_else(|| format::stem(&name));
        if let Some(case) = case.filter(|case| !corrected.contains_key(*case)) {
            kept.push((case.to_owned(), path, name.clone()));
        }
    }
    kept.sort();
    Ok(kept)
}
