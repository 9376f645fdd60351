//! The report's tables: `cases`, `structures`, `summary`, and with several trials `comparison`.

use polars::prelude::*;

use super::collect::{self, Trial};
use super::figure::comparison::OverSeeds;
use super::{ReportError, ReportInput};
use crate::evaluate::summary::Metric;
use crate::evaluate::table::{TableError, to_frame};
use crate::evaluate::{Statistics, StructureSummary};

/// Every table with its file name, in a fixed order.
///
/// # Errors
/// [`ReportError::Table`] if the columns do not fit together.
pub fn tables(input: &ReportInput, trials: &[Trial]) -> Result<Vec<(&'static str, DataFrame)>, ReportError> {
    let rows: Vec<_> = trials.iter().flat_map(|trial| trial.rows.iter().cloned()).collect();
    let structures: Vec<_> = trials.iter().flat_map(|t| t.summary.structures.iter().map(move |s| (t, s))).collect();
    let overall: Vec<_> = trials.iter().map(|trial| (trial, &trial.summary.mean)).collect();
    let mut tables = vec![
        ("cases", to_frame(&rows)?),
        ("structures", summary_frame(&structures, &input.success_dice)?),
        ("summary", summary_frame(&overall, &input.success_dice)?),
        ("excluded", excluded_frame(input)?),
    ];
    if trials.len() > 1 {
        tables.push(("comparison", comparison_frame(input, trials)?));
    }
    Ok(tables)
}

fn frame(rows: usize, columns: Vec<Column>) -> Result<DataFrame, ReportError> {
    let malformed = |error: PolarsError| TableError::Malformed { place: "report".into(), reason: error.to_string() };
    Ok(DataFrame::new(rows, columns).map_err(malformed)?)
}

fn column<T, V: ?Sized>(name: &str, values: impl Iterator<Item = T>) -> Column
where
    Vec<T>: AsRef<V>,
    Series: NamedFrom<Vec<T>, V>,
{
    Series::new(name.into(), values.collect::<Vec<T>>()).into()
}

type Rows<'a> = [(&'a Trial, &'a StructureSummary)];

fn summary_frame(rows: &Rows, success_dice: &[f64]) -> Result<DataFrame, ReportError> {
    let count = |name: &str, get: fn(&StructureSummary) -> usize| {
        column(name, rows.iter().map(|(_, structure)| get(structure) as u64))
    };
    let mut columns = vec![
        column("trial_number", rows.iter().map(|(trial, _)| trial.number as u64)),
        column("trial", rows.iter().map(|(trial, _)| trial.label.as_str())),
        column("structure", rows.iter().map(|(_, structure)| structure.name.as_str())),
        count("n", |structure| structure.n),
        column("n_seeds", rows.iter().map(|(trial, _)| trial.seeds.len() as u64)),
        count("n_missed", |structure| structure.n_missed),
        count("n_fp_on_empty", |structure| structure.n_fp_on_empty),
        count("n_undefined", |structure| structure.n_undefined),
    ];
    for metric in Metric::ALL {
        columns.extend(statistics_columns(rows, metric));
    }
    for (place, at_least) in success_dice.iter().enumerate() {
        let rates = rows.iter().map(|(_, structure)| structure.success.get(place).and_then(|success| success.rate));
        columns.push(column(&format!("success_dice_{at_least}"), rates));
    }
    frame(rows.len(), columns)
}

type Part = (&'static str, fn(&Statistics) -> Option<f64>);

/// The columns of one metric: location, spread and confidence interval.
const PARTS: [Part; 9] = [
    ("mean", |s| Some(s.mean)),
    ("sd", |s| s.sd),
    ("median", |s| Some(s.median)),
    ("q1", |s| Some(s.q1)),
    ("q3", |s| Some(s.q3)),
    ("min", |s| Some(s.min)),
    ("max", |s| Some(s.max)),
    ("ci95_low", |s| s.ci95.map(|[low, _]| low)),
    ("ci95_high", |s| s.ci95.map(|[_, high]| high)),
];

fn statistics_columns<'a>(rows: &'a Rows, metric: Metric) -> impl Iterator<Item = Column> + 'a {
    PARTS.into_iter().map(move |(part, get)| {
        let name = format!("{}_{part}", metric.column());
        column(&name, rows.iter().map(|(_, structure)| structure.metric(metric).and_then(get)))
    })
}

/// One row per trial and structure, and one `mean` row per trial; statistics are over seeds.
fn comparison_frame(input: &ReportInput, trials: &[Trial]) -> Result<DataFrame, ReportError> {
    let names = collect::structures(trials, &input.target);
    let mut rows: Vec<(&Trial, &str, [Option<OverSeeds>; 2])> = Vec::new();
    let metrics = [Metric::Dice, Metric::Iou];
    for trial in trials {
        rows.push((trial, "mean", metrics.map(|metric| trial.overall(metric))));
        rows.extend(
            names.iter().map(|name| (trial, name.as_str(), metrics.map(|metric| trial.structure(name, metric)))),
        );
    }
    let mut columns = vec![
        column("trial_number", rows.iter().map(|row| row.0.number as u64)),
        column("trial", rows.iter().map(|row| row.0.label.as_str())),
        column("structure", rows.iter().map(|row| row.1)),
        column("n_cases", rows.iter().map(|row| row.0.summary.n_cases as u64)),
        column("n_seeds", rows.iter().map(|row| row.0.seeds.len() as u64)),
    ];
    for (place, metric) in metrics.into_iter().enumerate() {
        let name = metric.column();
        columns.push(column(&format!("{name}_mean"), rows.iter().map(|row| row.2[place].map(|score| score.mean))));
        columns.push(column(&format!("{name}_sd_over_seeds"), rows.iter().map(|row| row.2[place]?.sd)));
    }
    frame(rows.len(), columns)
}

fn excluded_frame(input: &ReportInput) -> Result<DataFrame, ReportError> {
    let rows: Vec<_> = input.runs.iter().flat_map(|run| run.excluded.iter().map(move |row| (run, row))).collect();
    let columns = vec![
        column("trial", rows.iter().map(|(run, _)| run.label.as_str())),
        column("fold", rows.iter().map(|(run, _)| run.fold)),
        column("seed", rows.iter().map(|(run, _)| run.seed)),
        column("case", rows.iter().map(|(_, row)| row.case.as_str())),
        column("reason", rows.iter().map(|(_, row)| row.reason.as_str())),
    ];
    frame(rows.len(), columns)
}
