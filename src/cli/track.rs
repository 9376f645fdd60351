//! `segspec track`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::rank::of_path;
use super::{Exit, Failure, session};
use crate::spec::tracking::Track;
use crate::store::{Status, Stored};
use crate::track::{TrackError, mlflow, tensorboard};

/// Tell TensorBoard and MLflow of runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec track sync experiments/phantom.toml --to tensorboard
  segspec track sync runs/liver --to mlflow --url http://localhost:5000")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell trackers of runs that were not tracked, or whose server was away
    ///
    /// Without --to, each run's own trackers are told, as its experiment declares them in [track]. MLflow gets what it does not know;
    /// repeated calls send nothing. Runs without event files of TensorBoard get them from their logs: epochs and scores, no steps.
    #[command(after_help = "\
Examples:
  segspec track sync experiments/phantom.toml --to tensorboard
  segspec track sync runs/liver --to mlflow
  segspec track sync 0123 --to mlflow --url http://localhost:5000")]
    Sync(Sync),
}

#[derive(Debug, Args)]
struct Sync {
    /// Experiment file or its name, run folder or the beginning of its id, or a folder of runs
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Tracker that is told [default: those of the experiment]
    #[arg(long, value_name = "TRACKER")]
    to: Vec<Tracker>,
    /// Address of the MLflow server [default: track.mlflow.url, else MLFLOW_TRACKING_URI]
    #[arg(long)]
    url: Option<String>,
    /// Override a value of the experiment, as given to `run`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tracker {
    /// Event files in the run folders
    Tensorboard,
    /// A tracking server
    Mlflow,
}

impl Tracker {
    /// The setting that chooses it, as `--set` takes it.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Tensorboard => "track.tensorboard={}",
            Self::Mlflow => "track.mlflow={}",
        }
    }
}

impl From<TrackError> for Failure {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::Run(error) => (*error).into(),
            error => Self::new(Exit::Environment, error),
        }
    }
}

/// Runs the command.
pub fn execute(args: Arguments) -> Result<Exit, Failure> {
    match args.command {
        Command::Sync(args) => sync(&args),
    }
}

fn sync(args: &Sync) -> Result<Exit, Failure> {
    let mut runs: Vec<Stored> = Vec::new();
    for path in &args.paths {
        for run in of_path(path, &args.set)?.0 {
            if runs.iter().all(|known| known.ids != run.ids) && run.status()? != Status::New {
                runs.push(run);
            }
        }
    }
    // A missing address is told before anything is written.
    for settings in runs.iter().filter_map(|run| chosen(args, run).mlflow) {
        mlflow::server(&settings)?;
    }
    let cancel = session::cancellation();
    let mut told = false;
    for run in &runs {
        if cancel.is_stopped() {
            return Err(crate::run::RunError::Interrupted.into());
        }
        let track = chosen(args, run);
        told |= !track.is_empty();
        if let Some(settings) = &track.tensorboard {
            let folder = run.folder.tensorboard();
            match tensorboard::catch_up(run, settings)? {
                true => println!("{}: wrote {}", run.id(), folder.display()),
                false => println!("{}: {} has its events already", run.id(), folder.display()),
            }
        }
        if let Some(settings) = &track.mlflow {
            let sent = mlflow::sync(run, settings)?;
            let [metrics, params, files] = [(sent.metrics, "value"), (sent.params, "parameter"), (sent.files, "file")]
                .map(|(count, word)| session::counted(count, word));
            println!("{}: sent {metrics}, {params}, {files} to MLflow", run.id());
        }
    }
    if !told {
        let text = match runs.len() {
            0 => "no run has begun: `segspec run` first",
            _ => "these runs have no trackers: name one with --to tensorboard or --to mlflow",
        };
        return Err(Failure::message(Exit::BadData, text));
    }
    Ok(Exit::Ok)
}

/// The trackers of the command line, with the settings of the experiment, else those of the experiment.
fn chosen(args: &Sync, run: &Stored) -> Track {
    let mut track = run.plan.about.track.clone();
    if !args.to.is_empty() {
        let is_wanted = |tracker: Tracker| args.to.contains(&tracker);
        track.tensorboard = is_wanted(Tracker::Tensorboard).then(|| track.tensorboard.unwrap_or_default());
        track.mlflow = is_wanted(Tracker::Mlflow).then(|| track.mlflow.unwrap_or_default());
    }
    if let (Some(settings), Some(url)) = (&mut track.mlflow, &args.url) {
        settings.url = Some(url.clone());
    }
    track
}
