//! What the scores of many cases say together: over cases first, then over structures.
//!
//! A structure without a single defined value is `None` and takes no part in the overall mean; it is neither 0 nor NaN.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Score;
use super::quantile::quantile;

mod bootstrap;

pub use bootstrap::RESAMPLES;

/// The scores that are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Dice similarity coefficient.
    Dice,
    /// Intersection over union.
    Iou,
    /// Part of the prediction that is right.
    Precision,
    /// Part of the reference that was found.
    Recall,
    /// (prediction − reference) / reference.
    RelativeVolumeDifference,
}

impl Metric {
    /// In the order of every table.
    pub const ALL: [Self; 5] = [Self::Dice, Self::Iou, Self::Precision, Self::Recall, Self::RelativeVolumeDifference];

    /// The score of one case, `None` where it is undefined.
    pub fn of(self, score: &Score) -> Option<f64> {
        match self {
            Self::Dice => score.dice,
            Self::Iou => score.iou,
            Self::Precision => score.precision,
            Self::Recall => score.recall,
            Self::RelativeVolumeDifference => score.relative_volume_difference,
        }
    }

    /// Name of the column in tables.
    pub fn column(self) -> &'static str {
        match self {
            Self::Dice => "dice",
            Self::Iou => "iou",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::RelativeVolumeDifference => "relative_volume_difference",
        }
    }
}

/// Location and spread of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation with n − 1; undefined for one value.
    pub sd: Option<f64>,
    /// Median.
    pub median: f64,
    /// Lower quartile.
    pub q1: f64,
    /// Upper quartile.
    pub q3: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// 95 % confidence interval of the mean, lower and upper: percentile bootstrap over cases; undefined for one case.
    pub ci95: Option<[f64; 2]>,
}

impl Statistics {
    /// Of values in any order, without a confidence interval; `None` for no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut ascending = values.to_vec();
        ascending.sort_by(f64::total_cmp);
        let n = ascending.len();
        let mean = ascending.iter().sum::<f64>() / n as f64;
        let squares: f64 = ascending.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            n,
            mean,
            sd: (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt()),
            median: quantile(&ascending, 0.5)?,
            q1: quantile(&ascending, 0.25)?,
            q3: quantile(&ascending, 0.75)?,
            min: *ascending.first()?,
            max: *ascending.last()?,
            ci95: None,
        })
    }
}

/// How many cases reach a Dice value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Success {
    /// The Dice value.
    pub dice_at_least: f64,
    /// Fraction of the cases with a defined Dice that reach it.
    pub rate: Option<f64>,
}

/// One structure over all cases, or all structures together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StructureSummary {
    /// Name of the structure; `mean` for all together.
    pub name: String,
    /// Cases scored.
    pub n: usize,
    /// Times it is in the reference but not in the prediction.
    pub n_missed: usize,
    /// Times it is in the prediction but not in the reference.
    pub n_fp_on_empty: usize,
    /// Times it is in neither, so that no ratio is defined.
    pub n_undefined: usize,
    /// Dice.
    pub dice: Option<Statistics>,
    /// Intersection over union.
    pub iou: Option<Statistics>,
    /// Precision.
    pub precision: Option<Statistics>,
    /// Recall.
    pub recall: Option<Statistics>,
    /// (prediction − reference) / reference.
    pub relative_volume_difference: Option<Statistics>,
    /// Success rates, in the order asked for.
    pub success: Vec<Success>,
}

impl StructureSummary {
    /// The statistics of one metric.
    pub fn metric(&self, metric: Metric) -> Option<&Statistics> {
        match metric {
            Metric::Dice => self.dice.as_ref(),
            Metric::Iou => self.iou.as_ref(),
            Metric::Precision => self.precision.as_ref(),
            Metric::Recall => self.recall.as_ref(),
            Metric::RelativeVolumeDifference => self.relative_volume_difference.as_ref(),
        }
    }
}

/// All cases of one set of scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Cases scored.
    pub n_cases: usize,
    /// Per structure, in the target's order.
    pub structures: Vec<StructureSummary>,
    /// Over structures: the statistics are those of the structures' means, counts are sums.
    pub mean: StructureSummary,
    /// Resamples behind every confidence interval.
    pub bootstrap_resamples: usize,
    /// Seed of the resampling.
    pub bootstrap_seed: u64,
}

/// Sums up scores. Several rows for one case and structure (repeated seeds) are averaged into the case first: they are
/// no independent cases. `success_dice` are the Dice values of the success rates, `seed` that of the bootstrap.
pub fn summarise(scores: &[&Score], success_dice: &[f64], seed: u64) -> Summary {
    let grid = Grid::new(scores);
    let (mut structures, mut mean) = statistics(&grid, success_dice);
    let intervals = bootstrap::intervals(&grid, seed);
    for (structure, intervals) in structures.iter_mut().chain([&mut mean]).zip(intervals) {
        set_intervals(structure, intervals);
    }
    Summary { n_cases: grid.cases.len(), structures, mean, bootstrap_resamples: RESAMPLES, bootstrap_seed: seed }
}

