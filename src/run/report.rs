//! Gathers finished runs into the report of a run or of an experiment.

use std::path::Path;

use super::error::RunError;
use super::panels;
use super::task::context;
use crate::evaluate::{Context, ScoreRow, TrialKey, Variant, cascade, slices, table};
use crate::infer::look::thresholds;
use crate::model::Task;
use crate::plan::{LookPlan, Plan, Role, Work};
use crate::report::{self, ClassifierInput, ReportFiles, ReportInput, RunInput};
use crate::store::history::read_history;
use crate::store::{Status, Stored, read_json};

/// What a report shows of finished runs.
///
/// # Errors
/// No run is finished, or a table cannot be read.
pub fn gather(runs: &[Stored]) -> Result<ReportInput, RunError> {
    let mut finished = Vec::new();
    for run in runs {
        if run.status()? == Status::Finished {
            finished.push(run);
        }
    }
    let mut experiments: Vec<&str> = Vec::new();
    for run in &finished {
        let name = run.plan.about.experiment.as_str();
        if !experiments.contains(&name) {
            experiments.push(name);
        }
    }
    let gatherer = Gatherer { finished: &finished, several: experiments.len() > 1 };
    let (mut inputs, mut classifiers) = (Vec::new(), Vec::new());
    for run in &finished {
        match run.plan.task {
            Task::Segment => inputs.extend(gatherer.run(run)?),
            Task::ClassifySlices => classifiers.push(gatherer.classifier(run)?),
        }
    }
    // A cascade's classifier looks for other structures than its segmenter.
    let segments = finished.iter().find(|run| run.plan.task == Task::Segment);
    let Some(first) = segments.or(finished.first()) else {
        return Err(RunError::NothingThere("no finished run: `segspec run` first".into()));
    };
    Ok(ReportInput {
        title: experiments.join(", "),
        subtitle: if gatherer.several { descriptions(&finished) } else { subtitle(first, runs) },
        notes: Vec::new(),
        target: first.plan.target.clone(),
        runs: inputs,
        classifiers,
        success_dice: first.plan.evaluate.success_dice.clone(),
    })
}

/// Writes a report of finished runs into a folder, with what the author says of them.
///
/// # Errors
/// As [`gather`], and the disk's.
pub fn write(runs: &[Stored], notes: &[String], out: &Path) -> Result<(ReportInput, ReportFiles), RunError> {
    let input = ReportInput { notes: notes.to_vec(), ..gather(runs)? };
    let files = report::write(&input, out)?;
    Ok((input, files))
}

struct Gatherer<'a> {
    finished: &'a [&'a Stored],
    /// Whether the runs belong to several experiments.
    several: bool,
}

