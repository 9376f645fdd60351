//! The report's tables: `cases`, `structures`, `groups`, `summary`, `excluded`, with several trials `comparison`, with clicks `clicks`.

use polars::prelude::DataFrame;

use super::{Report, ReportError};
use crate::evaluate::frame::{column, frame};
use crate::evaluate::table::TableError;

/// Every table with its file name, in a fixed order.
///
/// # Errors
/// [`ReportError::Table`] if the columns are inconsistent.
pub fn tables(report: &Report) -> Result<Vec<(&'static str, DataFrame)>, ReportError> {
    let trials = &report.trials;
    let mut tables = vec![
        ("cases", trials.scores.clone()),
        ("structures", trials.structures_table()?),
        ("groups", trials.groups_table()?),
        ("summary", trials.summary_table()?),
        ("excluded", excluded(report)?),
    ];
    if trials.all.len() > 1 {
        tables.push(("comparison", trials.comparison_table()?));
    }
    if report.clicks.height() > 0 {
        tables.push(("clicks", report.clicks.clone()));
    }
    Ok(tables)
}

fn excluded(report: &Report) -> Result<DataFrame, TableError> {
    let runs = &report.input.runs;
    let rows: Vec<_> = runs.iter().flat_map(|run| run.excluded.iter().map(move |row| (&run.context, row))).collect();
    let columns = vec![
        column("trial", rows.iter().map(|(context, _)| report.names.trial(context))),
        column("fold", rows.iter().map(|(context, _)| context.fold)),
        column("seed", rows.iter().map(|(context, _)| context.seed)),
        column("case", rows.iter().map(|(_, row)| row.case.as_str())),
        column("reason", rows.iter().map(|(_, row)| row.reason.as_str())),
    ];
    frame(rows.len(), columns)
}
