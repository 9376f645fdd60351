//! `segspec show`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::check::{announce, environment, refuse};
use super::{Exit, Failure};
use crate::spec::node::Node;
use crate::spec::source::{Origin, Sources};
use crate::spec::{self, Kind, Loaded, kind, to_toml};

/// Print a spec with every default filled in, and where each value comes from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec show experiments/liver.toml
  segspec show experiments/liver.toml --origin --set train.epochs=50")]
pub struct Show {
    /// Experiment or dataset file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a value of the experiment; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Say behind each value where it was written and what it replaced
    #[arg(long)]
    origin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: Show) -> Result<Exit, Failure> {
    match kind::of_file(&args.file) {
        Kind::Dataset if !args.set.is_empty() => {
            let message = format!("`--set` is for experiments, and {} is a dataset", args.file.display());
            Err(Failure::message(Exit::Usage, message))
        }
        Kind::Dataset => show_dataset(&args),
        Kind::Experiment => show_experiment(&args),
    }
}

fn show_dataset(args: &Show) -> Result<Exit, Failure> {
    let loaded = match spec::load_dataset(&args.file) {
        Ok(loaded) => loaded,
        Err(diagnostics) => return Ok(refuse(&diagnostics)),
    };
    let origin = |path: &[String]| args.origin.then(|| origin(&loaded.history(path), &loaded.sources));
    print(&table(&loaded.dataset)?, args.json, &origin);
    Ok(Exit::Ok)
}

fn show_experiment(args: &Show) -> Result<Exit, Failure> {
    let loaded = match spec::load(&args.file, &args.set, &environment()) {
        Ok(loaded) => loaded,
        Err(diagnostics) => return Ok(refuse(&diagnostics)),
    };
    announce(&loaded.overrides);
    let origin = |path: &[String]| args.origin.then(|| origin(&loaded.history(path), &loaded.sources));
    print(&resolved(&loaded)?, args.json, &origin);
    Ok(Exit::Ok)
}

/// The values that are shown: the spec with its defaults.
fn resolved(loaded: &Loaded) -> Result<Map<String, Value>, Failure> {
    table(&loaded.experiment)
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
