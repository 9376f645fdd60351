//! `segspec show`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::names::spec_file;
use super::session::data_root;
use super::{Exit, Failure, session};
use crate::Cancel;
use crate::dataset::Access;
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::plan::{Choice, Plan, choices};
use crate::run::{Folds, RunError};
use crate::spec::node::Node;
use crate::spec::source::{Origin, Sources};
use crate::spec::{self, Kind, Loaded, kind, to_toml};

/// Print a spec with all defaults filled in, and where each value comes from
///
/// Each "auto" is followed by the value it resolves to, if an earlier command has read the dataset's cases. `--plan` reads them and
/// prints the full plan of the first run, as written to the run folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec show experiments/liver.toml
  segspec show experiments/liver.toml --origin --set train.epochs=50
  segspec show experiments/liver.toml --plan")]
pub struct Show {
    /// Experiment or dataset file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Show after each value where it was set and what it overrides
    #[arg(long)]
    origin: bool,
    /// Print the full plan of the first run: all values resolved, all cases listed
    #[arg(long, conflicts_with = "origin")]
    plan: bool,
    /// Do not access the data: leave "auto" unresolved
    #[arg(long, conflicts_with = "plan")]
    no_data: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Show) -> Result<Exit, Failure> {
    let args = Show { file: spec_file(&args.file), ..args };
    match kind::of_file(&args.file) {
        Kind::Dataset if !args.set.is_empty() => {
            let message = format!("`--set` works on experiments only, and {} is a dataset", args.file.display());
            Err(Failure::message(Exit::Usage, message))
        }
        Kind::Dataset if args.plan => {
            let message = format!("`--plan` works on experiments only, and {} is a dataset", args.file.display());
            Err(Failure::message(Exit::Usage, message))
        }
        Kind::Dataset => show_dataset(&args),
        Kind::Experiment => show_experiment(&args),
    }
}

fn show_dataset(args: &Show) -> Result<Exit, Failure> {
    let loaded = spec::load_dataset(&args.file).map_err(|errors| Failure::new(Exit::BadSpec, errors))?;
    let origin = |path: &[String]| args.origin.then(|| origin(&loaded.history(path), &loaded.sources));
    print(&table(&loaded.dataset)?, args.json, &origin);
    Ok(Exit::Ok)
}

fn show_experiment(args: &Show) -> Result<Exit, Failure> {
    let loaded = session::load(&args.file, &args.set)?;
    if args.plan {
        let (cancel, events) = (session::cancellation(), Events::to(Terminal::new()));
        return show_plan(&first_plan(&loaded, Access::Read, &cancel, &events)?, args.json);
    }
    let table = table(&loaded.experiment)?;
    let decided = if args.no_data || args.json { Vec::new() } else { decided(&loaded, &table) };
    let comment = |path: &[String]| {
        let origin = args.origin.then(|| origin(&loaded.history(path), &loaded.sources));
        let auto = is_open(&table, path).then(|| auto(&decided, path)).flatten();
        let parts: Vec<String> = [auto, origin].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    };
    print(&table, args.json, &comment);
    Ok(Exit::Ok)
}

fn show_plan(plan: &Plan, json: bool) -> Result<Exit, Failure> {
    if json {
        let value = serde_json::to_value(plan).map_err(|error| RunError::Internal(error.to_string()))?;
        println!("{value:#}");
    } else {
        print!("{}", plan.to_toml().map_err(|error| RunError::Internal(error.to_string()))?);
    }
    Ok(Exit::Ok)
}

/// The plan of the first trial's first fold.
fn first_plan(loaded: &Loaded, access: Access, cancel: &Cancel, events: &Events) -> Result<Plan, RunError> {
    let planned = session::plan(loaded, Folds::Chosen(vec![0]), access, cancel, events)?;
    let first = planned.runs.into_iter().next().map(|run| run.plan);
    first.ok_or_else(|| RunError::Internal("the experiment has no runs".into()))
}

/// The values that open keys resolve to; empty, with a note, if the data is not available.
fn decided(loaded: &Loaded, table: &Map<String, Value>) -> Vec<Choice> {
    if !has_open(&Value::Object(table.clone())) {
        return Vec::new();
    }
    let root = data_root().join(&loaded.dataset.root);
    if !root.is_dir() {
        eprintln!("note: cannot show what \"auto\" resolves to: the data is not at {}", root.display());
        return Vec::new();
    }
    // Only what the cache holds about the images is used; they are not opened.
    match first_plan(loaded, Access::Remembered, &Cancel::new(), &Events::silent()) {
        Ok(plan) => choices(&plan),
        Err(error) => {
            eprintln!("note: cannot show what \"auto\" resolves to: {error}");
            Vec::new()
        }
    }
}

fn is_word(value: &Value) -> bool {
    matches!(value.as_str(), Some("auto" | "pass"))
}

fn has_open(value: &Value) -> bool {
    is_word(value) || value.as_object().is_some_and(|table| table.values().any(has_open))
}

fn is_open(table: &Map<String, Value>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let value = rest.iter().try_fold(table.get(first), |value, key| value.map(|value| value.get(key)));
    value.flatten().is_some_and(is_word)
}

/// `auto: [40, 56, 40] (the median shape …)`.
fn auto(decided: &[Choice], path: &[String]) -> Option<String> {
    let key = path.join(".");
    let choice = decided.iter().find(|choice| choice.key == key)?;
    if choice.value.is_null() {
        return Some("auto: not used".into());
    }
    let why = if choice.why.is_empty() { String::new() } else { format!(" ({})", choice.why) };
    Some(format!("auto: {}{why}", spec::inline(&choice.value)))
}

fn table(spec: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    let value = serde_json::to_value(spec).map_err(|error| Failure::new(Exit::BadSpec, error))?;
    Ok(if let Value::Object(table) = value { table } else { Map::new() })
}

fn print(table: &Map<String, Value>, json: bool, comment: &dyn Fn(&[String]) -> Option<String>) {
    if json {
        println!("{:#}", Value::Object(table.clone()));
    } else {
        print!("{}", to_toml(table, comment));
    }
}

/// `experiments/x.toml:12 (overrides experiments/base.toml:4 = 0.001)`, or `default`.
fn origin(history: &[&Node], sources: &Sources) -> String {
    let Some((winner, overridden)) = history.split_first() else { return "default".into() };
    let mut text = sources.locate_line(winner.key_place());
    if let Some(lower) = overridden.first() {
        text.push_str(&format!(" (overrides {})", written(lower, sources)));
    }
    text
}

fn written(node: &Node, sources: &Sources) -> String {
    let line = sources.locate_line(node.key_place());
    let place = node.place;
    let source = sources.get(place.source).filter(|source| matches!(source.origin, Origin::File(_)));
    let text = source.and_then(|source| source.text.get(place.start..place.end));
    match text.filter(|text| !text.contains('\n') && !node.is_table()) {
        Some(text) => format!("{line} = {text}"),
        None => line,
    }
}