/// As [`summarise`], without confidence intervals and success rates: per structure, and over structures.
pub fn means(scores: &[&Score]) -> (Vec<StructureSummary>, StructureSummary) {
    statistics(&Grid::new(scores), &[])
}

fn statistics(grid: &Grid, success_dice: &[f64]) -> (Vec<StructureSummary>, StructureSummary) {
    let structures: Vec<_> =
        (0..grid.structures.len()).map(|index| summarise_structure(grid, index, success_dice)).collect();
    let mean = summarise_overall(&structures, grid.cases.len(), success_dice);
    (structures, mean)
}

/// Scores by case and structure.
struct Grid<'a> {
    /// Names in sorted order.
    cases: Vec<&'a str>,
    /// Names in order of appearance, which is the target's.
    structures: Vec<&'a str>,
    /// `cells[case][structure]`: the rows of that place.
    cells: Vec<Vec<Vec<&'a Score>>>,
}

impl<'a> Grid<'a> {
    fn new(scores: &[&'a Score]) -> Self {
        let mut structures = Vec::new();
        let mut index = BTreeMap::new();
        for score in scores {
            index.entry(score.structure.as_str()).or_insert_with(|| {
                structures.push(score.structure.as_str());
                structures.len() - 1
            });
        }
        let mut by_case: BTreeMap<&str, Vec<Vec<&Score>>> = BTreeMap::new();
        for score in scores {
            let row = by_case.entry(&score.case).or_insert_with(|| vec![Vec::new(); structures.len()]);
            row[index[score.structure.as_str()]].push(*score);
        }
        let (cases, cells) = by_case.into_iter().unzip();
        Self { cases, structures, cells }
    }

    /// One metric of one structure in one case.
    fn value(&self, case: usize, structure: usize, metric: Metric) -> Option<f64> {
        let defined: Vec<f64> = self.cells[case][structure].iter().filter_map(|score| metric.of(score)).collect();
        (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
    }

    fn values(&self, structure: usize, metric: Metric) -> Vec<f64> {
        (0..self.cases.len()).filter_map(|case| self.value(case, structure, metric)).collect()
    }

    fn count(&self, structure: usize, which: fn(&Score) -> bool) -> usize {
        self.cells.iter().flat_map(|row| &row[structure]).filter(|score| which(score)).count()
    }
}

fn summarise_structure(grid: &Grid, index: usize, success_dice: &[f64]) -> StructureSummary {
    let statistics = |metric| Statistics::of(&grid.values(index, metric));
    let dice = grid.values(index, Metric::Dice);
    StructureSummary {
        name: grid.structures[index].to_owned(),
        n: grid.cells.iter().filter(|row| !row[index].is_empty()).count(),
        n_missed: grid.count(index, |score| score.prediction_empty && !score.reference_empty),
        n_fp_on_empty: grid.count(index, |score| score.reference_empty && !score.prediction_empty),
        n_undefined: grid.count(index, |score| score.reference_empty && score.prediction_empty),
        dice: statistics(Metric::Dice),
        iou: statistics(Metric::Iou),
        precision: statistics(Metric::Precision),
        recall: statistics(Metric::Recall),
        relative_volume_difference: statistics(Metric::RelativeVolumeDifference),
        success: success_dice.iter().map(|at_least| success(&dice, *at_least)).collect(),
    }
}

fn success(dice: &[f64], dice_at_least: f64) -> Success {
    let reached = dice.iter().filter(|value| **value >= dice_at_least).count();
    Success { dice_at_least, rate: (!dice.is_empty()).then(|| reached as f64 / dice.len() as f64) }
}

fn summarise_overall(structures: &[StructureSummary], n_cases: usize, success_dice: &[f64]) -> StructureSummary {
    let total = |count: fn(&StructureSummary) -> usize| structures.iter().map(count).sum();
    let statistics = |metric| {
        let means: Vec<f64> = structures.iter().filter_map(|s| s.metric(metric)).map(|s| s.mean).collect();
        Statistics::of(&means)
    };
    let rate = |place: usize| {
        let rates: Vec<f64> = structures.iter().filter_map(|s| s.success.get(place)?.rate).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    };
    let success = success_dice.iter().enumerate();
    StructureSummary {
        name: "mean".to_owned(),
        n: n_cases,
        n_missed: total(|s| s.n_missed),
        n_fp_on_empty: total(|s| s.n_fp_on_empty),
        n_undefined: total(|s| s.n_undefined),
        dice: statistics(Metric::Dice),
        iou: statistics(Metric::Iou),
        precision: statistics(Metric::Precision),
        recall: statistics(Metric::Recall),
        relative_volume_difference: statistics(Metric::RelativeVolumeDifference),
        success: success.map(|(place, at)| Success { dice_at_least: *at, rate: rate(place) }).collect(),
    }
}

fn set_intervals(summary: &mut StructureSummary, intervals: [Option<[f64; 2]>; 5]) {
    let statistics = [
        &mut summary.dice,
        &mut summary.iou,
        &mut summary.precision,
        &mut summary.recall,
        &mut summary.relative_volume_difference,
    ];
    for (statistics, interval) in statistics.into_iter().zip(intervals) {
        if let Some(statistics) = statistics {
            statistics.ci95 = interval;
        }
    }
}

#[cfg(test)]
mod tests;
