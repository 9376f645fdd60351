//! Tables, charts and one self-contained page from the scores of one or many runs.
//!
//! `report` draws what [`crate::evaluate`] computed, and saved pictures. It does not depend on the layout of run folders:
//! [`ReportInput`] holds the data, [`Report`] its statistics, [`write()`] writes the files into one folder. The same input gives the
//! same bytes.

pub mod card;
pub mod case_files;
pub mod figure;
pub mod formats;
pub mod history;
pub mod page;
pub mod panel;
pub mod ranking;
pub mod scene;
pub mod search;
pub mod table;
pub mod terminal;
pub mod text_table;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;
use serde_json::{Value, json};

use crate::dataset::{Excluded, Target};
use crate::evaluate::examples::Rank;
use crate::evaluate::rank::{self, RankError, Ranking};
use crate::evaluate::reliability::Reliability;
use crate::evaluate::slices::classifier::{self, Classifier};
use crate::evaluate::spec::RankBy;
use crate::evaluate::table::TableError;
use crate::evaluate::trials::{self, BOOTSTRAP_SEED, Chosen, Trials, TrialsError};
use crate::evaluate::{Context, DICE, Names, TrialKey, Variant, cascade, clicks};
use crate::files::write_atomic;
use figure::FigureError;
use search::Search;

/// File name of the page in a report's folder.
pub const PAGE: &str = "report.html";

/// Everything a report shows.
#[derive(Clone, Debug)]
pub struct ReportInput {
    /// Heading, usually the experiment's name.
    pub title: String,
    /// Provenance: one line each, e.g. dataset, commit, date.
    pub subtitle: Vec<String>,
    /// The author's notes on the experiment, one paragraph each.
    pub notes: Vec<String>,
    /// Planned runs without scores, each with its state: `seed 1 (failed: the loss became NaN)`.
    pub missing: Vec<String>,
    /// The structures, their order and colours.
    pub target: Target,
    /// The segmentation runs: trials of a sweep, seeds, folds.
    pub runs: Vec<RunInput>,
    /// The slice-classification runs.
    pub classifiers: Vec<ClassifierInput>,
    /// Dice thresholds of the success rates.
    pub success_dice: Vec<f64>,
    /// Commands that reproduce the results, in order.
    pub reproduce: Vec<String>,
    /// What trials are ranked by.
    pub rank: RankBy,
    /// Settings in which trials differ, beside those that a sweep varies: key, and the value in each trial.
    pub differences: Vec<(String, Vec<(TrialKey, Value)>)>,
    /// The search that chose the trials, if one did.
    pub search: Option<Search>,
}

/// One finished run.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// Origin of its scores.
    pub context: Context,
    /// History over epochs (columns: see [`history`]).
    pub history: Option<DataFrame>,
    /// Scores, as [`crate::evaluate::table`] reads them.
    pub scores: DataFrame,
    /// Overlay pictures.
    pub panels: Vec<Panel>,
    /// Slices skipped by a cascade's classifier, as [`cascade::read`] reads them.
    pub skipped: Option<DataFrame>,
    /// Scores after clicks, as [`clicks::read`] reads them.
    pub clicks: Option<DataFrame>,
    /// Cases that could not be scored.
    pub excluded: Vec<Excluded>,
    /// Voxels by predicted probability, per structure; empty where none were counted.
    pub reliability: Vec<Reliability>,
    /// The resolved plan.
    pub plan_toml: String,
    /// Versions, hashes, machine.
    pub manifest: Value,
}

/// One finished slice-classification run.
#[derive(Clone, Debug)]
pub struct ClassifierInput {
    /// Origin of its slices; those of its split are scored.
    pub context: Context,
    /// History over epochs.
    pub history: Option<DataFrame>,
    /// Slices, as [`crate::evaluate::slices::table`] reads them.
    pub slices: DataFrame,
    /// Per structure, the probability from which a slice is classified as positive.
    pub thresholds: Vec<(String, f64)>,
    /// The resolved plan.
    pub plan_toml: String,
    /// Versions, hashes, machine.
    pub manifest: Value,
}

