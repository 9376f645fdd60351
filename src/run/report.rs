//! Gathers finished runs into the report of a run or of an experiment.

use std::path::Path;

use super::error::RunError;
use super::store::{RunFolder, Status};
use super::{panels, tables, trial};
use crate::evaluate::table;
use crate::plan::Plan;
use crate::report::{self, ReportFiles, ReportInput, RunInput};

/// What a report shows of finished runs.
///
/// # Errors
/// No run is finished, or a table cannot be read.
pub fn gather(folders: &[RunFolder]) -> Result<ReportInput, RunError> {
    let mut runs = Vec::new();
    let mut first: Option<Plan> = None;
    for folder in folders.iter().filter(|folder| folder.status() == Status::Finished) {
        let plan = folder.read_plan().map_err(RunError::file(folder.plan()))?;
        let last = run_input(folder, &plan)?;
        let passes = tables::read_passes(folder)?;
        let number = passes.len();
        for (index, (label, scores)) in passes.into_iter().enumerate() {
            let pass = RunInput { history: None, panels: Vec::new(), excluded: Vec::new(), ..last.clone() };
            runs.push(RunInput { label, scores, settings: with_pass(&last, index), ..pass });
        }
        runs.push(match number {
            0 => last,
            _ => RunInput { label: trial::pass_label(&last.label, number), settings: with_pass(&last, number), ..last },
        });
        first.get_or_insert(plan);
    }
    let Some(plan) = first else {
        return Err(RunError::NothingThere("no finished run: `segspec run` first".into()));
    };
    Ok(ReportInput {
        title: plan.about.experiment.clone(),
        subtitle: subtitle(&plan, folders),
        target: plan.target.clone(),
        runs,
        success_dice: plan.evaluate.success_dice.clone(),
    })
}

/// Writes a report of finished runs into a folder.
///
/// # Errors
/// As [`gather`], and the disk's.
pub fn write(folders: &[RunFolder], out: &Path) -> Result<(ReportInput, ReportFiles), RunError> {
    let input = gather(folders)?;
    let files = report::write(&input, out)?;
    Ok((input, files))
}

fn run_input(folder: &RunFolder, plan: &Plan) -> Result<RunInput, RunError> {
    let manifest = folder.read_manifest().map(serde_json::to_value).transpose();
    let context = trial::context(plan);
    Ok(RunInput {
        label: context.trial,
        settings: plan.about.settings.clone(),
        fold: context.fold,
        seed: plan.seed,
        history: tables::read_history(folder),
        scores: table::read(&folder.scores().0)?,
        panels: panels::read(folder),
        excluded: trial::read_excluded(folder),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest.unwrap_or_default().unwrap_or_default(),
    })
}

/// The settings of one pass, which is a trial of its own in tables and charts.
fn with_pass(last: &RunInput, pass: usize) -> Vec<(String, String)> {
    last.settings.iter().cloned().chain([("pass".to_owned(), (pass + 1).to_string())]).collect()
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
