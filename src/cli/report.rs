//! `segspec report`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::names::{RUNS, experiment_file, is_name, root_words, run_folder};
use super::session::{self, REPORTS};
use super::several::{folder_of_runs, latest, runs_below};
use super::{Exit, Failure};
use crate::evaluate::frame::rows;
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::{Trial, summary};
use crate::plan::tell_apart;
use crate::report::search::Search;
use crate::report::text_table::Charset;
use crate::report::{self, formats, terminal};
use crate::run::{self, found};
use crate::store::{self, Stored};
use crate::sweep::{search, told::told};
use crate::words::shell;

/// Write a report of finished runs: tables, charts and an HTML page
///
/// The report of a run folder is written into that folder. The report of an experiment (its file, or its name in runs/ where it has no
/// file, as imported models) covers all its finished trials and folds and is written to reports/NAME. Several experiments or runs are compared side by side, in the folder given by --output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec report experiments/phantom.toml --open
  segspec report runs/phantom/0123456789ab
  segspec report experiments/sweep-phantom.toml --format latex > table.tex
  segspec report experiments/plain.toml experiments/attention.toml --output reports/networks")]
pub struct Report {
    /// Experiment file, experiment in runs/, run folder or the beginning of its id; several are compared
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Override a value of the experiments, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Add a note for the report's readers; can be repeated
    #[arg(long, value_name = "TEXT")]
    note: Vec<String>,
    /// Folder for the report
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
    /// What to print besides writing the report: `html` a table for the terminal, the others the tables of trials and structures in this
    /// format (`latex`: for the package booktabs)
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Md,
    Csv,
    Latex,
    Json,
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
    let (mut runs, Some(out)) = (all, out) else {
        let text = "a comparison needs an output folder: add, for example, --output reports/comparison";
        return Err(Failure::message(Exit::Usage, text));
    };
    notes.extend(args.note);
    tell_apart(&mut runs.iter_mut().map(|run| &mut run.plan).collect::<Vec<_>>());
    let settings = if let [run] = runs.as_mut_slice() { name_prediction(run) } else { String::new() };
    let search = if let [path] = args.paths.as_slice() { searched(path, &args.set)? } else { None };
    let (report, files) = run::report::write(&runs, &notes, search, &out)?;
    match if args.json { Format::Json } else { args.format } {
        Format::Json => println!("{}", to_json(&report)),
        Format::Md => print!("{}", formats::markdown(&report)),
        Format::Latex => print!("{}", formats::latex(&report)),
        Format::Csv => {
            print!("{}", formats::csv(&report).map_err(|error| Failure::new(Exit::Environment, error))?);
        }
        Format::Html => {
            print!("{}", terminal::report(&report, Charset::Unicode));
            if !settings.is_empty() {
                println!("This training has several predictions; this one has {settings}.");
            }
            println!("report: {}", files.page.display());
        }
    }
    if args.open {
        open(&files.page)?;
    }
    Ok(Exit::Ok)
}

/// Writes the report of the experiment of a run, from its file where that is found, else from its folder of runs.
///
/// # Errors
/// Its runs cannot be read, or the report not be written.
pub(super) fn of_experiment(run: &Stored, out: &Path) -> Result<(), Failure> {
    let name = Path::new(&run.plan.about.experiment);
    let file = experiment_file(name);
    let path = if file.is_file() { file } else { run.folder.run_root().join(name) };
    let (mut runs, notes, _) = runs(&path, &[])?;
    tell_apart(&mut runs.iter_mut().map(|run| &mut run.plan).collect::<Vec<_>>());
    run::report::write(&runs, &notes, searched(&path, &[])?, out)?;
    Ok(())
}

/// The search of an experiment, if it is one.
fn searched(path: &Path, set: &[String]) -> Result<Option<Search>, Failure> {
    if path.is_dir() || (is_name(path) && !experiment_file(path).is_file()) {
        return Ok(None);
    }
    let loaded = session::load(path, set)?;
    let Some(sought) = &loaded.search else { return Ok(None) };
    let latest = search::latest(&loaded, sought)?;
    Ok(latest.map(|(rules, state, _)| told(sought, &rules, &state)))
}

/// Names a prediction by its settings, if its training has several; returns them.
fn name_prediction(run: &mut Stored) -> String {
    let all: Vec<Stored> =
        store::all(&run.folder.run_root(), Some(&run.plan.about.experiment)).into_iter().flatten().collect();
    let settings = session::prediction_settings(run, &all);
    let label = session::label(&settings);
    run.plan.about.trial.settings.extend(settings);
    label
}

/// The runs to report on, their experiment's notes, and the default output folder.
pub(super) fn runs(path: &Path, set: &[String]) -> Result<(Vec<Stored>, Vec<String>, PathBuf), Failure> {
    if let Some(folder) = folder_of_runs(path) {
        let (runs, warnings) = latest(runs_below(&folder)?);
        warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let name = folder.file_name().map_or_else(|| PathBuf::from(RUNS), PathBuf::from);
        let out = match runs.as_slice() {
            [only] => only.evaluation().report(),
            _ => Path::new(REPORTS).join(name),
        };
        return Ok((runs, Vec::new(), out));
    }
    if path.is_dir() || (is_name(path) && !experiment_file(path).is_file()) {
        let run = Stored::open(&run_folder(path)?)?;
        let out = run.evaluation().report();
        return Ok((vec![run], Vec::new(), out));
    }
    let loaded = session::load(path, set)?;
    let (runs, warnings) = found::runs_of(&loaded, &search::trials(&loaded)?);
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let name = loaded.experiment.name.clone().unwrap_or_default();
    if runs.is_empty() {
        let others = store::all(Path::new(&loaded.experiment.run_root), Some(&name)).into_iter().flatten().count();
        let text = match others {
            _ if loaded.search.is_some() && others > 0 => {
                format!(
                    "{}: no trial of its search has finished yet (`segspec run --dry-run` lists them)",
                    path.display()
                )
            }
            0 => format!("{}: it has no runs yet: `segspec run` first", path.display()),
            _ => format!(
                "{}: none of its {} has these settings: repeat the --set of `segspec run`, or name run folders (`segspec ls {}{}`)",
                path.display(),
                session::counted(others, "run"),
                shell(&name),
                root_words(Path::new(&loaded.experiment.run_root))
            ),
        };
        return Err(Failure::message(Exit::BadData, text));
    }
    Ok((runs, loaded.experiment.notes, Path::new(REPORTS).join(name)))
}

/// The scores of a report's trials as JSON.
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

pub(super) fn open(page: &Path) -> Result<(), Failure> {
    super::browser::open(page).map_err(|error| Failure::message(Exit::Environment, error.to_string()))
}