/// The content of a report, with statistics.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its input.
    pub input: ReportInput,
    /// Display names of trials and runs.
    pub names: Names,
    /// The trials of the segmentation runs.
    pub trials: Trials,
    /// The ranking of the comparable ones; none for a single trial, or where no case has a value of the metric.
    pub ranking: Option<Ranking>,
    /// The slice classifiers.
    pub classifiers: Vec<Classifier>,
    /// Slices skipped by cascades: see [`cascade::sums`].
    pub skipped: DataFrame,
    /// Dice after clicks: see [`clicks::curves`].
    pub clicks: DataFrame,
}

impl Report {
    /// Computes the statistics.
    ///
    /// # Errors
    /// [`ReportError`] naming the run whose table is invalid, or the case that was scored twice.
    pub fn new(input: ReportInput) -> Result<Self, ReportError> {
        let (runs, classifiers) = (&input.runs, &input.classifiers);
        let contexts = runs.iter().map(|run| &run.context);
        let names = Names::of(contexts.chain(classifiers.iter().map(|run| &run.context)));
        let number = |run: &RunInput| input.search.as_ref()?.number(&run.context.trial.settings);
        let scored: Vec<_> = runs
            .iter()
            .map(|run| trials::Run { context: &run.context, scores: &run.scores, number: number(run) })
            .collect();
        let sliced = classifiers.iter().map(|run| classifier::Run {
            context: &run.context,
            slices: &run.slices,
            thresholds: &run.thresholds,
        });
        let skipped = runs.iter().filter_map(|run| Some((names.trial(&run.context), run.skipped.as_ref()?)));
        let clicked = runs.iter().filter_map(|run| Some((names.trial(&run.context), run.clicks.as_ref()?)));
        let mut trials = trials::collect(&scored, &names, &input.target, &input.success_dice)?;
        trials.chosen = input.search.as_ref().and_then(|search| chosen(search, &trials));
        Ok(Self {
            ranking: ranked(&trials, &input)?,
            trials,
            classifiers: classifier::collect(&sliced.collect::<Vec<_>>(), &names)?,
            skipped: cascade::sums(skipped)?,
            clicks: clicks::curves(clicked)?,
            names,
            input,
        })
    }

    /// Names of the cases that could not be scored.
    pub(crate) fn excluded_cases(&self) -> BTreeSet<&str> {
        self.input.runs.iter().flat_map(|run| &run.excluded).map(|row| row.case.as_str()).collect()
    }

    /// Colour of a structure.
    fn color(&self, structure: &str) -> Option<[u8; 3]> {
        self.input.target.structures.iter().find(|known| known.name == structure).map(|known| known.color)
    }
}

/// The trial that a search found to be the best.
fn chosen(search: &Search, trials: &Trials) -> Option<Chosen> {
    let (best, judge) = (search.trials.get(search.best?)?, search.objectives.first()?);
    let is_whole = |variant: &Variant| matches!(variant, Variant::Network | Variant::Cascade);
    let is_best = |key: &TrialKey| key.settings == best.settings && is_whole(&key.variant);
    let place = trials.all.iter().position(|trial| is_best(&trial.context.trial))?;
    Some(Chosen { place, by: judge.name.clone(), on_scored_cases: judge.on_scored_cases, of: search.judged() })
}

/// The ranking of the trials that can be compared.
fn ranked(trials: &Trials, input: &ReportInput) -> Result<Option<Ranking>, TableError> {
    let options = rank::Options { metric: input.rank.metric, margin: input.rank.margin, seed: BOOTSTRAP_SEED };
    match rank::of_comparable(trials, &options) {
        Ok(mut ranking) => {
            ranking.origin.failures = input.missing.clone();
            Ok(Some(ranking))
        }
        Err(RankError::Table(error)) => Err(error),
        // A single trial, or nothing to rank by.
        Err(_) => Ok(None),
    }
}

/// An overlay picture of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Rank for which this case is shown.
    pub rank: Rank,
    /// The case.
    pub case: String,
    /// The PNG file that [`panel::save`] wrote.
    pub picture: PathBuf,
    /// The page with its surfaces ([`scene`]), if it has any.
    pub scene: Option<PathBuf>,
    /// The turning animation.
    pub turning: Option<PathBuf>,
}

