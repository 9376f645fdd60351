//! Ranking of competitors (trials, runs, settings, tools, structures) by one metric, with its uncertainty. docs/ranking.md defines every
//! number.
//!
//! [`Grid`] holds one value per structure, case and competitor. A [`Board`] ranks the competitors on one structure, a group of them, or all;
//! methods are those of challengeR (Wiesenfarth et al. 2021).

mod board;
mod bootstrap;
mod competitors;
mod grid;
mod methods;
mod pairs;
mod table;

use serde::Serialize;

pub use board::{Agreement, Board, Entry, Over};
pub use bootstrap::RESAMPLES;
pub use competitors::{By, of_comparable, of_structures, of_trials};
pub use grid::{Competitor, Grid, LeftOut};
pub use methods::Method;
pub use pairs::{Pair, Verdict};
pub use table::{entries, pairs};

use super::metric::{Better, MetricId};
use super::statistics::FEWEST;
use super::summary::StructureGroups;
use super::table::TableError;
use super::trials::Factor;
use crate::counted;

/// Version of `ranking.json`.
pub const VERSION: u32 = 1;

/// Why competitors cannot be ranked.
#[derive(Debug, thiserror::Error)]
pub enum RankError {
    /// Fewer than two competitors.
    #[error("{0}")]
    Few(String),
    /// Competitors were scored on different cases or structures, or on different splits of different datasets.
    #[error("{name} cannot be compared with the others: it {reason}")]
    Differs {
        /// The competitor.
        name: String,
        /// The rest of the sentence.
        reason: String,
    },
    /// No case has a value of the metric.
    #[error("no case has a value of {metric}: {hint}")]
    NoValues {
        /// The metric.
        metric: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// No setting has the name of `--by`.
    #[error("--by {name}: {reason}")]
    By {
        /// As written.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A table is malformed.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What to rank by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The metric.
    pub metric: MetricId,
    /// Largest difference that does not matter (region of practical equivalence), in the unit of the metric.
    pub margin: Option<f64>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// A ranking.
#[derive(Clone, Debug, Serialize)]
pub struct Ranking {
    /// Version of the file.
    pub version: u32,
    /// What is ranked, in the singular: `trial`, `run`, `tool`, `structure`.
    pub of: String,
    /// The metric.
    pub metric: MetricId,
    /// Its name with its unit.
    pub heading: String,
    /// Which of two values is better: `higher`, `lower`, or `nearer to zero` (values are then absolute).
    pub better: &'static str,
    /// Region of practical equivalence, as declared; none was declared if absent.
    pub margin: Option<f64>,
    /// Names of the competitors.
    pub competitors: Vec<String>,
    /// Number of cases.
    pub n_cases: usize,
    /// Number of patients, which are resampled and tested.
    pub n_patients: usize,
    /// Number of structures.
    pub n_structures: usize,
    /// Cases × structures that take part in nothing.
    pub left_out: LeftOut,
    /// Resamples of every bootstrap.
    pub resamples: usize,
    /// Their seed.
    pub seed: u64,
    /// Where the competitors come from.
    pub origin: Origin,
    /// What readers must know, one sentence each.
    pub cautions: Vec<String>,
    /// The board over all structures first, then groups, then every structure.
    pub boards: Vec<Board>,
    /// Marginal means of the settings of a sweep.
    pub factors: Vec<Factor>,
    /// Values for figures: per competitor those of every case, averaged over structures.
    #[serde(skip)]
    pub values: Vec<Vec<f64>>,
}

/// Where competitors come from: what a claim about the best of them must name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Origin {
    /// Dataset, if one is known.
    pub dataset: String,
    /// The scored split, if one is known.
    pub split: String,
    /// How the weights were chosen, each way once.
    pub weights: Vec<String>,
    /// Whether the scored cases chose weights.
    pub selected_on_scored_cases: bool,
    /// Number of trials that were compared: the tuning budget.
    pub trials: usize,
    /// Number of runs behind them.
    pub runs: usize,
    /// Runs, predictions or cases that failed or are missing, each with its reason.
    pub failures: Vec<String>,
}

/// Ranks competitors. `structures` gives their order; `of` says what competes.
///
/// # Errors
/// [`RankError`]: fewer than two competitors, different cases or structures, no values.
pub fn rank(
    of: &str,
    competitors: &[Competitor],
    structures: &[String],
    groups: &StructureGroups,
    options: &Options,
) -> Result<Ranking, RankError> {
    if competitors.len() < 2 {
        return Err(RankError::Few(format!("a ranking needs two {of}s at least; there is {}", competitors.len())));
    }
    let grid = Grid::new(competitors, structures, options.metric)?;
    Ok(of_grid(of, &grid, groups, options))
}

/// Ranks the competitors of a grid.
pub fn of_grid(of: &str, grid: &Grid, groups: &StructureGroups, options: &Options) -> Ranking {
    let metric = options.metric;
    let overs = Over::all(grid, groups);
    let resamples = bootstrap::resample(grid, &overs, options.seed);
    Ranking {
        version: VERSION,
        of: of.to_owned(),
        metric,
        heading: metric.heading_in(&grid.unit),
        better: match metric.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::NearZero => "nearer to zero",
        },
        margin: options.margin,
        competitors: grid.competitors.clone(),
        n_cases: grid.cases.len(),
        n_patients: grid.n_patients,
        n_structures: grid.structures.len(),
        left_out: grid.left_out,
        resamples: RESAMPLES,
        seed: options.seed,
        origin: Origin::default(),
        cautions: cautions(grid),
        boards: board::boards(grid, &overs, &resamples, options),
        factors: Vec::new(),
        values: grid.case_values(),
    }
}

fn cautions(grid: &Grid) -> Vec<String> {
    let mut cautions = Vec::new();
    if grid.n_patients < FEWEST {
        let n = counted(grid.n_patients, "patient");
        cautions.push(format!(
            "{n}: too few for a confidence interval, and no test can reach p < 0.05 (at least {FEWEST} are needed): the order \
             may be chance."
        ));
    }
    if grid.left_out.undefined > 0 {
        cautions.push(format!(
            "{} (case × structure) left out for all: a value is missing for at least one, and the metric has no worst value.",
            counted(grid.left_out.undefined, "cell")
        ));
    }
    cautions
}

impl Ranking {
    /// The board over all structures.
    pub fn overall(&self) -> Option<&Board> {
        self.boards.first()
    }

    /// The competitor that the overall board puts first, and whether it is alone there.
    pub fn first(&self) -> Option<(&Entry, bool)> {
        let entries = &self.overall()?.entries;
        let first = entries.first()?;
        let others = entries.iter().filter(|entry| entry.rank == first.rank).count();
        Some((first, others == 1))
    }
}

#[cfg(test)]
pub(crate) mod tests;
