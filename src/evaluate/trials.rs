//! Groups runs into trials: folds are pooled out-of-fold so that each case counts once, seeds are kept apart.
//!
//! All scores are in one table with a row per run, case and structure. Statistics group its rows: per trial, structure and case with
//! seeds averaged ([`Summary`]), and per trial, seed and structure for the spread over seeds.

use std::collections::BTreeSet;

use polars::prelude::*;

use super::context::{Context, Names};
use super::frame::{Groups, Row, column, frame, join, mean, rows, sort, stack};
use super::metric::{HEADLINE, MetricId};
use super::summary::{self, OVERALL, Statistics, Summary, ascending_mean, part_column, summarise, unmixed};
use super::table::{self, TableError};
use crate::dataset::Target;

mod factors;
mod scope;
mod tables;

pub use factors::{Factor, Level};
pub use scope::Incomparable;

/// Seed of the bootstrap in every report.
pub const BOOTSTRAP_SEED: u64 = 0;

/// Scores of one finished run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Their origin.
    pub context: &'a Context,
    /// The run's table, as [`table::read`] reads it.
    pub scores: &'a DataFrame,
    /// Number of its trial in the search that it belongs to.
    pub number: Option<usize>,
}

/// The compared trials.
#[derive(Clone, Debug)]
pub struct Trials {
    /// In the order of their first runs.
    pub all: Vec<Trial>,
    /// Every score of every run: its origin (`experiment`, `trial_number`, `trial`, `fold`, `seed`, `split`, `selected_on`, `patient`) and
    /// the columns of a score table, sorted by trial, seed, case and the target's order of structures.
    pub scores: DataFrame,
    /// Structures that any trial scored, in the order of the target.
    pub structure_names: Vec<String>,
    /// Names of the scored splits, sorted.
    pub splits: Vec<String>,
    /// Whether a scored split was used to select the checkpoint.
    pub selected_on: bool,
    /// Number of scored cases whose labels a person corrected.
    pub corrected: usize,
    /// Dice thresholds of the success rates.
    pub success_dice: Vec<f64>,
    /// The best trial, where something other than these scores chose it.
    pub chosen: Option<Chosen>,
}

/// The trial that a search chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Its index.
    pub place: usize,
    /// What it was judged by: `mean Dice (validation)`.
    pub by: String,
    /// Whether that was measured on the scored cases.
    pub on_scored_cases: bool,
    /// Number of trials of the search.
    pub of: usize,
}

/// All runs that differ only in fold and seed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Number of the trial in its search; else from 1, in the order of the runs.
    pub number: usize,
    /// Origin of its first run.
    pub context: Context,
    /// What distinguishes it from the other trials.
    pub label: String,
    /// Number of seeds.
    pub n_seeds: usize,
    /// Number of runs: seeds × folds.
    pub n_runs: usize,
    /// Over all cases, seeds averaged within a case.
    pub summary: Summary,
    /// One row, [`OVERALL`]. For every metric its mean over seeds (`dice_mean`), where each seed's value is the mean over the cases of
    /// all its folds and then over structures; the standard deviation over seeds (`dice_sd_over_seeds`) and the number of seeds with a
    /// value (`dice_n_seeds`). The same over folds, with seeds averaged (`dice_sd_over_folds`, `dice_n_folds`): folds test other patients
    /// with other networks.
    pub overall: DataFrame,
    /// The same columns for each structure.
    pub structures: DataFrame,
}

/// Mean of a metric over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverSeeds {
    /// Mean over seeds of the mean over cases (and structures).
    pub mean: f64,
    /// Standard deviation over seeds (n − 1); undefined for one seed.
    pub sd: Option<f64>,
    /// Number of seeds.
    pub n: usize,
}

impl OverSeeds {
    /// From a row of [`Trial::overall`], [`Trial::structures`] or [`Trials::comparison_table`].
    pub fn read(row: Row, metric: MetricId) -> Option<Self> {
        Some(Self {
            mean: row.number(&part_column(metric, MEAN))?,
            sd: row.number(&part_column(metric, SD)),
            n: row.count(&part_column(metric, N))? as usize,
        })
    }
}

