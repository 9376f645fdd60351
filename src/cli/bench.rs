//! `segspec bench`.

use std::path::PathBuf;

use clap::Args;

use super::session::counted;
use super::{Exit, Failure, session};
use crate::backend::DeviceNames;
use crate::dataset::Access;
use crate::observe::Events;
use crate::observe::terminal::Terminal;
use crate::run::bench::{Cost, measure};
use crate::run::{Folds, Setting};
use crate::words;

/// Measure the cost of an experiment on this machine: seconds per step, patches per second, memory
///
/// Runs some training steps and predictions of each of the experiment's networks and discards the results; only preprocessed
/// cases are written. Trials that differ only in their seed are measured once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec bench experiments/phantom.toml
  segspec bench experiments/liver.toml --device cuda:0 --set train.precision=\"bf16\" --json")]
pub struct Bench {
    /// Experiment file
    experiment: PathBuf,
    /// Override a value of the experiment; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Number of measured steps
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Device: auto, cpu, cuda:N, vulkan or wgpu; several joined by commas share each training step [default: SEGSPEC_DEVICE, else the experiment's, else auto]
    #[arg(long)]
    device: Option<DeviceNames>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Measures every network of the experiment.
pub fn execute(args: Bench) -> Result<Exit, Failure> {
    let loaded = session::load(&args.experiment, &args.set)?;
    let device = session::devices(args.device, Some(&loaded.experiment))?;
    let cancel = session::cancellation();
    let events = Events::to(Terminal::new());
    let planned = session::plan(&loaded, Folds::Chosen(vec![0]), Access::Read, &cancel, &events)?;
    let data_root = session::explicit_data_root();
    let setting = Setting {
        device: &device,
        data_root: data_root.as_deref(),
        stop_after: None,
        cancel: &cancel,
        events,
        follow: None,
    };
    let mut costs: Vec<Cost> = Vec::new();
    for (index, run) in planned.runs.iter().enumerate() {
        // The seed does not change the cost.
        if planned.runs[..index].iter().any(|earlier| earlier.plan.about.trial == run.plan.about.trial) {
            continue;
        }
        let Some(cost) = measure(run, &setting, args.steps.into())? else { continue };
        if !args.json {
            print(&cost);
        }
        costs.push(cost);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&costs).map_err(|error| Failure::new(Exit::TrialFailed, error))?;
        println!("{text}");
    }
    Ok(Exit::Ok)
}

fn print(cost: &Cost) {
    let [z, y, x] = cost.patch_size;
    let label = if cost.label.is_empty() { String::new() } else { format!("{}: ", cost.label) };
    println!(
        "{label}{:.2} M parameters, {} of {z}×{y}×{x} per step, {}, on {}",
        cost.parameters as f64 / 1e6,
        counted(cost.patches_per_step, "patch"),
        cost.precision,
        cost.device
    );
    println!("  training step  {:>9.4} s  {:>8.2} patches/s", cost.step_seconds, cost.patches_per_second);
    println!("  prediction     {:>9} {:>10.2} windows/s", "", cost.windows_per_second);
    println!(
        "  loading        {:>9.4} s  {:>8.1} times as fast as training",
        cost.loading_seconds, cost.loader_reserve
    );
    if let Some(bytes) = cost.peak_bytes {
        println!("  peak memory    {:>9.0} MB", bytes as f64 / 1e6);
    }
    if let Some(seconds) = cost.training_seconds {
        println!("  whole training about {}", words::duration(seconds));
    }
}
