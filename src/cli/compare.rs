//! `segspec compare`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::rank::of_path;
use super::{Exit, Failure};
use crate::evaluate::frame::rows;
use crate::evaluate::metric::MetricId;
use crate::evaluate::{Statistics, Trial};
use crate::plan::{Plan, every_difference, tell_apart};
use crate::report::Report;
use crate::report::text_table::TextTable;
use crate::run;
use crate::store::Stored;

/// Compare trials: the settings in which they differ, and every metric side by side with its confidence interval
///
/// Seeds of a trial are averaged, folds are pooled. `segspec rank` tests whether the differences mean anything.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec compare experiments/unet.toml experiments/vnet.toml
  segspec compare 0123 4567 --json
  segspec compare experiments/sweep.toml --metric dice --metric hd95")]
pub struct Compare {
    /// Experiment file or its name, run folder or the beginning of its id, or a folder of runs
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Only these metrics, by their columns in the tables; can be repeated [default: all that were measured]
    #[arg(long, value_name = "COLUMN")]
    metric: Vec<MetricId>,
    /// Override a value of the experiments, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Width of a terminal.
const WIDTH: usize = 80;

/// Longest value in the table.
const ROOM: usize = 28;

/// Prints the comparison.
pub fn execute(args: Compare) -> Result<Exit, Failure> {
    let mut all: Vec<Stored> = Vec::new();
    for path in &args.paths {
        for run in of_path(path, &args.set)?.0 {
            // Given twice, it is compared once.
            if all.iter().all(|known| known.ids != run.ids) {
                all.push(run);
            }
        }
    }
    tell_apart(&mut all.iter_mut().map(|run| &mut run.plan).collect::<Vec<_>>());
    let report = Report::new(run::report::gather(&all)?).map_err(|error| Failure::new(Exit::BadData, error))?;
    let trials = &report.trials.all;
    if trials.is_empty() {
        return Err(Failure::message(Exit::BadData, "nothing here has scores: `segspec run` first"));
    }
    let plan = |trial: &Trial| all.iter().map(|run| &run.plan).find(|plan| plan.about.trial == trial.context.trial);
    let plans: Option<Vec<&Plan>> = trials.iter().map(plan).collect();
    let settings = plans.map(|plans| every_difference(&plans)).unwrap_or_default();
    let metrics: Vec<(MetricId, Vec<Option<Statistics>>)> = MetricId::all()
        .filter(|metric| args.metric.is_empty() || args.metric.contains(metric))
        .map(|metric| (metric, trials.iter().map(|trial| overall(trial, metric)).collect::<Vec<_>>()))
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    if args.json {
        println!("{:#}", to_json(trials, &settings, &metrics));
        return Ok(Exit::Ok);
    }
    print!("{}", tables(trials, &settings, &metrics));
    println!("means over cases, then structures, then seeds; in brackets 95 % confidence intervals (docs/metrics.md)");
    let others = report.trials.comparable().map(|(_, others)| others).unwrap_or_default();
    for other in others {
        println!("{} cannot be compared with the others: it {}", other.trial.name(), other.reason);
    }
    Ok(Exit::Ok)
}

fn overall(trial: &Trial, metric: MetricId) -> Option<Statistics> {
    rows(&trial.summary.overall).next()?.statistics(metric)
}

type Settings = [(String, Vec<Value>)];
type Metrics = [(MetricId, Vec<Option<Statistics>>)];

/// As many trials side by side as fit in a terminal, the others below.
fn tables(trials: &[Trial], settings: &Settings, metrics: &Metrics) -> String {
    let (mut text, mut from) = (String::new(), 0);
    while from < trials.len() {
        let width = |to: usize| {
            let rendered = table(&trials[from..to], from, settings, metrics).render();
            rendered.lines().map(|line| line.chars().count()).max().unwrap_or(0)
        };
        let fitting = (from + 1..=trials.len()).take_while(|to| width(*to) <= WIDTH).last();
        let to = fitting.unwrap_or(from + 1);
        if from > 0 {
            text.push('\n');
        }
        text += &table(&trials[from..to], from, settings, metrics).render();
        from = to;
    }
    text
}

/// A table of some trials, of which the first is number `from` of all.
fn table(trials: &[Trial], from: usize, settings: &Settings, metrics: &Metrics) -> TextTable {
    let names: Vec<String> = trials.iter().map(Trial::name).collect();
    let heading = std::iter::once("").chain(names.iter().map(String::as_str));
    let mut table = TextTable::new(heading);
    for (key, values) in settings {
        table.row(std::iter::once(key.clone()).chain(values.iter().skip(from).take(trials.len()).map(shown)));
    }
    let cases = trials.iter().map(|trial| trial.summary.n_cases.to_string());
    table.row(std::iter::once("cases".to_owned()).chain(cases));
    let seeds = trials.iter().map(|trial| trial.n_seeds.to_string());
    table.row(std::iter::once("seeds".to_owned()).chain(seeds));
    for (metric, values) in metrics {
        let unit = trials.first().map_or("mm", |trial| trial.summary.distance_unit.as_str());
        let cell = |it: &Option<Statistics>| match it {
            None => "n/a".to_owned(),
            Some(it) => match it.ci95 {
                Some([low, high]) => {
                    format!("{} ({}–{})", metric.unit.show(it.mean), metric.unit.show(low), metric.unit.show(high))
                }
                None => metric.unit.show(it.mean),
            },
        };
        let values = values.iter().skip(from).take(trials.len());
        table.row(std::iter::once(metric.heading_in(unit)).chain(values.map(cell)));
    }
    table
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => "–".into(),
        _ if text.chars().count() > ROOM => text.chars().take(ROOM - 1).chain(['…']).collect(),
        _ => text,
    }
}

fn to_json(trials: &[Trial], settings: &Settings, metrics: &Metrics) -> Value {
    let of = |(place, trial): (usize, &Trial)| {
        let settings: serde_json::Map<String, Value> =
            settings.iter().map(|(key, values)| (key.clone(), values[place].clone())).collect();
        let metrics: serde_json::Map<String, Value> = metrics
            .iter()
            .filter_map(|(metric, values)| {
                let it = values[place].as_ref()?;
                Some((metric.column.to_owned(), json!({ "mean": it.mean, "ci95": it.ci95 })))
            })
            .collect();
        json!({ "trial": trial.name(), "cases": trial.summary.n_cases, "seeds": trial.n_seeds, "settings": settings, "metrics": metrics })
    };
    trials.iter().enumerate().map(of).collect()
}
