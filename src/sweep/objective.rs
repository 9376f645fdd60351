//! The values by which a search judges its trials: read from the run folders, turned so that smaller is better.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::evaluate::frame::{Row, mean, rows};
use crate::evaluate::metric::{Better, MetricId};
use crate::evaluate::rank::{Competitor, Grid, RankError};
use crate::evaluate::table;
use crate::run::RunError;
use crate::spec::search::{Judged, Measure, Objective};
use crate::store::history::read_history;
use crate::store::{StoreError, Stored};

/// The objective over the runs of a trial, smaller is better. `epochs`: of paused trainings, those that count. `None` if no structure has a
/// score.
///
/// # Errors
/// A table of a run cannot be read.
pub fn value(objective: &Objective, runs: &[&Stored], epochs: Option<u64>) -> Result<Option<f64>, RunError> {
    match objective.metric {
        Measure::TrainingSeconds => {
            let all = runs.iter().map(|run| seconds(run)).collect::<Result<Vec<_>, _>>()?;
            Ok(mean(&all))
        }
        Measure::Parameters => {
            let counts = runs.iter().map(|run| parameters(run)).collect::<Result<Option<Vec<_>>, _>>()?;
            Ok(counts.and_then(|counts| mean(&counts)))
        }
        Measure::Metric(metric) if objective.on == Judged::Validation => {
            let all = runs.iter().map(|run| validation(objective, metric, run, epochs));
            let all = all.collect::<Result<Option<Vec<_>>, _>>()?;
            Ok(all.and_then(|values| mean(&values)).map(|value| smaller_is_better(value, metric)))
        }
        Measure::Metric(metric) => {
            let Some(grid) = grid(metric, runs)? else { return Ok(None) };
            let places = places(objective, &grid);
            let of = |place: &usize| {
                let values = (0..grid.cases.len()).map(|case| grid.row(*place, case)[0]).filter(|it| !it.is_nan());
                mean(&values.collect::<Vec<_>>())
            };
            let structures: Vec<f64> = places.iter().filter_map(of).collect();
            Ok(mean(&structures).map(|value| smaller_is_better(value, metric)))
        }
    }
}

/// The objective in every test case of one run, smaller is better: the mean over the structures that have a value.
///
/// # Errors
/// The scores cannot be read.
pub fn cases(objective: &Objective, run: &Stored) -> Result<BTreeMap<String, f64>, RunError> {
    let Measure::Metric(metric) = objective.metric else { return Ok(BTreeMap::new()) };
    let Some(grid) = grid(metric, &[run])? else { return Ok(BTreeMap::new()) };
    let places = places(objective, &grid);
    let of = |(case, name): (usize, &String)| {
        let values = places.iter().map(|place| grid.row(*place, case)[0]).filter(|it| !it.is_nan());
        let value = mean(&values.collect::<Vec<_>>())?;
        Some((name.clone(), smaller_is_better(value, metric)))
    };
    Ok(grid.cases.iter().enumerate().filter_map(of).collect())
}

/// Epochs that a run has been trained for, and their seconds.
///
/// # Errors
/// The history cannot be read.
pub fn effort(run: &Stored) -> Result<(u64, f64), StoreError> {
    let history = read_history(&run.folder)?;
    let epochs = history.as_ref().map_or(0, DataFrame::height);
    Ok((epochs as u64, seconds(run)?))
}

fn seconds(run: &Stored) -> Result<f64, StoreError> {
    let history = read_history(&run.folder)?;
    Ok(history.iter().flat_map(rows).filter_map(|row| row.number("seconds")).sum())
}

fn parameters(run: &Stored) -> Result<Option<f64>, StoreError> {
    Ok(run.folder.read_manifest()?.and_then(|manifest| manifest.training).map(|training| training.parameters as f64))
}

/// The validation score at the best epoch, among the first `epochs`: that of the weights which a prediction would use.
fn validation(
    objective: &Objective,
    metric: MetricId,
    run: &Stored,
    epochs: Option<u64>,
) -> Result<Option<f64>, StoreError> {
    let column = match objective.is_mean() {
        true => format!("validation_{}", metric.column),
        false => format!("validation_{}.{}", metric.column, objective.structure),
    };
    let Some(history) = read_history(&run.folder)? else { return Ok(None) };
    let counts = |row: &Row| epochs.is_none_or(|most| row.count("epoch").is_some_and(|epoch| epoch <= most));
    let best = rows(&history).filter(counts).rfind(|row| row.flag("best") == Some(true));
    Ok(best.and_then(|row| row.number(&column)))
}

/// The scores of some runs: cases pooled over folds, averaged over seeds, with the rules of rankings for missing values.
fn grid(metric: MetricId, runs: &[&Stored]) -> Result<Option<Grid>, RunError> {
    let tables: Vec<DataFrame> =
        runs.iter().map(|run| table::read(&run.evaluation().scores().0)).collect::<Result<_, _>>()?;
    let structures = runs.first().map(|run| run.structures()).unwrap_or_default();
    let competitor = Competitor { name: "trial".into(), tables: tables.iter().collect() };
    match Grid::new(&[competitor], &structures, metric) {
        Ok(grid) => Ok(Some(grid)),
        Err(RankError::Table(error)) => Err(error.into()),
        // No structure has a value.
        Err(_) => Ok(None),
    }
}

/// The places of the objective's structures in a grid.
fn places(objective: &Objective, grid: &Grid) -> Vec<usize> {
    let counts = |name: &String| objective.is_mean() || *name == objective.structure;
    (0..grid.structures.len()).filter(|place| counts(&grid.structures[*place])).collect()
}

fn smaller_is_better(value: f64, metric: MetricId) -> f64 {
    if metric.better == Better::Higher { -value } else { value }
}
