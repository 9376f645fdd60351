//! Collects finished runs into the report of a run or an experiment.

use std::path::Path;

use super::ensemble::is_main;
use super::error::RunError;
use super::panels;
use super::task::context;
use crate::evaluate::reliability::{Reliability, pooled};
use crate::evaluate::{Context, TrialKey, Variant, cascade, clicks, slices, table};
use crate::infer::look::thresholds;
use crate::model::Task;
use crate::plan::{LookPlan, PlannedCase, Role, Training, every_difference, every_setting};
use crate::report::card::{self, Facts};
use crate::report::search::Search;
use crate::report::{self, ClassifierInput, Report, ReportFiles, ReportInput, RunInput};
use crate::spec::{self, inline};
use crate::store::history::read_history;
use crate::store::{Status, Stored, read_json};
use crate::words::shell;

/// Trials up to which every difference between them is listed.
const MOST_COMPARED: usize = 12;

/// The data of a report on finished runs.
///
/// # Errors
/// No run is finished, or a table cannot be read.
pub fn gather(runs: &[Stored]) -> Result<ReportInput, RunError> {
    let (mut finished, mut missing) = (Vec::new(), Vec::new());
    for run in runs {
        match run.status()? {
            Status::Finished => finished.push(run),
            status => missing.push(describe(run, &status)),
        }
    }
    let mut experiments: Vec<&str> = Vec::new();
    for run in &finished {
        let name = run.plan.about.experiment.as_str();
        if !experiments.contains(&name) {
            experiments.push(name);
        }
    }
    let several = experiments.len() > 1;
    let (mut inputs, mut classifiers) = (Vec::new(), Vec::new());
    for run in &finished {
        let read = match run.plan.task {
            Task::Segment => run_inputs(run).map(|found| inputs.extend(found)),
            Task::ClassifySlices => classifier_input(run, &finished).map(|found| classifiers.push(found)),
        };
        match read {
            Err(error) if finished.len() == 1 => return Err(error),
            Err(error) => missing.push(format!("{} ({error})", name_of(run))),
            Ok(()) => {}
        }
    }
    // The classifier of a cascade may have other structures than its segmentation network.
    let segments = finished.iter().find(|run| run.plan.task == Task::Segment);
    let Some(first) = segments.or(finished.first()) else {
        let what = if missing.is_empty() { "`segspec run` first".into() } else { missing.join("; ") };
        return Err(RunError::NothingThere(format!("no finished run: {what}{}", remedy(runs))));
    };
    Ok(ReportInput {
        title: title(&experiments.join(", "), &if let [only] = runs { only.plan.name() } else { String::new() }),
        subtitle: if several { descriptions(&finished) } else { subtitle(first, runs) },
        notes: Vec::new(),
        missing,
        target: first.plan.target.clone(),
        runs: inputs,
        classifiers,
        success_dice: first.plan.evaluate.success_dice.clone(),
        reproduce: reproduce(&finished)?,
        rank: first.plan.evaluate.rank,
        search: None,
        differences: other_differences(&finished),
    })
}

/// Settings in which the trials differ and that none of them states as its own: what else a network's name stands for.
fn other_differences(runs: &[&Stored]) -> Vec<(String, Vec<(TrialKey, serde_json::Value)>)> {
    let mut firsts: Vec<&Stored> = Vec::new();
    for run in runs.iter().filter(|run| is_main(&run.plan)) {
        if firsts.iter().all(|first| first.plan.about.trial != run.plan.about.trial) {
            firsts.push(run);
        }
    }
    // With hundreds of trials, the settings that a sweep varies tell enough.
    if firsts.len() < 2 || firsts.len() > MOST_COMPARED {
        return Vec::new();
    }
    let keys = || firsts.iter().map(|run| &run.plan.about.trial);
    let is_stated = |key: &str| keys().flat_map(|trial| &trial.settings).any(|setting| setting.key == key);
    let found = every_difference(&firsts.iter().map(|run| &run.plan).collect::<Vec<_>>());
    let others = found.into_iter().filter(|(key, _)| !is_stated(key));
    others.map(|(key, values)| (key, keys().cloned().zip(values).collect())).collect()
}

/// The experiments, and which of its runs a report on a single one is on.
fn title(experiments: &str, run: &str) -> String {
    if run.is_empty() { experiments.to_owned() } else { format!("{experiments}: {run}") }
}

fn name_of(run: &Stored) -> String {
    let name = run.plan.name();
    if name.is_empty() { run.id() } else { name }
}

/// What gives imported runs scores.
fn remedy(runs: &[Stored]) -> &'static str {
    let imported: Vec<&Stored> = runs.iter().filter(|run| run.is_imported()).collect();
    match imported.as_slice() {
        [] => "",
        all if all.iter().all(|run| run.plan.data.cases.is_empty()) => {
            "; they were imported without cases to score: import the model again with `segspec import nnunet` and --dataset, then `segspec \
             run-plan RUN`"
        }
        _ => "; `segspec run-plan RUN` scores an imported run",
    }
}

