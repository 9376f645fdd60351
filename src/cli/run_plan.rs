//! `segspec run-plan`.

use std::path::PathBuf;

use clap::Args;

use super::names::run_folder;
use super::report::of_experiment;
use super::session::{self, exit_of};
use super::{Exit, Failure};
use crate::backend::DeviceNames;
use crate::observe::terminal::Terminal;
use crate::observe::{Events, Lines, Outcome};
use crate::run::{RunError, Setting, one, report};
use crate::store::Stored;
use crate::track;

/// Execute one run from its folder alone, without experiment and dataset files: for workers and job schedulers
///
/// The folder's plan.toml names everything the run needs. The data is looked up under SEGSPEC_DATA, otherwise where it was when the
/// run was planned. Given a prediction folder, makes that prediction.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct RunPlan {
    /// Run folder, or one of its prediction folders
    folder: PathBuf,
    /// Device: auto, cpu, cuda:N, vulkan or wgpu; several joined by commas share each training step [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceNames>,
    /// Pause the training after this many epochs in total; run again to continue
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    /// Work for this process: tell events as JSON on standard output, write no report, and stop when it is gone
    #[arg(long, value_name = "PID")]
    worker_of: Option<u32>,
    /// Afterwards, write the report of the run's experiment to this folder
    #[arg(long, value_name = "DIR")]
    report_to: Option<PathBuf>,
}

/// Executes the run.
pub fn execute(args: RunPlan) -> Result<Exit, Failure> {
    let run = Stored::open(&run_folder(&args.folder)?)?;
    let device = session::devices(args.device, None)?;
    let cancel = session::cancellation();
    let events = match args.worker_of {
        Some(parent) => {
            // 0: whoever started it is on another machine.
            if parent > 0 {
                session::stop_without(parent, &cancel);
            }
            Events::to(Lines::default())
        }
        None => Events::to(Terminal::new()),
    };
    let data_root = session::explicit_data_root();
    let stop_after = args.stop_after.map(|epochs| epochs as usize);
    let setting = Setting {
        device: &device,
        data_root: data_root.as_deref(),
        stop_after,
        cancel: &cancel,
        events,
        follow: Some(track::follow),
    };
    match one::run(&run, &setting, [1, 1]) {
        Outcome::Finished if args.worker_of.is_none() => {
            report::write(std::slice::from_ref(&run), &[], None, &run.evaluation().report())?;
            report::write_card(&run, None)?;
            if let Some(Err(error)) = args.report_to.map(|folder| of_experiment(&run, &folder)) {
                setting.events.warn(format!("the report of the experiment was not written: {}", error.error));
            }
            if let Err(error) = track::catch_up(&run) {
                setting.events.warn(format!("{error}; `segspec track sync {}` sends what is missing later", run.id()));
            }
            Ok(Exit::Ok)
        }
        Outcome::Finished | Outcome::Skipped | Outcome::Paused { .. } => Ok(Exit::Ok),
        Outcome::Stopped => Err(RunError::Interrupted.into()),
        Outcome::Busy { holder } => {
            let text = format!("{}: another segspec process is using this run ({holder})", run.folder.lock().display());
            Err(Failure::message(Exit::Environment, text))
        }
        // The reason was told when the run failed.
        Outcome::Failed { class, .. } => Err(Failure::message(exit_of(class), "1 of 1 runs failed")),
    }
}
