//! Summary statistics of scores: over cases first, then over structures.
//!
//! A structure without any defined value has no statistics and is excluded from the overall mean; it counts as neither 0 nor NaN.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use serde::Serialize;

use super::frame::{self, Groups, Row, column, mean, numbers, sort};
use super::metric::{DICE, LengthUnit, METRICS, MetricId, Unit};
use super::quantile::quantile;
use super::table::TableError;
use crate::counted;

mod bootstrap;
mod worst;

pub use bootstrap::RESAMPLES;
pub use worst::{Cautions, Worst};

/// Named groups of structures, such as organs and bones.
pub type StructureGroups = BTreeMap<String, Vec<String>>;

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
    /// 5th percentile.
    pub p05: f64,
    /// 95 % confidence interval of the mean, lower and upper: BCa bootstrap over patients, and over seeds if there are several; undefined
    /// for fewer than [`FEWEST`](super::statistics::FEWEST) patients.
    pub ci95: Option<[f64; 2]>,
}

/// One statistic: suffix of its column, and accessor.
type Part = (&'static str, fn(&Statistics) -> Option<f64>);

/// Column suffixes after a metric's name, as in `dice_mean`. The number of values precedes them in `dice_n`.
const PARTS: [Part; 10] = [
    ("mean", |it| Some(it.mean)),
    ("sd", |it| it.sd),
    ("median", |it| Some(it.median)),
    ("q1", |it| Some(it.q1)),
    ("q3", |it| Some(it.q3)),
    ("min", |it| Some(it.min)),
    ("max", |it| Some(it.max)),
    ("p05", |it| Some(it.p05)),
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
            p05: quantile(&ascending, 0.05)?,
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
            p05: number("p05")?,
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
    /// Patients scored: cases of one patient are not independent.
    pub n_patients: usize,
    /// Unit of distances: `mm`, for images without spacing `voxel`, and both where a set has both kinds of images. Distances then have no
    /// statistics.
    pub distance_unit: String,
    /// One row per case and structure, sorted by case: `patient`; every metric averaged over repeated seeds, and in how many of them the
    /// structure was missed, a false positive, or absent from both.
    pub cases: DataFrame,
    /// One row per structure, in the order of their appearance, which is the target's. `structure`; `n` cases; `n_patients`; `n_missed`,
    /// how often it is in the reference but not in the prediction; `n_fp_on_empty`, the reverse; `n_undefined`, in neither, so that no
    /// ratio is defined; the statistics of every metric; and success rates: `success_dice_0.7` is the fraction of the cases with a
    /// defined Dice that reach 0.7.
    pub structures: DataFrame,
    /// One row per group of structures with the same columns as [`Self::overall`], over the structures of the group.
    pub groups: DataFrame,
    /// One row, [`OVERALL`], with the same columns: the statistics are those of the structures' means, counts are sums.
    pub overall: DataFrame,
}

/// Summarises a table of scores. Several rows for one case and structure (repeated seeds, in a column `seed`) are averaged first, because
/// they are not independent cases. A column `patient` names the patient of each case; without it, each case is a patient of its own.
/// `groups` are the groups of structures, `success_dice` the Dice thresholds of the success rates, `seed` the seed of the bootstrap.
///
/// # Errors
/// [`TableError`] if the table is not a score table.
pub fn summarise(
    scores: &DataFrame,
    groups: &StructureGroups,
    success_dice: &[f64],
    seed: u64,
) -> Result<Summary, TableError> {
    let distance_unit = distance_unit(scores)?;
    let scores = &with_patients(unmixed(scores)?)?;
    let cases = per_case(scores)?;
    let n_cases = Groups::by(&cases, &["case"])?.count();
    let n_patients = Groups::by(&cases, &["patient"])?.count();
    let by_structure = Groups::by(&cases, &["structure"])?;
    let names = frame::frame(by_structure.count(), by_structure.keys())?;
    let known: Vec<&str> = frame::rows(&names).map(|row| row.text("structure")).collect();
    let mut sets = members(groups, &known);
    sets.push((OVERALL.to_owned(), (0..known.len()).collect()));
    let intervals = bootstrap::intervals(scores, &sets, seed)?;
    let structures = per_structure(&cases, &intervals, success_dice)?;
    let mut over = Vec::new();
    for ((name, members), intervals) in sets.iter().zip(&intervals[known.len()..]) {
        let own = structures.take(&IdxCa::from_vec("".into(), members.iter().map(|it| *it as IdxSize).collect()));
        let own = own.map_err(TableError::malformed)?;
        over.push(over_structures(name, &own, intervals, [n_cases, n_patients], success_dice)?);
    }
    let overall = over.pop().unwrap_or_default();
    let groups = frame::stack(over)?.unwrap_or_else(|| overall.clear());
    Ok(Summary { n_cases, n_patients, distance_unit, cases, structures, groups, overall })
}

/// The groups with the places of their scored structures; groups without any are left out.
fn members(groups: &StructureGroups, known: &[&str]) -> Vec<(String, Vec<usize>)> {
    let places = |names: &Vec<String>| -> Vec<usize> {
        known.iter().enumerate().filter(|(_, name)| names.iter().any(|own| own == *name)).map(|(at, _)| at).collect()
    };
    groups.iter().map(|(name, own)| (name.clone(), places(own))).filter(|(_, places)| !places.is_empty()).collect()
}

/// The table with a column `patient`: the case, where none is named.
fn with_patients(mut scores: DataFrame) -> Result<DataFrame, TableError> {
    if scores.column("patient").is_err() {
        let mut patients = scores.column("case").map_err(TableError::malformed)?.clone();
        patients.rename("patient".into());
        scores.with_column(patients).map_err(TableError::malformed)?;
    }
    Ok(scores)
}

fn distance_unit(scores: &DataFrame) -> Result<String, TableError> {
    let units = scores.column("distance_unit").and_then(|column| column.str()).map_err(TableError::malformed)?;
    let found: BTreeSet<&str> = units.iter().flatten().collect();
    let mm = LengthUnit::Millimetres.name().to_owned();
    Ok(if found.is_empty() { mm } else { Vec::from_iter(found).join(" and ") })
}

/// The scores for statistics: without distances where some are in mm and others in voxels, because no mean of both means anything.
///
/// # Errors
/// [`TableError`] if the table is not a score table.
pub(super) fn unmixed(scores: &DataFrame) -> Result<DataFrame, TableError> {
    let mut scores = scores.clone();
    if LengthUnit::of(&distance_unit(&scores)?).is_none() {
        for metric in MetricId::all().filter(|metric| metric.unit == Unit::Millimetres) {
            let empty = column(metric.column, vec![None::<f64>; scores.height()]);
            scores.with_column(empty).map_err(TableError::malformed)?;
        }
    }
    Ok(scores)
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
    let groups = Groups::by(&scores, &["case", "structure", "patient"])?;
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
    columns.push(column("n_patients", distinct(cases, &groups)?));
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

/// Number of patients in each group of rows.
fn distinct(cases: &DataFrame, groups: &Groups) -> Result<Vec<u64>, TableError> {
    let patients = Groups::by(cases, &["patient"])?.of_rows();
    let mut seen = vec![BTreeSet::new(); groups.count()];
    for (group, patient) in groups.of_rows().into_iter().zip(patients) {
        seen[group].insert(patient);
    }
    Ok(seen.into_iter().map(|patients| patients.len() as u64).collect())
}

fn over_structures(
    name: &str,
    structures: &DataFrame,
    intervals: &Intervals,
    [n_cases, n_patients]: [usize; 2],
    success_dice: &[f64],
) -> Result<DataFrame, TableError> {
    let defined = |name: &str| Ok(numbers(structures, name)?.into_iter().flatten().collect::<Vec<f64>>());
    let mut columns =
        vec![column("structure", [name]), column("n", [n_cases as u64]), column("n_patients", [n_patients as u64])];
    for (name, _) in FLAGS {
        let total = structures.column(name).and_then(|column| column.u64().map(ChunkAgg::sum));
        columns.push(column(name, [total.map_err(TableError::malformed)?.unwrap_or(0)]));
    }
    for metric in MetricId::all() {
        let mut statistics = Statistics::of(&defined(&part_column(metric, "mean"))?);
        set_interval(&mut statistics, intervals[metric.place()]);
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
    for name in ["n", "n_patients"].into_iter().chain(FLAGS.map(|(name, _)| name)) {
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