/// A run without scores, with its state.
fn describe(run: &Stored, status: &Status) -> String {
    let name = name_of(run);
    match status {
        Status::Failed { reason } => format!("{name} (failed: {reason})"),
        Status::New => format!("{name} (not started)"),
        Status::Resumable => format!("{name} (unfinished)"),
        other => format!("{name} ({})", other.word()),
    }
}

/// Writes a report on finished runs into a folder, with the author's notes and the search that chose their trials.
///
/// # Errors
/// As [`gather`], or a file cannot be written.
pub fn write(
    runs: &[Stored],
    notes: &[String],
    search: Option<Search>,
    out: &Path,
) -> Result<(Report, ReportFiles), RunError> {
    let report = Report::new(ReportInput { notes: notes.to_vec(), search, ..gather(runs)? })?;
    let files = report::write(&report, out)?;
    Ok((report, files))
}

/// Writes the model card of a finished run beside its weights; `reproduce`: what `segspec reproduce` is given in place of its id. An average of networks has none of its own.
///
/// # Errors
/// As [`gather`], or the file cannot be written.
pub fn write_card(run: &Stored, reproduce: Option<String>) -> Result<(), RunError> {
    let Some(training) = run.plan.work.training() else { return Ok(()) };
    let report = Report::new(gather(std::slice::from_ref(run))?)?;
    let facts = card_facts(run, training, reproduce)?;
    let (path, text) = (run.folder.card(), card::render(&facts, &report));
    crate::files::write_atomic(&path, text.as_bytes()).map_err(RunError::file(path))
}

/// The name of the architecture's table.
pub fn architecture(training: &Training) -> String {
    let model = serde_json::to_value(&training.model).unwrap_or_default();
    model.as_object().and_then(|model| model.keys().next().cloned()).unwrap_or_default()
}

fn card_facts(run: &Stored, training: &Training, reproduce: Option<String>) -> Result<Facts, RunError> {
    let (plan, manifest) = (&run.plan, run.folder.read_manifest()?);
    let about_data = spec::load_dataset(&run.folder.specs()[1]).ok().map(|loaded| loaded.dataset);
    let [source, licence] = about_data.map_or_else(Default::default, |it| [it.source, it.licence]);
    let record = manifest.as_ref().and_then(|manifest| manifest.predictions.get(&run.ids.prediction));
    let trained = manifest.as_ref().and_then(|manifest| manifest.training.as_ref());
    let structures = run.structures().join(", ");
    let network = [
        ("architecture", architecture(training)),
        ("structures", structures),
        ("parameters", trained.map(|it| it.parameters.to_string()).unwrap_or_default()),
        ("epochs", trained.map(|it| it.epochs.to_string()).unwrap_or_default()),
        ("weights of epoch", record.and_then(|it| it.epoch).map(|epoch| epoch.to_string()).unwrap_or_default()),
        ("weights (BLAKE3 of the file)", record.and_then(|it| it.weights_file.clone()).unwrap_or_default()),
        ("trained on", manifest.as_ref().map(|it| it.device.clone()).unwrap_or_default()),
    ];
    let idle = ["train.loader-threads", "train.gradient-checkpointing", "train.keep-every", "train.checkpoint-minutes"];
    let is_of =
        |key: &str| ["train.", "loss", "preprocess.", "augment.", "predict."].iter().any(|part| key.starts_with(part));
    let of = |key: &str| is_of(key) && !idle.contains(&key);
    let recipe = every_setting(plan).into_iter().filter(|(key, value)| of(key) && !value.is_null());
    Ok(Facts {
        experiment: plan.about.experiment.clone(),
        run: run.id(),
        description: plan.about.description.clone(),
        data: [plan.data.dataset.clone(), source, licence],
        cases: [Role::Train, Role::Validation, Role::Test].map(|role| plan.data.of(role).count()),
        reproduce: reproduce.unwrap_or_else(|| run.id()),
        network: network.map(|(what, value)| [what.to_owned(), value]).into(),
        recipe: recipe.map(|(key, value)| [key, inline(&value)]).collect(),
    })
}

/// A run, preceded by the variants it is compared with: earlier passes, or the second stage of a cascade alone.
fn run_inputs(run: &Stored) -> Result<Vec<RunInput>, RunError> {
    let mut result = run_input(run)?;
    let mut inputs = Vec::new();
    let mut passes = 0;
    let variants = run.evaluation().variants().0;
    let variants = if variants.is_file() { table::read_variants(&variants)? } else { Vec::new() };
    for (variant, scores) in variants {
        passes += usize::from(matches!(variant, Variant::Pass(_)));
        let context = Context { trial: result.context.trial.variant(variant), ..result.context.clone() };
        let (panels, excluded) = (Vec::new(), Vec::new());
        let reliability = Vec::new();
        inputs.push(RunInput {
            context,
            scores,
            history: None,
            panels,
            excluded,
            skipped: None,
            clicks: None,
            reliability,
            ..result.clone()
        });
    }
    if passes > 0 {
        result.context.trial = result.context.trial.variant(Variant::Pass(passes + 1));
    }
    inputs.push(result);
    Ok(inputs)
}

