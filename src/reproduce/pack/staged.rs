//! The files of a packed run, in a folder that has the form of a run root.

use std::fs;
use std::path::{Path, PathBuf};

use super::names::Names;
use crate::evaluate::table;
use crate::plan::{LookPlan, Plan, RunIds, Work};
use crate::predict::spec::Weights;
use crate::reproduce::verify;
use crate::run::{RunError, report};
use crate::spec::carried::portable;
use crate::store::{Stored, read_json, write_json};

/// Runs that were staged, by their ids before and after.
pub type Staged = Vec<(RunIds, Stored)>;

/// The runs that a plan refers to: members of an ensemble, the first stage of a cascade.
pub fn needed(plan: &Plan) -> Vec<&RunIds> {
    plan.work.members().iter().chain(plan.look.first()).collect()
}

/// Writes a run, and first those that it depends on, below `root`; returns it with its new ids.
///
/// # Errors
/// A file of it is missing, damaged or cannot be written.
pub fn stage(run: &Stored, root: &Path, names: &Names, known: &mut Staged) -> Result<Stored, RunError> {
    if let Some((_, there)) = known.iter().find(|(ids, _)| *ids == run.ids) {
        return Ok(there.clone());
    }
    let mut plan = names.plan(run.plan.clone());
    for ids in needed(&run.plan) {
        let other = run.beside(ids).map_err(|_| RunError::Needs { run: ids.training.clone() })?;
        let new = stage(&other, root, names, known)?;
        refer(&mut plan, ids, &new.ids);
    }
    let new = Stored::new(root, plan);
    new.write_plan()?;
    let manifest = run.folder.read_manifest()?.ok_or_else(|| RunError::Needs { run: run.id() })?;
    verify::record(run, &manifest)?;
    let mut manifest = names.manifest(manifest, &run.ids, &new.ids);
    for member in &mut manifest.members {
        if let Some((_, there)) = known.iter().find(|(ids, _)| *ids == member.run) {
            member.run = there.ids.clone();
        }
    }
    training(run, &new)?;
    specs(run, &new, names)?;
    prediction(run, &new, names)?;
    tables(run, &new, names)?;
    new.folder.write_manifest(&manifest)?;
    report::write(std::slice::from_ref(&new), &[], None, &new.evaluation().report())?;
    report::write_card(&new, Some("THIS.tar.gz --data DIR".into()))?;
    known.push((run.ids.clone(), new.clone()));
    Ok(new)
}

/// Puts the new ids of a run in place of the old ones.
fn refer(plan: &mut Plan, old: &RunIds, new: &RunIds) {
    if let Work::Average(average) = &mut plan.work {
        average.members.iter_mut().filter(|ids| *ids == old).for_each(|ids| ids.clone_from(new));
    }
    if let LookPlan::Slices { first, .. } | LookPlan::Labels { first, .. } | LookPlan::Box { first, .. } =
        &mut plan.look
        && first == old
    {
        first.clone_from(new);
    }
}

/// Weights and history.
fn training(run: &Stored, new: &Stored) -> Result<(), RunError> {
    let (from, to) = (&run.folder, &new.folder);
    let mut files = vec![from.history(), from.history_json(), from.best_weights(), from.last_state()];
    let is_last = !from.best_weights().is_file() || run.plan.predict.weights == Weights::Last;
    if is_last {
        files.push(from.last_weights());
        files.push(from.last_weights().with_file_name("average.bpk"));
    }
    for file in files.iter().filter(|file| file.is_file()) {
        let name = file.strip_prefix(from.path()).unwrap_or(file);
        copy(file, &to.path().join(name))?;
    }
    Ok(())
}

/// The experiment and dataset files, if they name no case.
fn specs(run: &Stored, new: &Stored, names: &Names) -> Result<(), RunError> {
    let [experiment, dataset] = run.folder.specs().map(|path| fs::read_to_string(path).unwrap_or_default());
    let root = run.plan.data.dataset.as_str();
    let Some(texts) = portable(&experiment, &dataset, root, &names.secrets()) else { return Ok(()) };
    for (path, text) in new.folder.specs().iter().zip(texts) {
        fs::write(path, text).map_err(RunError::file(path.clone()))?;
    }
    Ok(())
}

/// What lies beside the predictions: names of values, unusable cases, counts.
fn prediction(run: &Stored, new: &Stored, names: &Names) -> Result<(), RunError> {
    let (from, to) = (run.prediction(), new.prediction());
    copy_if_there(&from.label_map(), &to.label_map())?;
    if let Some(excluded) = read_json::<Vec<crate::dataset::Excluded>>(&from.excluded())? {
        let excluded: Vec<_> = excluded.iter().map(|row| names.excluded(row)).collect();
        write_json(&to.excluded(), &excluded)?;
    }
    for case in &run.plan.data.cases {
        let name = names.path(&format!("{}.json", case.name));
        let name = name.trim_end_matches(".json");
        copy_if_there(&from.reliability(&case.name), &to.reliability(name))?;
        copy_if_there(&from.looked_at(&case.name), &to.looked_at(name))?;
    }
    table_of(from.slices(), to.slices(), names)
}

fn tables(run: &Stored, new: &Stored, names: &Names) -> Result<(), RunError> {
    let (from, to) = (run.evaluation(), new.evaluation());
    table_of(from.scores(), to.scores(), names)?;
    table_of(from.variants(), to.variants(), names)?;
    table_of(from.slices(), to.slices(), names)?;
    table_of(from.cascade(), to.cascade(), names)?;
    table_of(from.clicks(), to.clicks(), names)
}

fn table_of(from: (PathBuf, PathBuf), to: (PathBuf, PathBuf), names: &Names) -> Result<(), RunError> {
    if !from.0.is_file() {
        return Ok(());
    }
    let table = names.table(table::read_any(&from.0)?)?;
    if let Some(folder) = to.0.parent() {
        fs::create_dir_all(folder).map_err(RunError::file(folder.into()))?;
    }
    Ok(table::write(&table, &to.0, &to.1)?)
}

fn copy_if_there(from: &Path, to: &Path) -> Result<(), RunError> {
    if from.is_file() { copy(from, to) } else { Ok(()) }
}

fn copy(from: &Path, to: &Path) -> Result<(), RunError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(RunError::file(folder.into()))?;
    }
    fs::copy(from, to).map(drop).map_err(RunError::file(to.into()))
}
