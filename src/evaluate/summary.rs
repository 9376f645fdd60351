//! Summary statistics of scores: over cases first, then over structures.
//!
//! A structure without any defined value has no statistics and is excluded from the overall mean; it counts as neither 0 nor NaN.

use std::collections::BTreeSet;

use polars::prelude::*;
use serde::Serialize;

use super::frame::{self, Groups, Row, column, mean, numbers, sort};
use super::metric::{DICE, METRICS, MetricId};
use super::quantile::quantile;
use super::table::TableError;

mod bootstrap;

pub use bootstrap::RESAMPLES;

/// Name of the row over all structures.
pub const OVERALL: &str = "mean";

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

/// One statistic: suffix of its column, and accessor.
type Part = (&'static str, fn(&Statistics) -> Option<f64>);

/// Column suffixes after a metric's name, as in `dice_mean`. The number of values precedes them in `dice_n`.
const PARTS: [Part; 9] = [
    ("mean", |it| Some(it.mean)),
    ("sd", |it| it.sd),
    ("median", |it| Some(it.median)),
    ("q1", |it| Some(it.q1)),
    ("q3", |it| Some(it.q3)),
    ("min", |it| Some(it.min)),
    ("max", |it| Some(it.max)),
    ("ci95_low", |it| it.ci95.map(|[low, _]| low)),
    ("ci95_high", |it| it.ci95.map(|[_, high]| high)),
];

impl Statistics {
    /// Statistics of values in any order, without a confidence interval; `None` for no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut ascending = values.to_vec();
        ascending.sort_by(f64::total_cmp);
        let n = ascending.len();
        let mean = mean(&ascending)?;
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

    /// The statistics of a metric in a row of a summary.
    pub(super) fn read(row: &Row, metric: MetricId) -> Option<Self> {
        let number = |part: &str| row.number(&part_column(metric, part));
        Some(Self {
            n: row.count(&part_column(metric, "n"))? as usize,
            mean: number("mean")?,
            sd: number("sd"),
            median: number("median")?,
            q1: number("q1")?,
            q3: number("q3")?,
            min: number("min")?,
            max: number("max")?,
            ci95: number("ci95_low").zip(number("ci95_high")).map(|(low, high)| [low, high]),
        })
    }
}

/// Name of the column with one statistic of a metric.
pub fn part_column(metric: MetricId, part: &str) -> String {
    format!("{}_{part}", metric.column)
}

/// Mean as in [`Statistics`]: summed in ascending order, so that it does not depend on the order of the values.
pub(super) fn ascending_mean(values: &[f64]) -> Option<f64> {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    mean(&ascending)
}

/// Summary of one set of scores.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Cases scored.
    pub n_cases: usize,
    /// Unit of distances: `mm`, for images without spacing `voxel`, and both where a set has both kinds of images.
    pub distance_unit: String,
    /// One row per case and structure, sorted by case: every metric averaged over repeated seeds, and in how many of them the
    /// structure was missed, a false positive, or absent from both.
    pub cases: DataFrame,
    /// One row per structure, in the order of their appearance, which is the target's. `structure`; `n` cases; `n_missed`, how often
    /// it is in the reference but not in the prediction; `n_fp_on_empty`, the reverse; `n_undefined`, in neither, so that no ratio is
    /// defined; the statistics of every metric; and success rates: `success_dice_0.7` is the fraction of the cases with a defined
    /// Dice that reach 0.7.
    pub structures: DataFrame,
    /// One row, [`OVERALL`], with the same columns: the statistics are those of the structures' means, counts are sums.
    pub overall: DataFrame,
}

/// Summarises a table of scores. Several rows for one case and structure (repeated seeds) are averaged first, because they are not
/// independent cases. `success_dice` are the Dice thresholds of the success rates, `seed` is the seed of the bootstrap.
///
/// # Errors
/// [`TableError`] if the table is not a score table.
pub fn summarise(scores: &DataFrame, success_dice: &[f64], seed: u64) -> Result<Summary, TableError> {
    let cases = per_case(scores)?;
    let n_cases = Groups::by(&cases, &["case"])?.count();
    let intervals = bootstrap::intervals(&cases, seed)?;
    let structures = per_structure(&cases, &intervals, success_dice)?;
    let overall = over_structures(&structures, intervals.last(), n_cases, success_dice)?;
    Ok(Summary { n_cases, distance_unit: distance_unit(scores)?, cases, structures, overall })
}

fn distance_unit(scores: &DataFrame) -> Result<String, TableError> {
    let units = scores.column("distance_unit").and_then(|column| column.str()).map_err(TableError::malformed)?;
    let found: BTreeSet<&str> = units.iter().flatten().collect();
    Ok(if found.is_empty() { "mm".to_owned() } else { Vec::from_iter(found).join(" and ") })
}

/// Mean of a metric over cases, then over structures, as in [`summarise`].
///
/// # Errors
/// [`TableError`] if the table is not a score table.
pub fn overall_mean(scores: &DataFrame, metric: MetricId) -> Result<Option<f64>, TableError> {
    let cases = means(&Groups::by(scores, &["case", "structure"])?, &[metric], mean)?;
    let structures = Groups::by(&cases, &["structure"])?.each(metric.column, ascending_mean)?;
    Ok(ascending_mean(&structures.into_iter().flatten().collect::<Vec<_>>()))
}