fn run_input(run: &Stored) -> Result<RunInput, RunError> {
    let (plan, place) = (&run.plan, run.evaluation());
    let (skipped, clicked) = (place.cascade().0, place.clicks().0);
    Ok(RunInput {
        context: context(plan),
        history: history(run)?,
        scores: table::read(&place.scores().0)?,
        panels: panels::read(run)?,
        skipped: skipped.is_file().then(|| cascade::read(&skipped)).transpose()?,
        clicks: clicked.is_file().then(|| clicks::read(&clicked)).transpose()?,
        reliability: reliability(run)?,
        excluded: read_json(&run.prediction().excluded())?.unwrap_or_else(|| plan.data.excluded.clone()),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest(run)?,
    })
}

/// Voxels of all test cases by their predicted probability; empty for predictions that did not count them.
fn reliability(run: &Stored) -> Result<Vec<Reliability>, RunError> {
    let folder = run.prediction();
    let of = |case: &PlannedCase| {
        read_json::<Vec<Reliability>>(&folder.reliability(&case.name)).map(Option::unwrap_or_default)
    };
    let cases = run.plan.data.of(Role::Test).map(of).collect::<Result<Vec<_>, _>>()?;
    Ok(pooled(cases))
}

/// A slice classifier, with the thresholds of the cascade that uses it, if any.
fn classifier_input(run: &Stored, finished: &[&Stored]) -> Result<ClassifierInput, RunError> {
    let plan = &run.plan;
    let used = finished.iter().map(|other| &other.plan.look).find(|look| look.first() == Some(&run.ids));
    let thresholds = match used {
        Some(LookPlan::Slices { threshold, sensitivity, .. }) => thresholds(run, *threshold, *sensitivity)?,
        _ => vec![plan.predict.threshold; plan.target.structures.len()],
    };
    let names = plan.target.structures.iter().map(|structure| structure.name.clone());
    Ok(ClassifierInput {
        context: context(plan),
        history: history(run)?,
        slices: slices::table::read(&run.evaluation().slices().0)?,
        thresholds: names.zip(thresholds).collect(),
        plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
        manifest: manifest(run)?,
    })
}

/// The history of a training; an average has none.
fn history(run: &Stored) -> Result<Option<polars::prelude::DataFrame>, RunError> {
    match run.plan.work.training() {
        Some(_) => Ok(read_history(&run.folder)?),
        None => Ok(None),
    }
}

fn manifest(run: &Stored) -> Result<serde_json::Value, RunError> {
    let manifest = run.folder.read_manifest()?.map(serde_json::to_value).transpose();
    Ok(manifest.map_err(|error| RunError::Internal(error.to_string()))?.unwrap_or_default())
}

/// One line on each of several experiments.
fn descriptions(runs: &[&Stored]) -> Vec<String> {
    let mut lines = Vec::new();
    for about in runs.iter().map(|run| &run.plan.about) {
        let line = format!("{}: {}", about.experiment, about.description);
        if !about.description.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The commit, and the commands of the runs' first sessions, each once.
fn reproduce(runs: &[&Stored]) -> Result<Vec<String>, RunError> {
    let mut lines: Vec<String> = Vec::new();
    for run in runs {
        let Some(manifest) = run.folder.read_manifest()? else { continue };
        let checkout = manifest.git.as_ref().map(|git| match git.diff {
            None => format!("git checkout {}", git.commit),
            Some(_) => format!("git checkout {}   # and the changes in manifest.json: git.diff", git.commit),
        });
        let words = manifest.command.iter().enumerate().map(|(place, word)| match place {
            0 => "segspec".to_owned(),
            _ => shell(word),
        });
        let command = words.collect::<Vec<_>>().join(" ");
        for line in checkout.into_iter().chain([command]) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

fn subtitle(first: &Stored, runs: &[Stored]) -> Vec<String> {
    let (plan, mut lines) = (&first.plan, Vec::new());
    if !plan.about.description.is_empty() {
        lines.push(plan.about.description.clone());
    }
    let count = |role| plan.data.of(role).count();
    lines.push(format!(
        "Dataset {}: {} training, {} validation and {} test cases per run",
        plan.data.dataset,
        count(Role::Train),
        count(Role::Validation),
        count(Role::Test)
    ));
    let manifest = runs.first().and_then(|run| run.folder.read_manifest().ok().flatten());
    if let Some(manifest) = manifest {
        let commit = manifest.git.as_ref().map_or_else(String::new, |git| {
            let dirty = if git.diff.is_some() { " with changes" } else { "" };
            format!(", commit {}{dirty}", git.commit.get(..10).unwrap_or(&git.commit))
        });
        let started = manifest.sessions.first().map_or_else(String::new, |session| format!(", {}", session.started));
        lines.push(format!("segspec {} on {}{commit}{started}", env!("CARGO_PKG_VERSION"), manifest.device));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_on_one_of_several_runs_says_which() {
        assert_eq!(title("liver", "learning-rate=0.01, seed 2"), "liver: learning-rate=0.01, seed 2");
        assert_eq!(title("liver", ""), "liver", "the only run of its experiment");
    }
}
