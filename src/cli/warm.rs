//! `segspec warm`.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, session};
use crate::backend::DeviceNames;
use crate::dataset::Access;
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::run::warm::{Warmed, warm};
use crate::run::{Folds, Setting};
use crate::words;

/// Compile and tune the GPU kernels of an experiment ahead of its runs
///
/// Runs one training step and one batch of prediction windows of each of the experiment's networks on empty images and discards the
/// results; no run is written. The kernels are kept for this device and driver, and runs find them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec warm experiments/liver.toml --device cuda:0
  segspec warm experiments/liver.toml --device cuda:0,cuda:1 --set train.precision=\"bf16\"")]
pub struct Warm {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Device: auto, cpu, cuda:N, vulkan or wgpu; several joined by commas, as for `run` [default: SEGSPEC_DEVICE, else the experiment's, else auto]
    #[arg(long)]
    device: Option<DeviceNames>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes the kernels of every network of the experiment.
pub fn execute(args: Warm) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let device = session::devices(args.device, Some(&loaded.experiment))?;
    let cancel = session::cancellation();
    let events = Events::to(Terminal::new());
    let planned = session::plan(&loaded, Folds::Chosen(vec![0]), Access::Read, &cancel, &events)?;
    let setting = Setting { device: &device, data_root: None, stop_after: None, cancel: &cancel, events, follow: None };
    let mut all: Vec<Warmed> = Vec::new();
    for (index, run) in planned.runs.iter().enumerate() {
        // The seed has no say in the kernels.
        if planned.runs[..index].iter().any(|earlier| earlier.plan.about.trial == run.plan.about.trial) {
            continue;
        }
        let Some(warmed) = warm(run, &setting)? else { continue };
        if !args.json {
            print(&warmed);
        }
        all.push(warmed);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&all).map_err(|error| Failure::new(Exit::TrialFailed, error))?;
        println!("{text}");
    }
    Ok(Exit::Ok)
}

fn print(warmed: &Warmed) {
    let label = if warmed.label.is_empty() { String::new() } else { format!("{}: ", warmed.label) };
    let took = words::duration(warmed.seconds);
    match &warmed.kernels {
        Some(file) => {
            println!("{label}kernels for {} are ready after {took}, kept in {}", warmed.device, file.display())
        }
        None => println!(
            "{label}the {} has its kernels in the program: one step and one prediction took {took}",
            warmed.device
        ),
    }
}