const MEAN: &str = "mean";
const SD: &str = "sd_over_seeds";
const N: &str = "n_seeds";
const SD_FOLDS: &str = "sd_over_folds";
const N_FOLDS: &str = "n_folds";

/// Why runs cannot be grouped into trials.
#[derive(Debug, thiserror::Error)]
pub enum TrialsError {
    /// A score table has another version or other columns.
    #[error("run `{run}`: {source}")]
    Scores {
        /// The run.
        run: String,
        /// What is wrong.
        source: TableError,
    },
    /// Two folds of one trial scored the same case.
    #[error(
        "trial `{trial}`, seed {seed}: case `{case}` was scored twice: give either two folds without common test cases, or only one of two predictions by the same settings"
    )]
    DuplicateCase {
        /// The trial.
        trial: String,
        /// The case.
        case: String,
        /// The seed.
        seed: u64,
    },
    /// A table cannot be made.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Groups runs into trials. `target` gives the order of structures; those that it does not name come last.
///
/// # Errors
/// [`TrialsError::Scores`] for a table that is not a score table, [`TrialsError::DuplicateCase`] if two runs of one trial and seed scored
/// the same case.
pub fn collect(runs: &[Run], names: &Names, target: &Target, success_dice: &[f64]) -> Result<Trials, TrialsError> {
    let mut first: Vec<&Run> = Vec::new();
    let mut of_runs = Vec::new();
    for run in runs {
        let known = first.iter().position(|first| first.context.is_same_trial(run.context));
        of_runs.push(known.unwrap_or(first.len()));
        if known.is_none() {
            first.push(run);
        }
    }
    let numbers = numbers(&first);
    let of_runs: Vec<u32> = of_runs.into_iter().map(|place| numbers[place]).collect();
    let scores = gather(runs, &of_runs, names, target)?;
    reject_duplicate_cases(&scores)?;
    let numbered = first.iter().zip(numbers);
    let trials = numbered.map(|(first, number)| trial(number, first.context, names, &scores, success_dice));
    let scored = || runs.iter().filter(|run| run.scores.height() > 0).map(|run| run.context);
    let mut splits: Vec<String> = scored().map(|context| context.split.clone()).collect();
    splits.sort_unstable();
    splits.dedup();
    Ok(Trials {
        all: trials.collect::<Result<_, TableError>>()?,
        structure_names: structure_names(&scores, target)?,
        splits,
        selected_on: scored().any(|context| context.selected_on),
        corrected: scored().flat_map(|context| &context.corrected).collect::<BTreeSet<_>>().len(),
        success_dice: success_dice.to_vec(),
        chosen: None,
        scores,
    })
}

/// Numbers of trials by the first run of each: those of the search, unless several trials have one (variants of a prediction).
fn numbers(first: &[&Run]) -> Vec<u32> {
    let known: Option<Vec<u32>> = first.iter().map(|run| run.number?.try_into().ok()).collect();
    let differ = |numbers: &Vec<u32>| numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len();
    known.filter(differ).unwrap_or_else(|| (1..).take(first.len()).collect())
}

/// The columns with the origin of a score.
const CONTEXT: [&str; 8] = ["experiment", "trial_number", "trial", "fold", "seed", "split", "selected_on", "patient"];

/// The tables of all runs in one, each row with its origin.
fn gather(runs: &[Run], of_runs: &[u32], names: &Names, target: &Target) -> Result<DataFrame, TrialsError> {
    let mut tables = vec![
        table::to_frame(&[])?
            .hstack(&[column("run", Vec::<u32>::new()), column("patient", Vec::<String>::new())])
            .map_err(TableError::malformed)?,
    ];
    for (run, number) in runs.iter().zip(0u32..) {
        let failed = |source| TrialsError::Scores { run: names.run(run.context), source };
        table::check_scores(run.scores).map_err(failed)?;
        let columns = ["version"].into_iter().chain(table::columns());
        let mut scores = run.scores.select(columns).map_err(TableError::malformed)?;
        scores.with_column(column("run", vec![number; scores.height()])).map_err(TableError::malformed)?;
        let known = &run.context.patients;
        let patient = |row: Row| known.get(row.text("case")).map_or(row.text("case"), String::as_str).to_owned();
        let patients: Vec<String> = rows(&scores).map(patient).collect();
        scores.with_column(column("patient", patients)).map_err(TableError::malformed)?;
        tables.push(scores);
    }
    let scores = stack(tables)?.unwrap_or_default();
    let scores = join(&scores, &contexts(runs, of_runs, names)?, &["run"])?;
    let scores = join(&scores, &places(target)?, &["structure"])?;
    let sorted = sort(&scores, &["trial_number", "seed", "case", "place"])?;
    let columns = ["version"].into_iter().chain(CONTEXT).chain(table::columns());
    Ok(sorted.select(columns).map_err(TableError::malformed)?)
}

