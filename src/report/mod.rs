//! Tables, charts and one self-contained page from the scores of one or many runs.
//!
//! `report` reads only tables and saved pictures. It knows no folder layout: [`ReportInput`] holds what is to be shown,
//! [`write()`] puts the files into one folder. The same input gives the same bytes.

pub mod collect;
pub mod figure;
pub mod history;
pub mod page;
pub mod panel;
pub mod slices;
pub mod table;
pub mod terminal;
pub mod text_table;

use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;
use serde_json::{Value, json};

use crate::dataset::{Excluded, Target};
use crate::evaluate::cascade::SkippedRow;
use crate::evaluate::slices::SliceRow;
use crate::evaluate::table::TableError;
use crate::files::write_atomic;
use figure::comparison::{Overall, PerStructure};
use figure::curves::Curves;
use figure::distribution::Distribution;
use figure::ranking::Ranking;
use figure::scatter::Scatter;
use figure::{Figure, FigureError};

/// With more runs than this, only the best trial's training curves are drawn.
const MOST_CURVES: usize = 24;

/// Everything a report shows.
#[derive(Clone, Debug)]
pub struct ReportInput {
    /// Heading, usually the experiment's name.
    pub title: String,
    /// Provenance: one line each, e.g. dataset, commit, date.
    pub subtitle: Vec<String>,
    /// What the experiment's author says of it, a paragraph each.
    pub notes: Vec<String>,
    /// The structures, their order and colours.
    pub target: Target,
    /// The runs that segment: trials of a sweep, seeds, folds.
    pub runs: Vec<RunInput>,
    /// The runs that classify slices.
    pub classifiers: Vec<ClassifierInput>,
    /// Dice values of the success rates.
    pub success_dice: Vec<f64>,
}

/// One finished run.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// Which trial it belongs to: runs with the same label are seeds or folds of one trial.
    pub label: String,
    /// What the trial's plan says where trials differ: key and value.
    pub settings: Vec<(String, String)>,
    /// Fold of a cross-validation.
    pub fold: Option<u32>,
    /// Seed.
    pub seed: u64,
    /// Epoch by epoch (columns: see [`history`]).
    pub history: Option<DataFrame>,
    /// Scores, as [`crate::evaluate::table`] reads them.
    pub scores: DataFrame,
    /// Overlay pictures.
    pub panels: Vec<Panel>,
    /// What a cascade's classifier of slices left out.
    pub skipped: Vec<SkippedRow>,
    /// Cases that could not be scored.
    pub excluded: Vec<Excluded>,
    /// The resolved plan.
    pub plan_toml: String,
    /// Versions, hashes, machine.
    pub manifest: Value,
}

impl RunInput {
    /// The run in words: label, fold and seed.
    pub fn name(&self) -> String {
        run_name(&self.label, self.fold, self.seed)
    }
}

/// One finished run that classifies slices.
#[derive(Clone, Debug)]
pub struct ClassifierInput {
    /// Which trial it belongs to.
    pub label: String,
    /// Fold of a cross-validation.
    pub fold: Option<u32>,
    /// Seed.
    pub seed: u64,
    /// Epoch by epoch.
    pub history: Option<DataFrame>,
    /// Slices of the scored cases.
    pub slices: Vec<SliceRow>,
    /// Probability from which a slice counts as one that shows a structure.
    pub thresholds: Vec<(String, f64)>,
    /// The resolved plan.
    pub plan_toml: String,
    /// Versions, hashes, machine.
    pub manifest: Value,
}

impl ClassifierInput {
    /// The run in words: label, fold and seed.
    pub fn name(&self) -> String {
        run_name(&self.label, self.fold, self.seed)
    }
}

fn run_name(label: &str, fold: Option<u32>, seed: u64) -> String {
    let fold = fold.map_or_else(String::new, |fold| format!("fold {fold}, "));
    let label = if label.is_empty() { String::new() } else { format!("{label}, ") };
    format!("{label}{fold}seed {seed}")
}

