//! `segspec run`.

mod dry_run;
mod fresh;
mod launch;
mod notify;
mod reporter;
mod search;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use fresh::clear;
use reporter::Reporter;

use super::names::run_folder;
use super::session::{self, REPORTS, exit_of};
use super::track::Tracker;
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::{DeviceName, DeviceNames, Selected};
use crate::dataset::Access;
use crate::files;
use crate::observe::several::Several;
use crate::observe::terminal::Terminal;
use crate::observe::{Events, Outcome};
use crate::run::experiment::{Outcomes, run_all};
use crate::run::{Folds, Planned, Planner, Request, RunError, Setting, continuing, planning};
use crate::spec::{Experiment, Loaded};
use crate::store::{self, Stored};
use crate::sweep::{self, Jobs, Slots};
use crate::track;

/// Run an experiment: preprocess, train, predict, score, report
///
/// An interrupted run resumes from its last checkpoint; a finished run is not repeated. Changing [predict] or [evaluate] does not retrain.
/// If a run fails, the others continue and the report is still written; the exit code is then 5.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec run experiments/phantom.toml
  segspec run experiments/liver.toml --fold all --device cuda:0
  segspec run experiments/liver.toml --device cuda:0,cuda:1
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
    /// Device: auto, cpu, cuda:N, vulkan or wgpu; several joined by commas, `cuda:0,cuda:1`, share each training step [default: SEGSPEC_DEVICE,
    /// else the experiment's, else auto]
    #[arg(long)]
    device: Option<DeviceNames>,
    /// Runs at a time, each in a process of its own: a number, or `auto` for one per GPU (without GPUs, one per four cores)
    #[arg(long, value_name = "N|auto", default_value = "1")]
    jobs: Jobs,
    /// Pause each training after this many epochs in total; run again to continue
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    /// Continue training from the weights and optimiser state of a finished run that was planned for fewer epochs
    #[arg(long, value_name = "RUN", conflicts_with_all = ["fresh", "smoke", "dry_run"])]
    continue_from: Option<PathBuf>,
    /// List the runs, their states and the time they need, without running them (a training step of each new network is measured)
    #[arg(long)]
    dry_run: bool,
    /// Execute the runs elsewhere: `slurm` submits jobs and leaves (`segspec status` tells how they are), `command` calls the shell command
    /// `launcher.command` of the experiment
    #[arg(long, value_name = "LAUNCHER", conflicts_with_all = ["continue_from", "smoke", "dry_run", "fresh"])]
    launcher: Option<Launch>,
    /// With --launcher slurm: print the batch scripts without submitting them
    #[arg(long, requires = "launcher")]
    print: bool,
    /// Take part in the runs of an experiment and leave when none can be begun: for tasks of a scheduler
    #[arg(long, hide = true)]
    take_part: bool,
    /// Test every stage with two training steps and one case, in a separate folder
    #[arg(long)]
    smoke: bool,
    /// Delete what these runs left behind (not those of other settings) and start over; asks first in a terminal
    #[arg(long)]
    fresh: bool,
    /// Not needed: runs resume by themselves. Kept so that `--resume` is not corrected to `--fresh`
    #[arg(long, hide = true)]
    resume: bool,
    /// Tracker that follows the runs, beside those of the experiment: `tensorboard` writes event files into the run folders, `mlflow` tells the
    /// server at MLFLOW_TRACKING_URI; can be repeated
    #[arg(long, value_name = "TRACKER")]
    track: Vec<Tracker>,
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

    /// Values that override the experiment's: `--set` and `--track`.
    fn settings(&self) -> Vec<String> {
        self.set.iter().cloned().chain(self.track.iter().map(|tracker| tracker.setting().to_owned())).collect()
    }

    /// The devices as stated: `auto` lets each worker have a GPU of its own.
    fn wanted_devices(&self, experiment: &Experiment) -> Result<DeviceNames, Failure> {
        session::wanted_devices(self.device.clone(), Some(experiment))
    }
}

/// `--launcher`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Launch {
    Slurm,
    Command,
}

/// `--fold`.
#[derive(Clone, Debug)]
pub(super) struct FoldChoice(pub(super) Folds);

impl FoldChoice {
    /// As it is given on the command line.
    fn text(&self) -> String {
        match &self.0 {
            Folds::All => "all".into(),
            Folds::Chosen(chosen) => chosen.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

impl FromStr for FoldChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(Folds::All)),
            _ => text
                .parse()
                .map(|fold| Self(Folds::Chosen(vec![fold])))
                .map_err(|_| "use a fold number, counted from 0, or `all`".into()),
        }
    }
}

