//! `segspec run`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;

use super::names::run_folder;
use super::session::{self, REPORTS, exit_of, fold_of_folds};
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::{DeviceName, Selected};
use crate::dataset::Access;
use crate::files;
use crate::observe::several::Several;
use crate::observe::terminal::Terminal;
use crate::observe::{Events, FailureClass, Kind, Outcome};
use crate::report::text_table::{Charset, TextTable};
use crate::report::{PAGE, terminal};
use crate::run::experiment::{Outcomes, run_all};
use crate::run::{Folds, Planned, RunError, Setting, continuing, planning, report};
use crate::spec::Experiment;
use crate::store::{self, Lock, Status, Stored};
use crate::sweep::{self, Jobs, Slots};

/// Run an experiment: preprocess, train, predict, score, report
///
/// An interrupted run resumes from its last checkpoint; a finished run is not repeated. Changing [predict] or [evaluate] does not retrain.
/// If a run fails, the others continue and the report is still written; the exit code is then 5.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec run experiments/phantom.toml
  segspec run experiments/liver.toml --fold all --device cuda:0
  segspec run experiments/liver.toml --set train.epochs=50 --set model.unet.features=[16,32,64]
  segspec run experiments/liver.toml --stop-after 10
  segspec run experiments/sweep.toml --jobs auto
  segspec run experiments/sweep.toml --dry-run")]
pub struct Run {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Fold of the split, counted from 0, or `all` [default: 0]
    #[arg(long, value_name = "K|all")]
    fold: Option<FoldChoice>,
    /// Device: auto, cpu, cuda:N or vulkan [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
    /// Runs at a time, each in a process of its own: a number, or `auto` for one per GPU (without GPUs, one per four cores)
    #[arg(long, value_name = "N|auto", default_value = "1")]
    jobs: Jobs,
    /// Pause each training after this many epochs in total; run again to continue
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    /// Continue training from the weights and optimiser state of a finished run that was planned for fewer epochs
    #[arg(long, value_name = "RUN", conflicts_with_all = ["fresh", "smoke", "dry_run"])]
    continue_from: Option<PathBuf>,
    /// List the runs and their states without computing anything
    #[arg(long)]
    dry_run: bool,
    /// Test every stage with two training steps and one case, in a separate folder
    #[arg(long)]
    smoke: bool,
    /// Delete what these runs left behind (not those of other settings) and start over
    #[arg(long)]
    fresh: bool,
    /// Not needed: runs resume by themselves. Kept so that `--resume` is not corrected to `--fresh`
    #[arg(long, hide = true)]
    resume: bool,
    /// Show burn-train's dashboard while training; `q` stops and saves, like Ctrl-C
    #[cfg(feature = "tui")]
    #[arg(long)]
    tui: bool,
    /// Print the results (with --dry-run, the runs) as JSON
    #[arg(long)]
    json: bool,
}

impl Run {
    #[cfg(feature = "tui")]
    fn has_dashboard(&self) -> bool {
        self.tui
    }

    #[cfg(not(feature = "tui"))]
    fn has_dashboard(&self) -> bool {
        false
    }

    /// The device as stated: `auto` lets each worker have a GPU of its own.
    fn wanted_device(&self) -> Result<DeviceName, Failure> {
        session::wanted_device(self.device)
    }
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
                .map_err(|_| "use a fold number, counted from 0, or `all`".into()),
        }
    }
}

/// Runs the experiment.
pub fn execute(args: Run) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let device = session::device(args.device)?;
    let cancel = session::cancellation();
    let events = events(&args, &cancel);
    if args.resume {
        events.warn("--resume is not needed: runs resume by themselves");
    }
    let folds = args.fold.map_or(Folds::One(0), |choice| choice.0);
    let mut planned = session::plan(&loaded, folds, Access::Read, &cancel, &events)?;
    if args.fold.is_none() && planned.folds > 1 {
        events.warn(format!("running fold 0 of {} only; `--fold all` runs every fold", planned.folds));
    }
    if args.smoke {
        planning::shrink(&mut planned);
    }
    if args.dry_run {
        return dry_run(&planned, args.json);
    }
    if args.fresh || args.smoke {
        clear(&planned)?;
    }
    if let Some(from) = &args.continue_from {
        continue_from(&planned, from, &device)?;
    }
    run_and_report(&args, &planned, &device, &cancel, events, &loaded.experiment)
}