/// An overlay picture of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Why this case is shown.
    pub rank: Rank,
    /// The case.
    pub case: String,
    /// The PNG file that [`panel::save`] wrote.
    pub picture: PathBuf,
}

/// Why a case is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Highest mean Dice.
    Best,
    /// In the middle.
    Median,
    /// Lowest mean Dice.
    Worst,
}

impl Rank {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "Best",
            Self::Median => "Median",
            Self::Worst => "Worst",
        }
    }
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
    /// A score table has another form.
    #[error("run `{run}`: {reason}")]
    Scores {
        /// The run.
        run: String,
        /// What does not fit.
        reason: String,
    },
    /// Two folds of one trial scored the same case.
    #[error("trial `{trial}`, seed {seed}: case `{case}` was scored twice; folds must not share test cases")]
    CaseTwice {
        /// The trial.
        trial: String,
        /// The case.
        case: String,
        /// The seed.
        seed: u64,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
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
    /// Whether the disk or a permission is the reason (exit code 7), rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::File { source, .. } => crate::files::is_environment(source),
            Self::Table(error) => error.is_environment(),
            _ => false,
        }
    }
}

/// A figure with its place in the page.
#[derive(Clone, Debug)]
pub struct NamedFigure {
    /// File name without ending.
    pub name: String,
    /// Caption, also the text for readers that cannot see the chart.
    pub caption: String,
    /// The chart.
    pub figure: Figure,
}

/// Writes tables, charts and the page into a folder; each file whole or not at all.
///
/// # Errors
/// [`ReportError`] naming the run or the file.
pub fn write(input: &ReportInput, folder: &Path) -> Result<ReportFiles, ReportError> {
    let trials = collect::collect(input)?;
    let mut files = Files { folder, all: Vec::new() };
    for (name, mut frame) in table::tables(input, &trials)? {
        files.table(name, &mut frame)?;
    }
    files.json("label_map", &label_map(input))?;
    files.json("training_history", &training_history(input))?;
    if let Some(best) = collect::best(&trials) {
        files.json("best", &best_runs(input, best))?;
    }
    let figures = figures(input, &trials)?;
    for figure in &figures {
        files.bytes(&format!("{}.svg", figure.name), figure.figure.svg.as_bytes())?;
        files.bytes(&format!("{}.png", figure.name), &figure.figure.png)?;
    }
    let page = page::render(input, &trials, &figures)?;
    let page = files.bytes("report.html", page.as_bytes())?;
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

    fn table(&mut self, name: &str, frame: &mut DataFrame) -> Result<(), ReportError> {
        let [parquet, csv] = ["parquet", "csv"].map(|ending| self.folder.join(format!("{name}.{ending}")));
        crate::evaluate::table::write(frame, &parquet, &csv)?;
        self.all.extend([parquet, csv]);
        Ok(())
    }
}

fn label_map(input: &ReportInput) -> Value {
    let structure = |s: &crate::dataset::TargetStructure| {
        let [red, green, blue] = s.color;
        let color = format!("#{red:02x}{green:02x}{blue:02x}");
        json!({ "name": s.name, "value": s.value, "values": s.values, "members": s.members, "color": color })
    };
    let structures: Vec<Value> = input.target.structures.iter().map(structure).collect();
    json!({ "version": 1, "background": 0, "overlapping": input.target.overlapping, "structures": structures })
}

/// The best trial, and the runs whose mean segments new images as it does: `segspec predict RUN…`.
fn best_runs(input: &ReportInput, best: &collect::Trial) -> Value {
    let runs = input.runs.iter().filter(|run| run.label == best.label);
    let ids: Vec<&str> = runs.filter_map(|run| run.manifest.get("run_id")?.as_str()).collect();
    let dice = best.overall(crate::evaluate::summary::Metric::Dice).map(|score| score.mean);
    let split = best.rows.first().map(|row| row.context.split.as_str());
    json!({ "version": 1, "trial": best.label, "dice": dice, "split": split, "runs": ids })
}

