//! Gathers finished runs into the report of a run or of an experiment.

use std::path::Path;

use super::error::RunError;
use super::finder::thresholds;
use super::predicting::{alone_label, context, pass_label};
use super::slices::SCORED;
use super::store::{RunFolder, Status};
use super::{panels, tables, trial};
use crate::evaluate::{cascade, slices, table};
use crate::plan::Plan;
use crate::predict::cascade::CascadePlan;
use crate::report::{self, ClassifierInput, ReportFiles, ReportInput, RunInput};

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
    // Trials of several experiments are told apart by these.
    let labelled = |plan: &Plan, label: String| match several {
        true => format!("{} {label}", plan.about.experiment).trim_end().to_owned(),
        false => label,
    };
    let (mut runs, mut classifiers) = (Vec::new(), Vec::new());
    for (folder, plan) in finished.iter().zip(&plans) {
        if plan.model.slices().is_some() && plan.members.is_empty() {
            let run = classifier_input(folder, plan, &finished)?;
            classifiers.push(ClassifierInput { label: labelled(plan, run.label), ..run });
        } else {
            let all = run_inputs(folder, plan)?.into_iter();
            runs.extend(all.map(|run| RunInput { label: labelled(plan, run.label), ..run }));
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
pub fn write(folders: &[RunFolder], notes: &[String], out: &Path) -> Result<(ReportInput, ReportFiles), RunError> {
    let input = ReportInput { notes: notes.to_vec(), ..gather(folders)? };
    let files = report::write(&input, out)?;
    Ok((input, files))
}

/// A run, before it what it is compared with: earlier passes, a segmenter without its cascade.
fn run_inputs(folder: &RunFolder, plan: &Plan) -> Result<Vec<RunInput>, RunError> {
    let result = run_input(folder, plan)?;
    let alone = alone_label(&result.label);
    let mut runs = Vec::new();
    let mut passes = 0;
    for (label, scores) in tables::read_variants(folder)? {
        let settings = match label == alone {
            true => result.settings.clone(),
            false => {
                passes += 1;
                with_pass(&result, passes)
            }
        };
        let (panels, excluded, skipped) = (Vec::new(), Vec::new(), Vec::new());
        runs.push(RunInput { label, scores, settings, history: None, panels, excluded, skipped, ..result.clone() });
    }
    runs.push(match passes {
        0 => result,
        _ => {
            let settings = with_pass(&result, passes + 1);
            RunInput { label: pass_label(&result.label, passes), settings, ..result }
        }
    });
    Ok(runs)
}

fn run_input(folder: &RunFolder, plan: &Plan) -> Result<RunInput, RunError> {
    let context = context(plan);
    let (skipped, _) = folder.cascade();
    Ok(RunInput {
        label: context.trial,
        settings: plan.about.settings.clone(),
        fold: context.fold,
        seed: plan.seed,
        history: tables::read_history(folder),
        scores: table::read(&folder.scores().0)?,
        panels: panels::read(folder),
        skipped: if skipped.is_file() { cascade::read(&skipped)? } else { Vec::new() },
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
    let rows = slices::table::read(&folder.slices().0)?;
    let names = plan.target.structures.iter().map(|structure| structure.name.clone());
    let context = context(plan);
    Ok(ClassifierInput {
        label: context.trial,
        fold: context.fold,
        seed: plan.seed,
        history: tables::read_history(folder),
        slices: rows.into_iter().filter(|row| row.context.split == SCORED).collect(),
        thresholds: names.zip(thresholds).collect(),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest(folder),
    })
}

fn manifest(folder: &RunFolder) -> serde_json::Value {
    let manifest = folder.read_manifest().map(serde_json::to_value).transpose();
    manifest.unwrap_or_default().unwrap_or_default()
}

/// The settings of one pass, which is a trial of its own in tables and charts.
fn with_pass(result: &RunInput, pass: usize) -> Vec<(String, String)> {
    result.settings.iter().cloned().chain([("pass".to_owned(), pass.to_string())]).collect()
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