/// Where events go: the dashboard if it was requested and there is a terminal, else log lines and progress bars.
#[cfg(feature = "tui")]
fn events(args: &Run, cancel: &Cancel) -> Events {
    use std::io::IsTerminal;
    let screen = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.tui && screen {
        return Events::to(crate::observe::dashboard::Dashboard::new(cancel.clone()));
    }
    let events = plain(args);
    if args.tui {
        events.warn("--tui needs a terminal; showing plain lines instead");
    }
    events
}

/// Where events go: log lines and progress bars.
#[cfg(not(feature = "tui"))]
fn events(args: &Run, _: &Cancel) -> Events {
    plain(args)
}

/// Lines and bars: of one run, or of several at a time.
fn plain(args: &Run) -> Events {
    match args.jobs {
        Jobs::Fixed(1) => Events::to(Terminal::new()),
        _ => Events::to(Several::new()),
    }
}

fn continue_from(planned: &Planned, from: &Path, device: &Selected) -> Result<(), Failure> {
    match planned.runs.as_slice() {
        [run] => Ok(continuing::continue_from(run, &run_folder(from)?, &device.name.to_string())?),
        runs => {
            let text = format!("--continue-from needs an experiment with exactly one run; this one has {}", runs.len());
            Err(Failure::message(Exit::Usage, text))
        }
    }
}

fn run_and_report(
    args: &Run,
    planned: &Planned,
    device: &Selected,
    cancel: &Cancel,
    events: Events,
    about: &Experiment,
) -> Result<Exit, Failure> {
    // Other processes may be writing there.
    files::remove_abandoned(&store::cache(Path::new(&about.run_root)));
    files::remove_abandoned(Path::new(REPORTS));
    let data_root = session::data_root();
    let stop_after = args.stop_after.map(|epochs| epochs as usize);
    let setting = Setting { device, data_root: Some(&data_root), stop_after, cancel, events: events.clone() };
    let mut reporter = Reporter::new(args, planned, about, &events);
    let mut after = |run: &Stored, outcome: &Outcome| reporter.after(run, outcome);
    // The dashboard shows the training of its own process.
    let outcomes = match planned.runs.len() > 1 && !args.has_dashboard() {
        true => sweep::run_all(&planned.runs, &setting, &Slots::new(args.jobs, args.wanted_device()?), &mut after)?,
        false => run_all(&planned.runs, &setting, &mut after)?,
    };
    reporter.finish(&events)?;
    exit_code_of(&outcomes)
}

/// Updates the experiment's report as its runs finish.
struct Reporter<'a> {
    planned: &'a Planned,
    notes: &'a [String],
    out: PathBuf,
    json: bool,
    events: Events,
    /// Number of runs that have scores.
    finished: usize,
    /// When the experiment's report was last written, and how long that took.
    last: Option<(Instant, Duration)>,
}

impl<'a> Reporter<'a> {
    fn new(args: &Run, planned: &'a Planned, about: &'a Experiment, events: &Events) -> Self {
        let name = about.name.as_deref().unwrap_or_default();
        let smoke = planned.runs.first().filter(|_| args.smoke).map(|run| run.evaluation().report());
        let out = smoke.unwrap_or_else(|| Path::new(REPORTS).join(name));
        Self { planned, notes: &about.notes, out, json: args.json, events: events.clone(), finished: 0, last: None }
    }

    fn after(&mut self, run: &Stored, outcome: &Outcome) -> Result<(), RunError> {
        if !outcome.is_finished() {
            return Ok(());
        }
        self.finished += 1;
        let own = run.evaluation().report();
        if *outcome == Outcome::Skipped && own.join(PAGE).is_file() {
            return Ok(());
        }
        self.try_write(std::slice::from_ref(run), &own)?;
        // With hundreds of runs, a new report after each one would take too long.
        let rarely = self.last.is_some_and(|(at, took)| at.elapsed() < 10 * took);
        if self.planned.runs.len() > 1 && !rarely {
            let start = Instant::now();
            self.try_write(&self.planned.runs, &self.out)?;
            self.last = Some((Instant::now(), start.elapsed()));
        }
        Ok(())
    }

