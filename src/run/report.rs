//! Gathers finished runs into the report of a run or of an experiment.

use std::path::Path;

use super::error::RunError;
use super::finder::thresholds;
use super::predicting::context;
use super::store::{RunFolder, Status};
use super::{panels, tables, trial};
use crate::evaluate::{Context, Variant, cascade, slices, table};
use crate::plan::Plan;
use crate::predict::cascade::CascadePlan;
use crate::report::{self, ClassifierInput, Report, ReportFiles, ReportInput, RunInput};

/// What a report shows of finished runs.
///
/// # Errors
/// No run is finished, or a table cannot be read.
pub fn gather(folders: &[RunFolder]) -> Result<ReportInput, RunError> {
    let finished: Vec<&RunFolder> = folders.iter().filter(|folder| folder.status() == Status::Finished).collect();
    let plans = finished.iter().map(|folder| folder.read_plan().map_err(RunError::file(folder.plan())));
    let plans = plans.collect::<Result<Vec<Plan>, _>>()?;
    let mut experiments: Vec<&str> = Vec::new();
    for plan in &plans {
        let name = plan.about.experiment.as_str();
        if !experiments.contains(&name) {
            experiments.push(name);
        }
    }
    let several = experiments.len() > 1;
    let (mut runs, mut classifiers) = (Vec::new(), Vec::new());
    for (folder, plan) in finished.iter().zip(&plans) {
        if plan.model.slices().is_some() && plan.members.is_empty() {
            classifiers.push(classifier_input(folder, plan, &finished)?);
        } else {
            runs.extend(run_inputs(folder, plan)?);
        }
    }
    // A cascade's classifier looks for other structures than its segmenter.
    let segments = plans.iter().find(|plan| plan.model.slices().is_none());
    let Some(plan) = segments.or(plans.first()) else {
        return Err(RunError::NothingThere("no finished run: `segspec run` first".into()));
    };
    Ok(ReportInput {
        title: experiments.join(", "),
        subtitle: if several { descriptions(&plans) } else { subtitle(plan, folders) },
        notes: Vec::new(),
        target: plan.target.clone(),
        runs,
        classifiers,
        success_dice: plan.evaluate.success_dice.clone(),
    })
}

/// Writes a report of finished runs into a folder, with what the author says of them.
///
/// # Errors
/// As [`gather`], and the disk's.
pub fn write(folders: &[RunFolder], notes: &[String], out: &Path) -> Result<(Report, ReportFiles), RunError> {
    let report = Report::new(ReportInput { notes: notes.to_vec(), ..gather(folders)? })?;
    let files = report::write(&report, out)?;
    Ok((report, files))
}

/// A run, before it what it is compared with: earlier passes, a segmenter without its cascade.
fn run_inputs(folder: &RunFolder, plan: &Plan) -> Result<Vec<RunInput>, RunError> {
    let mut result = run_input(folder, plan)?;
    let mut runs = Vec::new();
    let mut passes = 0;
    for (variant, scores) in tables::read_variants(folder)? {
        passes += usize::from(matches!(variant, Variant::Pass(_)));
        let context = Context { trial: result.context.trial.variant(variant), ..result.context.clone() };
        let (panels, excluded) = (Vec::new(), Vec::new());
        runs.push(RunInput { context, scores, history: None, panels, excluded, skipped: None, ..result.clone() });
    }
    if passes > 0 {
        result.context.trial = result.context.trial.variant(Variant::Pass(passes + 1));
    }
    runs.push(result);
    Ok(runs)
}

fn run_input(folder: &RunFolder, plan: &Plan) -> Result<RunInput, RunError> {
    let (skipped, _) = folder.cascade();
    Ok(RunInput {
        context: context(plan),
        history: tables::read_history(folder),
        scores: table::read(&folder.scores().0)?,
        panels: panels::read(folder),
        skipped: skipped.is_file().then(|| cascade::read(&skipped)).transpose()?,
        excluded: trial::read_excluded(folder),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest(folder),
    })
}

/// A classifier of slices. Where a cascade uses it, its thresholds are the cascade's.
fn classifier_input(folder: &RunFolder, plan: &Plan, all: &[&RunFolder]) -> Result<ClassifierInput, RunError> {
    let id = folder.id();
    let cascades = all.iter().filter_map(|folder| folder.read_plan().ok()?.cascade);
    let used = cascades.into_iter().find(|cascade| cascade.first() == id);
    let thresholds = match used {
        Some(CascadePlan::Slices { threshold, sensitivity, .. }) => thresholds(folder, threshold, sensitivity)?,
        _ => vec![plan.predict.threshold; plan.target.structures.len()],
    };
    let names = plan.target.structures.iter().map(|structure| structure.name.clone());
    Ok(ClassifierInput {
        context: context(plan),
        history: tables::read_history(folder),
        slices: slices::table::read(&folder.slices().0)?,
        thresholds: names.zip(thresholds).collect(),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest(folder),
    })
}

fn manifest(folder: &RunFolder) -> serde_json::Value {
    let manifest = folder.read_manifest().map(serde_json::to_value).transpose();
    manifest.unwrap_or_default().unwrap_or_default()
}

/// What each of several experiments is.
fn descriptions(plans: &[Plan]) -> Vec<String> {
    let mut lines = Vec::new();
    for about in plans.iter().map(|plan| &plan.about) {
        let line = format!("{}: {}", about.experiment, about.description);
        if !about.description.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn subtitle(plan: &Plan, folders: &[RunFolder]) -> Vec<String> {
    let mut lines = Vec::new();
    if !plan.about.description.is_empty() {
        lines.push(plan.about.description.clone());
    }
    let cases = &plan.cases;
    lines.push(format!(
        "Dataset {}: {} training, {} validation and {} scored cases per run",
        plan.about.dataset,
        cases.train.len(),
        cases.validation.len(),
        cases.test.len()
    ));
    if let Some(manifest) = folders.first().and_then(RunFolder::read_manifest) {
        let commit = manifest.git.as_ref().map_or_else(String::new, |git| {
            let dirty = if git.diff.is_some() { " with changes" } else { "" };
            format!(", commit {}{dirty}", git.commit.get(..10).unwrap_or(&git.commit))
        });
        let started = manifest.sessions.first().map_or_else(String::new, |session| format!(", {}", session.started));
        lines.push(format!("segspec {} on {}{commit}{started}", env!("CARGO_PKG_VERSION"), manifest.device));
    }
    lines
}
