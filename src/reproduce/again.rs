//! Computes a recorded run again, beside the record.

use std::fs;
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::dataset::FileHashes;
use crate::dataset::content::content;
use crate::observe::Outcome;
use crate::plan::{Plan, RunIds, Work};
use crate::run::setting::hashes_file;
use crate::run::{RunError, Setting, one};
use crate::store::{Manifest, Stored};

/// Which stages are computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stages {
    /// Training, prediction and scores.
    #[default]
    All,
    /// Prediction and scores, by the recorded weights.
    Prediction,
    /// Scores of the recorded predictions.
    Scores,
}

/// Finds the folder with the data of a plan, by content: the first of some folders, or of the folders in them, that holds its cases.
///
/// # Errors
/// [`RunError::DataMoved`]: no folder has them, or one has them with another content, naming the file.
pub fn find_data(record: &Record, candidates: &[PathBuf], cache: &Path) -> Result<PathBuf, RunError> {
    let data = &record.plan.data;
    let Some(first) = data.cases.first() else { return Ok(data.found_at.clone()) };
    let has_first = |folder: &Path| data.case(first, folder).images.iter().all(|image| image.exists());
    let inside = |folder: &PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut below: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        below.sort();
        below
    };
    let mut folders: Vec<PathBuf> = candidates.to_vec();
    folders.extend(candidates.iter().flat_map(inside));
    folders.retain(|folder| has_first(folder));
    folders.dedup();
    let hashes = FileHashes::open(&hashes_file(cache));
    let mut wrong = None;
    for folder in folders {
        match changed(record, &folder, &hashes) {
            None => {
                hashes.save()?;
                return Ok(folder);
            }
            Some(reason) => drop(wrong.get_or_insert((folder, reason))),
        }
    }
    hashes.save()?;
    let (folder, reason) = wrong.unwrap_or_else(|| {
        let text = format!("no folder has the case {}; name the folder of the images with --data", first.name);
        (data.found_at.clone(), text)
    });
    Err(RunError::DataMoved { folder, reason })
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
        let differs = |((_, path), hash): (&(String, PathBuf), &crate::dataset::FileHash)| {
            let same = hashes.of(path).is_ok_and(|found| found == hash.blake3);
            (!same).then(|| path.display().to_string())
        };
        let file = files.iter().zip(known).find_map(differs).filter(|_| files.len() == known.len());
        return Some(format!("{} {reason}", file.unwrap_or_else(|| format!("case {}", planned.name))));
    }
    None
}

/// Computes a run again below `root`, with the runs that it depends on; what an interrupted call did is kept.
///
/// # Errors
/// Those of the run, and [`RunError::Needs`] for a run that it depends on and that is not on record.
pub fn again(record: &Record, data: &Path, root: &Path, stages: Stages, setting: &Setting) -> Result<Stored, RunError> {
    for ids in needed(&record.plan) {
        let missing = || RunError::Needs { run: ids.training.clone() };
        let beside = record.folder.as_ref().and_then(|folder| sibling(folder, ids)).ok_or_else(missing)?;
        again(&Record::of_folder(&beside)?, data, root, stages, setting)?;
    }
    let mut plan = record.plan.clone();
    plan.data.found_at = data.to_path_buf();
    let run = Stored::new(root, plan);
    if stages != Stages::All {
        take_over(record, &run, stages)?;
    }
    let setting = Setting { data_root: None, ..setting.clone() };
    match one::run(&run, &setting, [1, 1]) {
        Outcome::Finished | Outcome::Skipped => Ok(run),
        Outcome::Stopped => Err(RunError::Interrupted),
        Outcome::Failed { reason, .. } => Err(RunError::NothingThere(reason)),
        outcome => Err(RunError::NothingThere(outcome.words())),
    }
}

/// The runs that a plan refers to: members of an ensemble, the first stage of a cascade.
fn needed(plan: &Plan) -> Vec<&RunIds> {
    let members = match &plan.work {
        Work::Average(average) => average.members.as_slice(),
        Work::Train(_) => &[],
    };
    members.iter().chain(plan.look.first()).collect()
}

fn sibling(folder: &Path, ids: &RunIds) -> Option<PathBuf> {
    let path = folder.with_file_name(&ids.training);
    path.is_dir().then_some(path)
}

/// Copies the recorded weights, and for scores alone the predictions, so that what follows is computed again.
fn take_over(record: &Record, run: &Stored, stages: Stages) -> Result<(), RunError> {
    let (Some(folder), Some(manifest)) = (&record.folder, &record.manifest) else { return Ok(()) };
    if run.folder.manifest().exists() {
        // An earlier call has done it.
        return Ok(());
    }
    let recorded = crate::store::RunFolder::at(folder);
    copy(&recorded.checkpoints(), &run.folder.checkpoints())?;
    let mut new =
        Manifest { training: manifest.training.clone(), ..Manifest::new(&run.id(), &manifest.device, manifest.seed) };
    for file in [recorded.history(), recorded.history_json(), recorded.pretrained()] {
        if let Some(name) = file.file_name().filter(|_| file.is_file()) {
            let target = run.folder.path().join(name);
            fs::copy(&file, &target).map_err(RunError::file(target.clone()))?;
        }
    }
    if stages == Stages::Scores {
        let place = recorded.prediction(&run.ids.prediction);
        copy(place.path(), run.prediction().path())?;
        let evaluation = run.evaluation();
        if evaluation.path().is_dir() {
            fs::remove_dir_all(evaluation.path()).map_err(RunError::file(evaluation.path().into()))?;
        }
        let known = manifest.predictions.get(&run.ids.prediction).cloned();
        let known = known.map(|known| crate::store::PredictionRecord { evaluations: Default::default(), ..known });
        new.predictions.extend(known.map(|known| (run.ids.prediction.clone(), known)));
    }
    Ok(run.folder.write_manifest(&new)?)
}

fn copy(from: &Path, to: &Path) -> Result<(), RunError> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).map_err(RunError::file(to.into()))?;
    for entry in fs::read_dir(from).map_err(RunError::file(from.into()))?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(RunError::file(target.clone()))?;
        }
    }
    Ok(())
}