    /// Writes a report while other runs follow: a damaged table stops none of them, a full disk all.
    fn try_write(&self, runs: &[Stored], out: &Path) -> Result<(), RunError> {
        match report::write(runs, self.notes, out) {
            Err(error) if error.class() == Some(FailureClass::Environment) => Err(error),
            Err(error) => {
                self.events.warn(format!("{}: no report could be written: {error}", out.display()));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Writes the final report over all finished runs and prints its table.
    fn finish(&self, events: &Events) -> Result<(), Failure> {
        if self.finished == 0 {
            return Ok(());
        }
        let (written, files) = report::write(&self.planned.runs, self.notes, &self.out)?;
        if self.json {
            println!("{}", super::report::to_json(&written));
        } else {
            print!("{}", terminal::report(&written, Charset::Unicode));
        }
        events.emit(Kind::Report { page: files.page });
        Ok(())
    }
}

/// The exit code of an experiment: 5 if one of several runs failed.
fn exit_code_of(outcomes: &Outcomes) -> Result<Exit, Failure> {
    if outcomes.is_stopped() {
        return Err(RunError::Interrupted.into());
    }
    let failed: Vec<_> = outcomes.failed().collect();
    match (failed.as_slice(), outcomes.runs.len()) {
        ([], _) => {}
        // The reasons were told when the runs failed.
        ([(_, class, _)], 1) => return Err(Failure::message(exit_of(*class), "1 of 1 runs failed")),
        (failed, all) => {
            let mut text = format!("{} of {all} runs failed", failed.len());
            for (run, ..) in failed {
                text.push_str(&format!("\n  {} {}", run.id(), run.plan.name()));
            }
            let machine = failed.iter().any(|(_, class, _)| exit_of(*class) == Exit::Environment);
            return Err(Failure::message(if machine { Exit::Environment } else { Exit::TrialFailed }, text));
        }
    }
    match outcomes.busy().next() {
        Some((run, holder)) => {
            let lock = run.folder.lock();
            let text = format!("{}: another segspec process is using this run ({holder})", lock.display());
            Err(Failure::message(Exit::Environment, text))
        }
        None => Ok(Exit::Ok),
    }
}

fn clear(planned: &Planned) -> Result<(), RunError> {
    for run in &planned.runs {
        // Another process may be using the folder.
        let lock = Lock::take(&run.folder.lock())?;
        run.folder.clear()?;
        drop(lock);
    }
    Ok(())
}

fn dry_run(planned: &Planned, json: bool) -> Result<Exit, Failure> {
    let mut rows: Vec<(&Stored, Status)> = Vec::new();
    for run in &planned.runs {
        rows.push((run, run.status()?));
    }
    if json {
        let runs = rows.iter().map(|(run, status)| {
            serde_json::json!({
                "id": run.id(), "prediction": run.ids.prediction, "evaluation": run.ids.evaluation,
                "status": status.word(), "trial": run.plan.about.trial.label(), "seed": run.plan.seed(),
                "fold": run.plan.about.fold, "folder": run.folder.path(),
            })
        });
        println!("{:#}", serde_json::Value::from_iter(runs));
        return Ok(Exit::Ok);
    }
    let mut table = TextTable::new(["#", "run", "state", "seed", "fold", "trial"]);
    for (index, (run, status)) in rows.iter().enumerate() {
        let about = &run.plan.about;
        table.row([
            (index + 1).to_string(),
            run.id(),
            status.text().into(),
            run.plan.seed().to_string(),
            fold_of_folds([about.fold, about.folds]),
            about.trial.label(),
        ]);
    }
    print!("{}", table.render());
    let words = ["new", "finished", "resumable", "trained", "predicted", "running", "failed"];
    let count = |word: &'static str| (word, rows.iter().filter(|(_, status)| status.word() == word).count());
    let counts = words.into_iter().map(count).filter(|(word, count)| *count > 0 || words[..3].contains(word));
    let counts = counts.map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>();
    println!("{}: {}", session::counted(rows.len(), "run"), counts.join(", "));
    Ok(Exit::Ok)
}
