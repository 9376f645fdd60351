//! `segspec rank`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::report::{open, runs};
use super::session::REPORTS;
use super::several::{folder_of_runs, runs_below};
use super::{Exit, Failure};
use crate::evaluate::metric::MetricId;
use crate::evaluate::rank::{By, Options, RankError, Ranking, of_trials};
use crate::evaluate::spec::RankBy as Declared;
use crate::evaluate::trials::BOOTSTRAP_SEED;
use crate::plan::tell_apart;
use crate::report::text_table::Charset;
use crate::report::{Report, ranking};
use crate::run;
use crate::store::Stored;

/// Rank trials, runs, settings or structures: with confidence intervals, tests, and how often each comes first
///
/// Compares what was scored on the same cases and structures; anything else is refused. docs/ranking.md defines every number. Label files
/// of other programs are ranked by `segspec evaluate --prediction NAME=DIR --prediction NAME=DIR`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec rank experiments/sweep.toml
  segspec rank experiments/sweep.toml --by model --metric hd95 --margin 1
  segspec rank experiments/unet.toml experiments/vnet.toml --output reports/networks
  segspec rank runs/phantom/0123456789ab --by structure
  segspec rank runs/phantom --by run --json")]
pub struct Rank {
    /// Experiment file or its name, run folder or the beginning of its id, or a folder of runs
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// What competes: trial, run, structure, or the values of a setting such as learning-rate or model
    /// [default: trial; structure for a single trial]
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Metric, by its column in the tables [default: evaluate.rank.metric of the experiment]
    #[arg(long, value_name = "COLUMN")]
    metric: Option<MetricId>,
    /// Largest difference that does not matter, in the unit of the metric [default: evaluate.rank.margin of the experiment]
    #[arg(long, value_name = "NUMBER", value_parser = super::evaluate::margin)]
    margin: Option<f64>,
    /// Override a value of the experiments, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder for the page, figures and tables [default: reports/NAME for one experiment, else nothing is written]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
    /// Print the ranking as JSON
    #[arg(long)]
    json: bool,
}

impl From<RankError> for Failure {
    fn from(error: RankError) -> Self {
        let exit = match &error {
            RankError::By { .. } => Exit::Usage,
            RankError::Table(error) if error.is_environment() => Exit::Environment,
            _ => Exit::BadData,
        };
        Self::new(exit, error)
    }
}

/// Ranks what the paths name, and writes the ranking.
pub fn execute(args: Rank) -> Result<Exit, Failure> {
    let (mut all, mut out) = (Vec::new(), args.output.clone());
    for path in &args.paths {
        let (runs, default) = of_path(path, &args.set)?;
        all.extend(runs);
        if args.paths.len() == 1 {
            out = out.or(default);
        }
    }
    tell_apart(&mut all.iter_mut().map(|run| &mut run.plan).collect::<Vec<_>>());
    let declared = declared(&all, &args)?;
    let input = run::report::gather(&all)?;
    let report = Report::new(input).map_err(|error| Failure::new(Exit::BadData, error))?;
    let by = args.by.clone().unwrap_or(if report.trials.all.len() > 1 { By::Trial } else { By::Structure });
    let options = Options {
        metric: args.metric.unwrap_or(declared.metric),
        margin: args.margin.or(declared.margin.filter(|_| args.metric.is_none_or(|metric| metric == declared.metric))),
        seed: BOOTSTRAP_SEED,
    };
    let mut found = of_trials(&report.trials, &by, &options)?;
    found.origin.failures = failures(&report);
    found.cautions.extend(undeclared(&args, declared));
    finish(&found, &report.input.title, out.as_deref(), (args.json, args.open))
}

/// Writes and prints a ranking.
pub(super) fn finish(
    found: &Ranking,
    title: &str,
    out: Option<&Path>,
    (json, open_it): (bool, bool),
) -> Result<Exit, Failure> {
    let failed = |error: crate::report::ReportError| {
        Failure::new(if error.is_environment() { Exit::Environment } else { Exit::BadData }, error)
    };
    let page = out.map(|out| ranking::write(found, title, out)).transpose().map_err(failed)?;
    if json {
        let text = serde_json::to_string_pretty(found).map_err(|error| Failure::new(Exit::Environment, error))?;
        println!("{text}");
    } else {
        print!("{}", ranking::terminal(found, Charset::Unicode));
        match &page {
            Some(page) => println!("ranking: {}", page.display()),
            None => println!("`--output DIR` writes the page, figures, Markdown, LaTeX and tables."),
        }
    }
    match (open_it, page) {
        (true, Some(page)) => open(&page)?,
        (true, None) => return Err(Failure::message(Exit::Usage, "--open needs --output")),
        _ => {}
    }
    Ok(Exit::Ok)
}

/// The runs of an argument, and the default output folder.
pub(super) fn of_path(path: &Path, set: &[String]) -> Result<(Vec<Stored>, Option<PathBuf>), Failure> {
    if let Some(folder) = folder_of_runs(path) {
        return Ok((runs_below(&folder)?, None));
    }
    let is_run = path.is_dir();
    let (runs, _, default) = runs(path, set)?;
    let default = (!is_run && default.starts_with(REPORTS)).then_some(default);
    Ok((runs, default))
}

/// What the experiments declare; they must agree where nothing is said on the command line.
fn declared(runs: &[Stored], args: &Rank) -> Result<Declared, Failure> {
    let mut all = runs.iter().map(|run| run.plan.evaluate.rank);
    let first = all.next().unwrap_or_default();
    let agree = all.all(|other| other == first);
    if !agree && args.metric.is_none() {
        let text = "the experiments declare different `evaluate.rank`: choose with --metric and --margin";
        return Err(Failure::message(Exit::Usage, text));
    }
    Ok(if agree { first } else { Declared::default() })
}

/// A caution about what was chosen after the scores were known.
fn undeclared(args: &Rank, declared: Declared) -> Vec<String> {
    let metric = args.metric.filter(|metric| *metric != declared.metric).map(|metric| {
        format!(
            "The metric ({}) was chosen for this ranking; the experiment declares {}.",
            metric.name, declared.metric.name
        )
    });
    let margin = args.margin.filter(|margin| Some(*margin) != declared.margin);
    let margin = margin.map(|_| "The margin was chosen for this ranking, not declared in the experiment.".to_owned());
    metric.into_iter().chain(margin).collect()
}

/// Runs without scores, and cases that could not be scored.
fn failures(report: &Report) -> Vec<String> {
    let excluded = report.excluded_cases().into_iter().map(|case| format!("case {case} (excluded)"));
    report.input.missing.iter().cloned().chain(excluded).collect()
}