/// Origin of the scores, one row per run.
fn contexts(runs: &[Run], of_runs: &[u32], names: &Names) -> Result<DataFrame, TableError> {
    let all = || runs.iter().map(|run| run.context);
    let columns = vec![
        column("run", 0..runs.len() as u32),
        column("experiment", all().map(|context| context.experiment.as_str())),
        column("trial_number", of_runs.iter().copied()),
        column("trial", all().map(|context| names.trial(context))),
        column("fold", all().map(|context| context.fold)),
        column("seed", all().map(|context| context.seed)),
        column("split", all().map(|context| context.split.as_str())),
        column("selected_on", all().map(|context| context.selected_on)),
    ];
    frame(runs.len(), columns)
}

/// Position of each structure in the target.
fn places(target: &Target) -> Result<DataFrame, TableError> {
    let structures = &target.structures;
    let names = column("structure", structures.iter().map(|structure| structure.name.as_str()));
    frame(structures.len(), vec![names, column("place", 0..structures.len() as u32)])
}

fn reject_duplicate_cases(scores: &DataFrame) -> Result<(), TrialsError> {
    let keys = ["trial_number", "seed", "case", "structure", "trial"];
    let groups = Groups::by(scores, &keys)?;
    let Some(twice) = groups.sizes().position(|size| size > 1) else { return Ok(()) };
    let keys = frame(groups.count(), groups.keys())?;
    let row = rows(&keys).nth(twice);
    let text = |name| row.map_or_else(String::new, |row| row.text(name).to_owned());
    let seed = row.and_then(|row| row.count("seed")).unwrap_or_default();
    Err(TrialsError::DuplicateCase { trial: text("trial"), case: text("case"), seed })
}

/// Names of all scored structures, in the order of the target.
fn structure_names(scores: &DataFrame, target: &Target) -> Result<Vec<String>, TableError> {
    let groups = Groups::by(scores, &["structure"])?;
    let found = sort(&join(&frame(groups.count(), groups.keys())?, &places(target)?, &["structure"])?, &["place"])?;
    Ok(rows(&found).map(|row| row.text("structure").to_owned()).collect())
}

/// One trial from the scores of all.
fn trial(
    number: u32,
    context: &Context,
    names: &Names,
    scores: &DataFrame,
    success_dice: &[f64],
) -> Result<Trial, TableError> {
    let numbers = scores.column("trial_number").and_then(|column| column.u32()).map_err(TableError::malformed)?;
    let scores = scores.filter(&numbers.equal(number)).map_err(TableError::malformed)?;
    let unmixed = unmixed(&scores)?;
    let [(seeds, of_seeds), (folds, of_folds)] = [means_by(&unmixed, "seed")?, means_by(&unmixed, "fold")?];
    let one = frame(1, vec![column("structure", [OVERALL])])?;
    let both = |seeds: &DataFrame, folds: &DataFrame| {
        let (seeds, folds) = (spread(seeds, [MEAN, SD, N])?, spread(folds, ["", SD_FOLDS, N_FOLDS])?);
        join(&seeds, &folds, &["structure"])
    };
    Ok(Trial {
        number: number as usize,
        context: context.clone(),
        label: names.trial(context),
        n_seeds: seeds.height(),
        n_runs: Groups::by(&scores, &["seed", "fold"])?.count(),
        summary: summarise(&scores, &context.groups, success_dice, BOOTSTRAP_SEED)?,
        overall: join(&one, &both(&seeds, &folds)?, &["structure"])?,
        structures: both(&of_seeds, &of_folds)?,
    })
}