impl Gatherer<'_> {
    /// What a trial is called; those of several experiments are told apart by them.
    fn label(&self, plan: &Plan, trial: &TrialKey) -> String {
        match self.several {
            true => format!("{} {}", plan.about.experiment, trial.label()).trim_end().to_owned(),
            false => trial.label(),
        }
    }

    /// A run, before it what it is compared with: earlier passes, the second stage of a cascade without its first.
    fn run(&self, run: &Stored) -> Result<Vec<RunInput>, RunError> {
        let place = run.evaluation();
        let own = table::rows(&table::read(&place.scores().0)?)?;
        let variants = match place.variants().0 {
            path if path.is_file() => table::rows(&table::read(&path)?)?,
            _ => Vec::new(),
        };
        let result = self.result(run, own)?;
        let trial = &run.plan.about.trial;
        let mut inputs = Vec::new();
        let known = (1..).map(Variant::Pass);
        let passes: Vec<Variant> = known.take_while(|pass| has(&variants, &trial.variant(pass.clone()))).collect();
        for variant in passes.iter().cloned().chain([Variant::SecondStageAlone]) {
            let key = trial.variant(variant);
            let rows: Vec<ScoreRow> = variants.iter().filter(|row| row.context.trial == key.label()).cloned().collect();
            if !rows.is_empty() {
                let shown = RunInput {
                    history: None,
                    panels: Vec::new(),
                    excluded: Vec::new(),
                    skipped: Vec::new(),
                    ..result.clone()
                };
                inputs.push(self.named(run, &key, rows, shown)?);
            }
        }
        inputs.push(match passes.len() {
            0 => result,
            passes => {
                let key = trial.variant(Variant::Pass(passes + 1));
                let rows = table::rows(&result.scores)?;
                self.named(run, &key, rows, result)?
            }
        });
        Ok(inputs)
    }

    /// The same under another trial's name.
    fn named(&self, run: &Stored, key: &TrialKey, rows: Vec<ScoreRow>, input: RunInput) -> Result<RunInput, RunError> {
        let label = self.label(&run.plan, key);
        let mut settings = settings(key);
        if let Variant::Pass(pass) = key.variant {
            settings.push(("pass".to_owned(), pass.to_string()));
        }
        let scores = table::to_frame(&in_context(rows, &Context { trial: label.clone(), ..context(&run.plan) }))?;
        Ok(RunInput { label, settings, scores, ..input })
    }

    fn result(&self, run: &Stored, rows: Vec<ScoreRow>) -> Result<RunInput, RunError> {
        let (plan, trial) = (&run.plan, &run.plan.about.trial);
        let context = context(plan);
        let skipped = run.evaluation().cascade().0;
        let label = self.label(plan, trial);
        Ok(RunInput {
            settings: settings(trial),
            fold: context.fold,
            seed: plan.seed(),
            history: history(run)?,
            scores: table::to_frame(&in_context(rows, &Context { trial: label.clone(), ..context }))?,
            label,
            panels: panels::read(run)?,
            skipped: if skipped.is_file() { cascade::read(&skipped)? } else { Vec::new() },
            excluded: read_json(&run.folder.excluded())?.unwrap_or_default(),
            plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
            manifest: manifest(run)?,
        })
    }

    /// A classifier of slices. Where a cascade uses it, its thresholds are the cascade's.
    fn classifier(&self, run: &Stored) -> Result<ClassifierInput, RunError> {
        let plan = &run.plan;
        let looks = self.finished.iter().map(|other| &other.plan.look);
        let used = looks.into_iter().find(|look| look.first() == Some(&run.ids));
        let thresholds = match used {
            Some(LookPlan::Slices { threshold, sensitivity, .. }) => thresholds(run, *threshold, *sensitivity)?,
            _ => vec![plan.predict.threshold; plan.target.structures.len()],
        };
        let rows = slices::table::read(&run.evaluation().slices().0)?;
        let context = context(plan);
        let scored = [Role::Test.name(), plan.about.scored.name()];
        let names = plan.target.structures.iter().map(|structure| structure.name.clone());
        Ok(ClassifierInput {
            label: self.label(plan, &plan.about.trial),
            fold: context.fold,
            seed: plan.seed(),
            history: history(run)?,
            slices: rows.into_iter().filter(|row| scored.contains(&row.context.split.as_str())).collect(),
            thresholds: names.zip(thresholds).collect(),
            plan_toml: plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?,
            manifest: manifest(run)?,
        })
    }
}

fn has(rows: &[ScoreRow], trial: &TrialKey) -> bool {
    let label = trial.label();
    rows.iter().any(|row| row.context.trial == label)
}

/// Rows as the run stands now: names may have changed since they were written.
fn in_context(rows: Vec<ScoreRow>, context: &Context) -> Vec<ScoreRow> {
    rows.into_iter().map(|row| ScoreRow { context: context.clone(), ..row }).collect()
}

fn settings(trial: &TrialKey) -> Vec<(String, String)> {
    trial.settings.iter().map(|setting| (setting.key.clone(), setting.value.to_string())).collect()
}

/// The history of a training; an average has none.
fn history(run: &Stored) -> Result<Option<polars::prelude::DataFrame>, RunError> {
    match run.plan.work {
        Work::Train(_) => Ok(read_history(&run.folder)?),
        Work::Average(_) => Ok(None),
    }
}

fn manifest(run: &Stored) -> Result<serde_json::Value, RunError> {
    let manifest = run.folder.read_manifest()?.map(serde_json::to_value).transpose();
    Ok(manifest.map_err(|error| RunError::Internal(error.to_string()))?.unwrap_or_default())
}

/// What each of several experiments is.
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

fn subtitle(first: &Stored, runs: &[Stored]) -> Vec<String> {
    let (plan, mut lines) = (&first.plan, Vec::new());
    if !plan.about.description.is_empty() {
        lines.push(plan.about.description.clone());
    }
    let count = |role| plan.data.of(role).count();
    lines.push(format!(
        "Dataset {}: {} training, {} validation and {} scored cases per run",
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
