//! `segspec run`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::session::{self, REPORTS};
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::DeviceName;
use crate::report::text_table::{Charset, TextTable};
use crate::run::dashboard::Dashboard;
use crate::run::terminal::Terminal;
use crate::run::{self, Event, Folds, Observer, Planned, RunError, RunFolder, Status, experiment};
use crate::spec::Experiment;

/// Do everything that an experiment file says: prepare, train, predict, score, report
///
/// A run that was stopped goes on where it was; a finished one is not run again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec run experiments/phantom.toml
  segspec run experiments/liver.toml --fold all --device cuda:0
  segspec run experiments/liver.toml --set train.epochs=50 --set model.unet.features=[16,32,64]
  segspec run experiments/sweep.toml --dry-run")]
pub struct Run {
    /// Experiment file
    experiment: PathBuf,
    /// Replace a value of the experiment; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Fold of the split, counted from 0, or `all` [default: 0]
    #[arg(long, value_name = "K|all")]
    fold: Option<FoldChoice>,
    /// Where to compute: auto, cpu, cuda:N, vulkan [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
    /// Print the runs and how far they are, and compute nothing
    #[arg(long)]
    dry_run: bool,
    /// Try every stage with two steps and one case, in a folder of its own
    #[arg(long)]
    smoke: bool,
    /// Throw away what earlier runs of this experiment left, and start over
    #[arg(long)]
    fresh: bool,
    /// Show burn-train's dashboard while training; `q` stops and saves, as Ctrl-C does
    #[arg(long)]
    tui: bool,
    /// Print the results (or with --dry-run the runs) as JSON
    #[arg(long)]
    json: bool,
}

/// `--fold`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoldChoice(pub(super) Folds);

impl FromStr for FoldChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(Folds::All)),
            _ => text
                .parse()
                .map(|fold| Self(Folds::One(fold)))
                .map_err(|_| "use a number, counted from 0, or `all`".into()),
        }
    }
}

/// Runs the experiment.
pub fn execute(args: Run) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let device = session::device(args.device)?;
    let cancelled = session::cancellation();
    let mut terminal = Terminal::new();
    let folds = args.fold.map_or(Folds::One(0), |choice| choice.0);
    let mut planned = experiment::plan(&loaded, &session::data_root(), folds, &cancelled, &mut terminal)?;
    if args.fold.is_none() && planned.folds > 1 {
        let hint = format!("fold 0 of {}; `--fold all` runs every fold", planned.folds);
        terminal.event(&Event::Warning(&hint));
    }
    if args.smoke {
        experiment::shrink(&mut planned);
    }
    if args.dry_run {
        return dry_run(&planned, args.json);
    }
    if args.fresh || args.smoke {
        clear(&planned)?;
    }
    let mut observer = observer(args.tui, terminal, &planned, &cancelled);
    run_and_report(&args, &planned, &device, &cancelled, &mut *observer, &loaded.experiment)
}

fn run_and_report(
    args: &Run,
    planned: &Planned,
    device: &crate::backend::Selected,
    cancelled: &Cancel,
    observer: &mut dyn Observer,
    about: &Experiment,
) -> Result<Exit, Failure> {
    experiment::run_all(planned, device, cancelled, observer)?;
    let folders: Vec<RunFolder> = planned.runs.iter().map(|run| run.folder.clone()).collect();
    for folder in &folders {
        run::report::write(std::slice::from_ref(folder), &about.notes, &folder.report())?;
    }
    let name = about.name.as_deref().unwrap_or_default();
    let out = if args.smoke { folders[0].report() } else { Path::new(REPORTS).join(name) };
    let (report, files) = run::report::write(&folders, &about.notes, &out)?;
    if args.json {
        println!("{}", super::report::to_json(&report));
    } else {
        print!("{}", crate::report::terminal::report(&report, Charset::Unicode));
    }
    observer.event(&Event::Report(&files.page));
    Ok(Exit::Ok)
}

/// The dashboard if it was asked for and there is a screen for it.
fn observer(tui: bool, mut terminal: Terminal, planned: &Planned, cancelled: &Cancel) -> Box<dyn Observer> {
    let screen = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if tui && screen {
        return Box::new(Dashboard::new(&planned.runs, cancelled.clone()));
    }
    if tui {
        terminal.event(&Event::Warning("--tui needs a terminal; plain lines are shown instead"));
    }
    Box::new(terminal)
}

fn clear(planned: &Planned) -> Result<(), RunError> {
    for run in &planned.runs {
        // Another process may be at work on it.
        let lock = run::lock::Lock::take(&run.folder.lock())?;
        run.folder.clear().map_err(RunError::file(run.folder.path().to_path_buf()))?;
        drop(lock);
    }
    Ok(())
}

fn dry_run(planned: &Planned, json: bool) -> Result<Exit, Failure> {
    let rows: Vec<_> = planned.runs.iter().map(|run| (run, run.folder.status())).collect();
    if json {
        let runs: Vec<_> = rows
            .iter()
            .map(|(run, status)| {
                serde_json::json!({
                    "id": run.id, "status": status, "trial": run.plan.about.trial, "seed": run.plan.seed,
                    "fold": run.plan.about.fold, "folder": run.folder.path(),
                })
            })
            .collect();
        println!("{:#}", serde_json::Value::from(runs));
        return Ok(Exit::Ok);
    }
    let mut table = TextTable::new(["#", "run", "state", "seed", "fold", "trial"]);
    for (index, (run, status)) in rows.iter().enumerate() {
        let about = &run.plan.about;
        let fold = format!("{}/{}", about.fold, about.folds);
        table.row([
            (index + 1).to_string(),
            run.id.clone(),
            words(*status).into(),
            run.plan.seed.to_string(),
            fold,
            about.trial.clone(),
        ]);
    }
    print!("{}", table.render());
    let count = |wanted: Status| rows.iter().filter(|(_, status)| *status == wanted).count();
    println!(
        "{} runs: {} new, {} finished, {} resumable",
        rows.len(),
        count(Status::New),
        count(Status::Finished),
        count(Status::Resumable)
    );
    Ok(Exit::Ok)
}

/// How far a run is, in words.
pub(super) fn words(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::Resumable => "resumable",
        Status::Finished => "finished",
    }
}
