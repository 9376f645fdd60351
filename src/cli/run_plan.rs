//! `segspec run-plan`.

use std::path::PathBuf;

use clap::Args;

use super::session::{self, exit_of};
use super::{Exit, Failure};
use crate::backend::DeviceName;
use crate::observe::terminal::Terminal;
use crate::observe::{Events, Outcome};
use crate::run::{RunError, Setting, one, report};
use crate::store::Stored;

/// Do one run from its folder, with no experiment or dataset file: what workers and job schedulers call
///
/// The folder's plan.toml names everything that the run needs. Its data is looked for below SEGSPEC_DATA, else where it was when the
/// run was planned. A prediction folder does that prediction.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct RunPlan {
    /// Run folder, or one of its prediction folders
    folder: PathBuf,
    /// Where to compute: auto, cpu, cuda:N, vulkan [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
    /// Pause the training after so many epochs in all; a later call goes on
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
}

/// Does the run.
pub fn execute(args: RunPlan) -> Result<Exit, Failure> {
    let run = Stored::open(&args.folder)?;
    let device = session::device(args.device)?;
    let (cancel, events) = (session::cancellation(), Events::to(Terminal::new()));
    let data_root = session::stated_data_root();
    let stop_after = args.stop_after.map(|epochs| epochs as usize);
    let setting = Setting { device: &device, data_root: data_root.as_deref(), stop_after, cancel: &cancel, events };
    match one::run(&run, &setting, [1, 1]) {
        Outcome::Finished => {
            report::write(std::slice::from_ref(&run), &[], &run.evaluation().report())?;
            Ok(Exit::Ok)
        }
        Outcome::Skipped | Outcome::Paused { .. } => Ok(Exit::Ok),
        Outcome::Stopped => Err(RunError::Interrupted.into()),
        Outcome::Busy { holder } => {
            let text = format!("{}: another segspec works on this run ({holder})", run.folder.lock().display());
            Err(Failure::message(Exit::Environment, text))
        }
        Outcome::Failed { class, reason } => Err(Failure::message(exit_of(class), reason)),
    }
}