/// Means over cases and then over structures for each seed or fold (a row each, with [`OVERALL`] as structure), and those of every structure.
fn means_by(scores: &DataFrame, part: &str) -> Result<(DataFrame, DataFrame), TableError> {
    let metrics: Vec<MetricId> = MetricId::all().collect();
    // Seeds of a case are averaged first.
    let cases = summary::means(&Groups::by(scores, &[part, "structure", "case"])?, &metrics, ascending_mean)?;
    let structures = summary::means(&Groups::by(&cases, &[part, "structure"])?, &metrics, ascending_mean)?;
    let mut all = summary::means(&Groups::by(&structures, &[part])?, &metrics, ascending_mean)?;
    all.with_column(column("structure", vec![OVERALL; all.height()])).map_err(TableError::malformed)?;
    Ok((all, structures))
}

/// Mean, standard deviation and number, under the given names, of a table with a row per seed or fold and structure; an empty name is left
/// out.
fn spread(means: &DataFrame, [of_mean, of_sd, of_n]: [&str; 3]) -> Result<DataFrame, TableError> {
    let groups = Groups::by(means, &["structure"])?;
    let mut columns = groups.keys();
    for metric in MetricId::all() {
        let found = groups.each(metric.column, Statistics::of)?;
        let all = || found.iter().map(Option::as_ref);
        if !of_mean.is_empty() {
            columns.push(column(&part_column(metric, of_mean), all().map(|it| Some(it?.mean))));
        }
        columns.push(column(&part_column(metric, of_sd), all().map(|it| it?.sd)));
        columns.push(column(&part_column(metric, of_n), all().map(|it| it.map_or(0, |it| it.n as u64))));
    }
    frame(groups.count(), columns)
}

impl Trial {
    /// Number and label, for charts and tables.
    pub fn name(&self) -> String {
        if self.label.is_empty() { format!("#{}", self.number) } else { format!("#{} {}", self.number, self.label) }
    }

    /// Mean over seeds of a metric's mean over all structures.
    pub fn over_seeds(&self, metric: MetricId) -> Option<OverSeeds> {
        OverSeeds::read(rows(&self.overall).next()?, metric)
    }

    /// Standard deviation over folds of a metric's mean over all structures, and the number of folds; `None` without several folds.
    pub fn sd_over_folds(&self, metric: MetricId) -> Option<(f64, usize)> {
        let row = rows(&self.overall).next()?;
        let (sd, n) = (row.number(&part_column(metric, SD_FOLDS)), row.count(&part_column(metric, N_FOLDS)));
        sd.zip(n.map(|n| n as usize))
    }

    /// A metric's values over the cases of every structure, in the order of [`Summary::structures`]; seeds averaged within a case,
    /// undefined values omitted.
    ///
    /// # Errors
    /// [`TableError`] if the table has no such metric.
    pub fn values(&self, metric: MetricId) -> Result<Vec<Vec<f64>>, TableError> {
        Groups::by(&self.summary.cases, &["structure"])?.each(metric.column, <[f64]>::to_vec)
    }
}

impl Trials {
    /// The trial that a search chose, else the one with the best mean Dice among the [comparable](Self::comparable) ones; the first if
    /// tied.
    pub fn best(&self) -> Option<&Trial> {
        if let Some(chosen) = &self.chosen {
            return self.all.get(chosen.place);
        }
        let metric = HEADLINE[0];
        let merit = |trial: &Trial| trial.over_seeds(metric).map_or(f64::NEG_INFINITY, |it| metric.merit(it.mean));
        let (comparable, _) = self.comparable().ok()?;
        comparable.into_iter().reduce(|best, trial| if merit(trial) > merit(best) { trial } else { best })
    }

    /// Mean per case of the headline metrics over trials, seeds and structures: `case`, `n` scores, a column per metric; sorted by case.
    ///
    /// # Errors
    /// [`TableError`] if a table cannot be made.
    pub fn case_means(&self) -> Result<DataFrame, TableError> {
        let groups = Groups::by(&self.scores, &["case"])?;
        let mut cases = summary::means(&groups, HEADLINE, mean)?;
        let sizes = groups.sizes().map(|size| size as u64);
        cases.with_column(column("n", sizes)).map_err(TableError::malformed)?;
        sort(&cases, &["case"])
    }
}

#[cfg(test)]
mod tests;