/// Runs the experiment.
pub fn execute(args: Run) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.settings())?;
    // Devices of other machines are not looked for here: this one plans, and gathers the results.
    let device = match args.launcher {
        None => session::devices(args.device.clone(), Some(&loaded.experiment))?,
        Some(_) => session::device(Some(DeviceName::Cpu))?,
    };
    let cancel = session::cancellation();
    let events = events(&args, &cancel);
    if args.resume {
        events.warn("--resume is not needed: runs resume by themselves");
    }
    let folds = folds(&args, &loaded);
    let data_root = session::data_root();
    let (access, cancelled) = (Access::Read, &cancel);
    let request = Request { loaded: &loaded, data_root: &data_root, folds, access, cancel: cancelled, events: &events };
    let planner = Planner::open(&request)?;
    let is_grid = loaded.search.is_none();
    let mut planned = if args.dry_run && is_grid { planner.survey()? } else { planner.all()? };
    if args.fold.is_none() && loaded.folds.is_empty() && planned.folds > 1 {
        events.warn(format!("running fold 0 of {} only; `--fold all` runs every fold", planned.folds));
    }
    if args.smoke {
        planning::shrink(&mut planned);
    }
    if args.launcher == Some(Launch::Slurm) {
        return launch::slurm(&args, &loaded, &planned, &request.folds);
    }
    let stop_after = args.stop_after.map(|epochs| epochs as usize);
    let setting = Setting {
        device: &device,
        data_root: Some(&data_root),
        stop_after,
        cancel: &cancel,
        events: events.clone(),
        follow: Some(track::follow),
    };
    if let Some(sought) = loaded.search.as_ref().filter(|_| !args.smoke) {
        return search::execute(&args, &loaded, sought, (&planner, &planned, &request.folds), &setting);
    }
    if args.dry_run {
        return dry_run::dry_run(&planned, &setting, args.json);
    }
    if args.fresh || args.smoke {
        clear(&planned.runs, args.fresh)?;
    }
    if let Some(from) = &args.continue_from {
        continue_from(&planned, from, &device)?;
    }
    let slots = slots(&args, &loaded)?;
    run_and_report(&args, &planned, &slots, &setting, &loaded.experiment)
}

/// Where workers run.
fn slots(args: &Run, loaded: &Loaded) -> Result<Slots, Failure> {
    let wanted = args.wanted_devices(&loaded.experiment)?;
    if wanted.is_several() && args.jobs != Jobs::Fixed(1) {
        let text = format!(
            "--jobs: the devices {wanted} share one run at a time; name one device, or `auto`, for several runs at a time"
        );
        return Err(Failure::message(Exit::Usage, text));
    }
    let slots = Slots::new(args.jobs, &wanted);
    Ok(Slots { command: launch::template(args, loaded)?, leaves: args.take_part, ..slots })
}

/// The folds of `--fold`, else those of `[sweep]`, else the first.
fn folds(args: &Run, loaded: &Loaded) -> Folds {
    match &args.fold {
        Some(choice) => choice.0.clone(),
        None if loaded.folds.is_empty() => Folds::Chosen(vec![0]),
        None => Folds::Chosen(loaded.folds.clone()),
    }
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
        [run] => Ok(continuing::continue_from(run, &run_folder(from)?, &device.names().to_string())?),
        runs => {
            let text = format!("--continue-from needs an experiment with exactly one run; this one has {}", runs.len());
            Err(Failure::message(Exit::Usage, text))
        }
    }
}

fn run_and_report(
    args: &Run,
    planned: &Planned,
    slots: &Slots,
    setting: &Setting,
    about: &Experiment,
) -> Result<Exit, Failure> {
    remove_abandoned(about);
    let mut reporter = Reporter::new(args, planned.runs.first(), about, &setting.events);
    let mut after =
        |run: &Stored, outcome: &Outcome| reporter.after(run, outcome, &mut || Ok((planned.runs.clone(), None)));
    // The dashboard shows the training of its own process.
    let outcomes = match (planned.runs.len() > 1 || slots.command.is_some()) && !args.has_dashboard() {
        true => sweep::run_all(&planned.runs, setting, slots, &mut after)?,
        false => run_all(&planned.runs, setting, &mut after)?,
    };
    let mut summary = String::new();
    if reporter.has_scores() {
        summary = reporter.finish(&planned.runs, None, &setting.events)?;
    }
    tell(about, &summary, &outcomes, &setting.events);
    exit_code_of(&outcomes)
}

/// Sends the summary where the experiment wants it, unless the user stopped.
fn tell(about: &Experiment, summary: &str, outcomes: &Outcomes, events: &Events) {
    if outcomes.is_stopped() {
        return;
    }
    let failed: String = outcomes
        .failed()
        .map(|(run, _, reason)| format!("{} {} failed: {reason}\n", run.id(), run.plan.name()))
        .collect();
    notify::notify(about, &format!("{summary}{failed}"), events);
}

/// Removes what killed processes left. Others may be writing there.
fn remove_abandoned(about: &Experiment) {
    files::remove_abandoned(&store::cache(Path::new(&about.run_root)));
    files::remove_abandoned(Path::new(REPORTS));
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