/// What [`write()`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFiles {
    /// The page.
    pub page: PathBuf,
    /// Every file, in the order of writing; the page last.
    pub all: Vec<PathBuf>,
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The runs cannot be grouped into trials.
    #[error(transparent)]
    Trials(#[from] TrialsError),
    /// A file cannot be read or written.
    #[error("{path}: {}", crate::files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A table cannot be made or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A chart cannot be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

impl ReportError {
    /// Whether the disk or a permission is the cause (exit code 7), rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::File { source, .. } => crate::files::is_environment(source),
            Self::Table(error) => error.is_environment(),
            Self::Trials(_) | Self::Figure(_) => false,
        }
    }
}

/// Writes tables, charts and the page into a folder, each file atomically.
///
/// # Errors
/// [`ReportError`] naming the file.
pub fn write(report: &Report, folder: &Path) -> Result<ReportFiles, ReportError> {
    let mut files = Files { folder, all: Vec::new() };
    for (name, frame) in table::tables(report)? {
        files.table(name, &frame)?;
    }
    files.json("label_map", &label_map(&report.input.target))?;
    files.json("training_history", &training_history(report))?;
    if let Some(best) = best_runs(report) {
        files.json("best", &best)?;
    }
    if let Some(search) = &report.input.search {
        files.json("search", &json!(search))?;
    }
    let figures = figure::list::figures(report)?;
    for figure in &figures {
        files.bytes(&format!("{}.svg", figure.name), figure.figure.svg.as_bytes())?;
        files.bytes(&format!("{}.png", figure.name), &figure.figure.png)?;
    }
    if let Some(ranking) = &report.ranking {
        files.ranking(ranking, &report.input.title)?;
    }
    let cases = case_files::place(report, &mut files)?;
    let page = page::render(report, &figures, &cases)?;
    let page = files.bytes(PAGE, page.as_bytes())?;
    Ok(ReportFiles { page, all: files.all })
}

struct Files<'a> {
    folder: &'a Path,
    all: Vec<PathBuf>,
}

impl Files<'_> {
    fn bytes(&mut self, name: &str, content: &[u8]) -> Result<PathBuf, ReportError> {
        let path = self.folder.join(name);
        write_atomic(&path, content).map_err(|source| ReportError::File { path: path.clone(), source })?;
        self.all.push(path.clone());
        Ok(path)
    }

    fn json(&mut self, name: &str, value: &Value) -> Result<(), ReportError> {
        self.bytes(&format!("{name}.json"), format!("{value:#}\n").as_bytes()).map(drop)
    }

    fn table(&mut self, name: &str, frame: &DataFrame) -> Result<(), ReportError> {
        let [parquet, csv] = ["parquet", "csv"].map(|ending| self.folder.join(format!("{name}.{ending}")));
        crate::evaluate::table::write(frame, &parquet, &csv)?;
        self.all.extend([parquet, csv]);
        Ok(())
    }
}

fn label_map(target: &Target) -> Value {
    let structure = |s: &crate::dataset::TargetStructure| {
        let [red, green, blue] = s.color;
        let color = format!("#{red:02x}{green:02x}{blue:02x}");
        json!({ "name": s.name, "value": s.value, "values": s.values, "members": s.members, "color": color })
    };
    let structures: Vec<Value> = target.structures.iter().map(structure).collect();
    json!({ "version": 1, "background": 0, "overlapping": target.has_masks(), "structures": structures })
}

/// The best trial, and its runs, whose mean segments new images: `segspec predict RUN…`.
fn best_runs(report: &Report) -> Option<Value> {
    let best = report.trials.best()?;
    let runs = report.input.runs.iter().filter(|run| run.context.is_same_trial(&best.context));
    let ids: Vec<&str> = runs.filter_map(|run| run.manifest.get("run_id")?.as_str()).collect();
    let dice = best.over_seeds(DICE).map(|dice| dice.mean);
    let split = (best.summary.n_cases > 0).then_some(&best.context.split);
    Some(json!({ "version": 1, "trial": best.label, "dice": dice, "split": split, "runs": ids }))
}

fn training_history(report: &Report) -> Value {
    let run = |run: &RunInput| {
        let columns = run.history.as_ref().map_or(Value::Null, history::to_json);
        let Context { fold, seed, .. } = &run.context;
        json!({ "label": report.names.trial(&run.context), "fold": fold, "seed": seed, "history": columns })
    };
    json!({ "version": 1, "runs": report.input.runs.iter().map(run).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;