fn training_history(input: &ReportInput) -> Value {
    let run = |run: &RunInput| {
        let columns = run.history.as_ref().map_or(Value::Null, history::to_json);
        json!({ "label": run.label, "fold": run.fold, "seed": run.seed, "history": columns })
    };
    json!({ "version": 1, "runs": input.runs.iter().map(run).collect::<Vec<_>>() })
}

/// The charts in the order of the page. With several trials, per-structure charts show the best one.
fn figures(input: &ReportInput, trials: &[collect::Trial]) -> Result<Vec<NamedFigure>, ReportError> {
    let mut figures = Vec::new();
    let mut add = |name: &str, caption: &str, figure: Result<Figure, FigureError>| {
        figures.push(NamedFigure { name: name.to_owned(), caption: caption.to_owned(), figure: figure? });
        Ok::<(), FigureError>(())
    };
    if let Some(best) = collect::best(trials).filter(|trial| !trial.summary.structures.is_empty()) {
        let of = if trials.len() > 1 { format!(", trial {}", best.name()) } else { String::new() };
        let titled = |what: &str| format!("{what}{of}");
        let spreads = best.spreads(&input.target);
        let ranking = Ranking::new(&titled("Structures, best first"), &best.summary);
        add("ranking", "Mean Dice and IoU of every structure, sorted by Dice.", figure::render(&ranking))?;
        let distribution = Distribution::new(&titled("Spread over cases"), spreads.clone());
        add("distribution", "Spread of Dice and IoU over cases, per structure.", figure::render(&distribution))?;
        let scatter = Scatter::new(&titled("Dice against IoU"), spreads);
        add("dice-iou", "Dice against IoU, per case and structure.", figure::render(&scatter))?;
    }
    if trials.len() > 1 {
        let names = collect::structures(trials, &input.target);
        let means: Vec<_> = trials.iter().map(|trial| trial.means(&names)).collect();
        let overall = Overall::new("Trials, best first", &means);
        add("comparison", "Mean Dice and IoU of every trial.", figure::render(&overall))?;
        let structures = PerStructure::new("Trials per structure", &names, &means);
        add("comparison-structures", "Mean Dice and IoU per structure and trial.", figure::render(&structures))?;
    }
    for (index, run) in curve_runs(input, trials) {
        let Some(history) = run.history.as_ref().and_then(history::History::read) else { continue };
        let colors: Vec<_> = input.target.structures.iter().map(|s| (s.name.clone(), s.color)).collect();
        let curves = Curves::new(&format!("Training, {}", run.name()), &history, &colors);
        let stopped = history.stopped_early.map(|epoch| format!(", stopped early after epoch {epoch}"));
        let caption = format!("{}{}", run.name(), stopped.unwrap_or_default());
        add(&format!("training-{}", index + 1), &caption, figure::render(&curves))?;
    }
    for (index, classifier) in slices::collect(input).iter().enumerate() {
        let caption = format!("ROC curves of {}; dots: at the threshold.", classifier.name);
        add(&format!("roc-{}", index + 1), &caption, figure::render(&classifier.roc()))?;
    }
    for (index, run) in input.classifiers.iter().enumerate() {
        let Some(history) = run.history.as_ref().and_then(history::History::read) else { continue };
        let curves = Curves::new(&format!("Training, {} (Dice of slices: F1)", run.name()), &history, &[]);
        add(&format!("training-classifier-{}", index + 1), &run.name(), figure::render(&curves))?;
    }
    Ok(figures)
}

/// The runs whose training is drawn, with their places: all, or those of the best trial where there are many.
fn curve_runs<'a>(input: &'a ReportInput, trials: &[collect::Trial]) -> Vec<(usize, &'a RunInput)> {
    let best = collect::best(trials).map(|trial| trial.label.clone());
    let few = input.runs.len() <= MOST_CURVES;
    let runs = input.runs.iter().enumerate();
    runs.filter(|(_, run)| few || Some(&run.label) == best.as_ref()).take(MOST_CURVES).collect()
}

#[cfg(test)]
mod tests;
