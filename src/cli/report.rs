//! `segspec report`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::session::{self, REPORTS};
use super::{Exit, Failure};
use crate::evaluate::frame::rows;
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::{Trial, summary};
use crate::report::text_table::Charset;
use crate::report::{self, terminal};
use crate::run::{self, found};
use crate::store::Stored;

/// Write tables, charts and one page from finished runs
///
/// Of a run folder the report goes into the run folder; of an experiment file, with all its finished trials and folds,
/// into reports/NAME. Several experiments or runs are compared side by side: say with --output where their report goes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec report experiments/phantom.toml --open
  segspec report runs/phantom/0123456789ab
  segspec report experiments/plain.toml experiments/attention.toml --output reports/networks")]
pub struct Report {
    /// Experiment file, or run folder; of several a comparison
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Replace a value of the experiments, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Say something to the report's readers; may be given several times
    #[arg(long, value_name = "TEXT")]
    note: Vec<String>,
    /// Write the report into this folder
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Show the page in a browser
    #[arg(long)]
    open: bool,
    /// Print the scores as JSON
    #[arg(long)]
    json: bool,
}

/// Writes the report.
pub fn execute(args: Report) -> Result<Exit, Failure> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    let mut out = args.output.clone();
    for path in &args.paths {
        let (runs, said, default) = runs(path, &args.set)?;
        all.extend(runs);
        notes.extend(said);
        if args.paths.len() == 1 {
            out.get_or_insert(default);
        }
    }
    let (runs, Some(out)) = (all, out) else {
        let text = "say with --output into which folder the comparison goes, for example reports/comparison";
        return Err(Failure::message(Exit::Usage, text));
    };
    notes.extend(args.note);
    let (report, files) = run::report::write(&runs, &notes, &out)?;
    if args.json {
        println!("{}", to_json(&report));
    } else {
        print!("{}", terminal::report(&report, Charset::Unicode));
        println!("report: {}", files.page.display());
    }
    if args.open {
        open(&files.page)?;
    }
    Ok(Exit::Ok)
}

/// The runs to report on, what their experiment's author says, and where the report goes.
fn runs(path: &Path, set: &[String]) -> Result<(Vec<Stored>, Vec<String>, PathBuf), Failure> {
    if path.is_dir() {
        if !path.join("plan.toml").is_file() {
            return Err(Failure::message(Exit::BadData, format!("{} holds no run: no plan.toml", path.display())));
        }
        let run = Stored::open(path)?;
        let out = run.evaluation().report();
        return Ok((vec![run], Vec::new(), out));
    }
    let loaded = session::load(path, set)?;
    let (runs, warnings) = found::runs_of(&loaded);
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let name = loaded.experiment.name.unwrap_or_default();
    Ok((runs, loaded.experiment.notes, Path::new(REPORTS).join(name)))
}

/// The scores of a report's trials for scripts.
pub(super) fn to_json(report: &report::Report) -> Value {
    let success_dice = &report.input.success_dice;
    let trial = |trial: &Trial| {
        let structures = rows(&trial.summary.structures).map(|row| summary::to_json(row, success_dice));
        let mut object = json!({ "trial": trial.label });
        for metric in HEADLINE {
            let score = trial.over_seeds(*metric);
            object[metric.column] =
                score.map(|it| json!({ "mean": it.mean, "sd": it.sd, "n_seeds": it.n })).unwrap_or_default();
        }
        object["structures"] = structures.collect();
        object
    };
    let trials: Vec<Value> = report.trials.all.iter().map(trial).collect();
    let classifiers = report.classifiers.iter();
    let classifiers: Vec<Value> =
        classifiers.map(|it| json!({ "classifier": it.name, "structures": it.summaries })).collect();
    json!({ "experiment": report.input.title, "trials": trials, "classifiers": classifiers })
}

fn open(page: &Path) -> Result<(), Failure> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let started = Command::new(program).arg(page).spawn();
    started.map(drop).map_err(|error| Failure::message(Exit::Environment, format!("cannot start `{program}`: {error}")))
}
