//! `segspec explain`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::names::{experiment_file, is_name, run_folder};
use super::{Exit, Failure, session};
use crate::dataset::Access;
use crate::observe::Events;
use crate::plan::Effect;
use crate::report::text_table::TextTable;
use crate::reproduce::{Difference, Record, explain};
use crate::run::Folds;
use crate::store::{RunFolder, Stored};

/// Explain in what two runs differ: settings, data files, code and environment, and which of it can change numbers
///
/// Each of the two is a run (its folder or the beginning of its id), the plan.toml of a run, or an experiment file, as it would run today. Of
/// an experiment with several runs, the one with the trial, seed and fold of the other side is taken.
#[derive(Debug, Args)]
#[command(
    visible_alias = "diff",
    after_help = "\
Examples:
  segspec explain 0123 4567
  segspec explain 0123 experiments/liver.toml        # what changed since that run
  segspec explain experiments/plain.toml experiments/attention.toml"
)]
pub struct Explain {
    /// Run, plan or experiment
    one: PathBuf,
    /// The other
    other: PathBuf,
    /// Override a value of the experiments, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Longest value in the table.
const ROOM: usize = 32;

/// Prints the differences.
pub fn execute(args: Explain) -> Result<Exit, Failure> {
    let files = [&args.one, &args.other].map(|path| experiment_file(path));
    if files[0] == files[1] && files[0].is_file() && !args.one.is_dir() {
        let text = format!(
            "both name {}: to see what changed since a run, name the run by its id (`segspec ls`)",
            files[0].display()
        );
        return Err(Failure::message(Exit::Usage, text));
    }
    let sides = [side(&args.one, &args.set)?, side(&args.other, &args.set)?];
    let [one, other] = [chosen(&sides[0], &sides[1], &args.one)?, chosen(&sides[1], &sides[0], &args.other)?];
    let found = explain(&one, &other);
    if args.json {
        println!("{:#}", json!({ "one": name(&one), "other": name(&other), "differences": found }));
    } else {
        print(&found, [&one, &other]);
    }
    Ok(Exit::Ok)
}

/// What an argument names: one record, or the runs of an experiment.
enum Side {
    One(Box<Record>),
    Runs(Vec<Stored>),
}

fn side(path: &Path, set: &[String]) -> Result<Side, Failure> {
    if path.is_file() && path.file_name().is_some_and(|name| name == "plan.toml") {
        let folder = path.parent().unwrap_or(Path::new("."));
        let is_of_run = RunFolder::at(folder).manifest().is_file();
        let record = if is_of_run { Record::of_folder(folder)? } else { Record::of_plan(path)? };
        return Ok(Side::One(Box::new(record)));
    }
    if path.is_dir() || (is_name(path) && !experiment_file(path).is_file()) {
        return Ok(Side::One(Box::new(Record::of_folder(&run_folder(path)?)?)));
    }
    let loaded = session::load(path, set)?;
    let folds = if loaded.folds.is_empty() { Folds::All } else { Folds::Chosen(loaded.folds.clone()) };
    let planned = session::plan(&loaded, folds, Access::Read, &session::cancellation(), &Events::silent())?;
    Ok(Side::Runs(planned.runs))
}

/// The record of a side; of several runs the one with the trial, seed and fold of the other side, or the first.
fn chosen(own: &Side, other: &Side, path: &Path) -> Result<Record, Failure> {
    let runs = match own {
        Side::One(record) => return Ok((**record).clone()),
        Side::Runs(runs) => runs,
    };
    let key = |plan: &crate::plan::Plan| (plan.about.trial.label(), plan.seed(), plan.about.fold);
    let wanted = match other {
        Side::One(record) => Some(key(&record.plan)),
        Side::Runs(others) => others.first().map(|run| key(&run.plan)),
    };
    let same = runs.iter().find(|run| wanted.as_ref() == Some(&key(&run.plan)));
    // A run whose seed or trial was changed is compared with the first.
    match same.or(runs.first()) {
        Some(run) => Ok(Record::of_run(run)?),
        None => Err(Failure::message(Exit::BadData, format!("{}: this experiment has no run", path.display()))),
    }
}

/// A record in words: its folder, or its experiment.
fn name(record: &Record) -> String {
    match (&record.folder, &record.manifest) {
        (Some(folder), Some(_)) => folder.display().to_string(),
        _ => format!("{} (planned)", record.plan.about.experiment),
    }
}

fn print(found: &[Difference], sides: [&Record; 2]) {
    let [one, other] = sides.map(name);
    println!("{one}\n{other}");
    if found.is_empty() {
        println!("they differ in nothing that is on record");
        return;
    }
    let mut parts: Vec<_> = found.iter().map(|it| it.part).collect();
    parts.dedup();
    for part in parts {
        let mut table = TextTable::new([part.name(), "first", "second", "can change"]);
        for it in found.iter().filter(|it| it.part == part) {
            let [first, second] = it.values.each_ref().map(shown);
            table.row([it.what.clone(), first, second, it.effect.name().to_owned()]);
        }
        print!("\n{}", table.render());
    }
    let strongest = found.iter().map(|it| it.effect).max().unwrap_or(Effect::Nothing);
    println!("\nall together can change: {}", strongest.name());
    if sides.iter().any(|side| side.manifest.is_none()) {
        println!("code and environment are not compared: one of the two has not run");
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => "–".into(),
        _ if text.chars().count() > ROOM => text.chars().take(ROOM - 1).chain(['…']).collect(),
        _ => text,
    }
}