/// One row per group: its keys and the means of some metrics.
pub(super) fn means(
    groups: &Groups,
    metrics: &[MetricId],
    mean: fn(&[f64]) -> Option<f64>,
) -> Result<DataFrame, TableError> {
    let mut columns = groups.keys();
    for metric in metrics {
        columns.push(column(metric.column, groups.each(metric.column, mean)?));
    }
    frame::frame(groups.count(), columns)
}

type Flags = (&'static str, fn(&BooleanChunked, &BooleanChunked) -> BooleanChunked);

/// Missed, false-positive and undefined structures, from whether reference and prediction are empty.
const FLAGS: [Flags; 3] = [
    ("n_missed", |reference, prediction| &!reference & prediction),
    ("n_fp_on_empty", |reference, prediction| reference & &!prediction),
    ("n_undefined", |reference, prediction| reference & prediction),
];

fn per_case(scores: &DataFrame) -> Result<DataFrame, TableError> {
    let mut scores = sort(scores, &["case"])?;
    let flag = |name| scores.column(name).and_then(|column| column.bool().cloned()).map_err(TableError::malformed);
    let (reference, prediction) = (flag("reference_empty")?, flag("prediction_empty")?);
    for (name, of) in FLAGS {
        let counts = of(&reference, &prediction).iter().map(|flag| u64::from(flag == Some(true))).collect::<Vec<_>>();
        scores.with_column(column(name, counts)).map_err(TableError::malformed)?;
    }
    let groups = Groups::by(&scores, &["case", "structure"])?;
    let mut cases = means(&groups, &MetricId::all().collect::<Vec<_>>(), mean)?;
    for (name, _) in FLAGS {
        cases.with_column(column(name, groups.sums(name)?)).map_err(TableError::malformed)?;
    }
    Ok(cases)
}

/// Confidence intervals of one row, by metric index.
type Intervals = [Option<[f64; 2]>; METRICS.len()];

fn per_structure(cases: &DataFrame, intervals: &[Intervals], success_dice: &[f64]) -> Result<DataFrame, TableError> {
    let groups = Groups::by(cases, &["structure"])?;
    let mut columns = groups.keys();
    columns.push(column("n", groups.sizes().map(|size| size as u64)));
    for (name, _) in FLAGS {
        columns.push(column(name, groups.sums(name)?));
    }
    for metric in MetricId::all() {
        let mut statistics = groups.each(metric.column, Statistics::of)?;
        for (statistics, intervals) in statistics.iter_mut().zip(intervals) {
            set_interval(statistics, intervals[metric.place()]);
        }
        columns.extend(statistics_columns(metric, &statistics));
    }
    for at_least in success_dice {
        let rate =
            |dice: &[f64]| mean(&dice.iter().map(|dice| f64::from(u8::from(dice >= at_least))).collect::<Vec<_>>());
        columns.push(column(&success_column(*at_least), groups.each(DICE.column, rate)?));
    }
    frame::frame(groups.count(), columns)
}

fn over_structures(
    structures: &DataFrame,
    intervals: Option<&Intervals>,
    n_cases: usize,
    success_dice: &[f64],
) -> Result<DataFrame, TableError> {
    let defined = |name: &str| Ok(numbers(structures, name)?.into_iter().flatten().collect::<Vec<f64>>());
    let mut columns = vec![column("structure", [OVERALL]), column("n", [n_cases as u64])];
    for (name, _) in FLAGS {
        let total = structures.column(name).and_then(|column| column.u64().map(ChunkAgg::sum));
        columns.push(column(name, [total.map_err(TableError::malformed)?.unwrap_or(0)]));
    }
    for metric in MetricId::all() {
        let mut statistics = Statistics::of(&defined(&part_column(metric, "mean"))?);
        set_interval(&mut statistics, intervals.and_then(|intervals| intervals[metric.place()]));
        columns.extend(statistics_columns(metric, &[statistics]));
    }
    for at_least in success_dice {
        let name = success_column(*at_least);
        let rate = mean(&defined(&name)?);
        columns.push(column(&name, [rate]));
    }
    frame::frame(1, columns)
}

fn set_interval(statistics: &mut Option<Statistics>, interval: Option<[f64; 2]>) {
    if let Some(statistics) = statistics {
        statistics.ci95 = interval;
    }
}

fn statistics_columns(metric: MetricId, statistics: &[Option<Statistics>]) -> Vec<Column> {
    let n = statistics.iter().map(|it| it.map_or(0, |it| it.n as u64));
    let mut columns = vec![column(&part_column(metric, "n"), n)];
    for (part, get) in PARTS {
        columns.push(column(&part_column(metric, part), statistics.iter().map(|it| it.as_ref().and_then(get))));
    }
    columns
}

/// Name of the column with the fraction of cases that reach a Dice threshold.
pub fn success_column(dice_at_least: f64) -> String {
    format!("success_dice_{dice_at_least}")
}

/// A row of a summary as JSON: each metric an object, `null` if it has no value.
pub fn to_json(row: Row, success_dice: &[f64]) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    object.insert("name".into(), row.text("structure").into());
    for name in ["n"].into_iter().chain(FLAGS.map(|(name, _)| name)) {
        object.insert(name.into(), row.json(name));
    }
    for metric in MetricId::all() {
        object.insert(metric.column.into(), serde_json::json!(row.statistics(metric)));
    }
    let success = |at_least: &f64| serde_json::json!({ "dice_at_least": at_least, "rate": row.number(&success_column(*at_least)) });
    object.insert("success".into(), success_dice.iter().map(success).collect());
    object.into()
}

#[cfg(test)]
mod tests;
