//! `segspec doctor`.

mod full;

use clap::Args;
use serde_json::json;

use super::session::{counted, data_root};
use super::{Exit, Failure};
use crate::backend::examine::{self, Examined, examine};
use crate::backend::{self, kernel_cache};
use crate::memory::gigabytes;
use crate::run::trial;
use crate::store::manifest::{Git, Host};

/// Show this machine's devices, memory, versions and data folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec doctor
  segspec doctor --full --device cuda:0
  segspec doctor --full --only convolution
  segspec doctor --json")]
pub struct Doctor {
    /// Compare every operation and network with the CPU, and print a table; the exit code is 7 if one differs
    #[arg(long)]
    full: bool,
    /// Try a device as before its first use, for the process that is about to use it
    #[arg(long, hide = true, conflicts_with = "full", requires = "device")]
    trial: bool,
    /// With --full: device to test, cpu, cuda:N, vulkan or wgpu [default: all]
    #[arg(long)]
    device: Option<backend::DeviceName>,
    /// With --full: only operations and networks whose names contain this
    #[arg(long, value_name = "NAME", requires = "full")]
    only: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tries a device; the result goes to standard output.
fn trial(device: backend::DeviceName) -> Result<Exit, Failure> {
    let device = backend::select(device).map_err(|error| Failure::new(Exit::Environment, error))?;
    trial::tell_of(&device, &mut std::io::stdout()).map_err(|error| Failure::new(Exit::Environment, error))?;
    Ok(Exit::Ok)
}

/// Prints the findings.
pub fn execute(args: Doctor) -> Result<Exit, Failure> {
    match (args.device, args.full) {
        (Some(device), false) if args.trial => return trial(device),
        (device, true) => return full::execute(device, args.only.as_deref(), args.json),
        (Some(_), false) => {
            return Err(Failure::message(Exit::Usage, "--device needs --full: `segspec doctor` shows all devices"));
        }
        (None, false) => {}
    }
    let host = Host::here();
    let root = data_root();
    let reasons: Vec<(&str, String)> =
        [backend::DeviceName::Cuda(0), backend::DeviceName::Vulkan, backend::DeviceName::Wgpu]
            .into_iter()
            .zip(["cuda", "vulkan", "wgpu"])
            .filter_map(|(device, name)| Some((name, backend::select(device).err()?.reason().to_string())))
            .collect();
    let names = backend::available();
    let devices = names.iter().filter_map(|name| backend::select(name.parse().ok()?).ok());
    let examined: Vec<Examined> = devices.map(|device| examine(&device)).collect();
    let cards = examine::cards();
    let kernels = kernel_cache::file(backend::DeviceName::Cuda(0));
    if args.json {
        let value = json!({
            "version": env!("CARGO_PKG_VERSION"), "features": backend::features(), "devices": names,
            "examined": examined, "cards": cards, "kernel_cache": kernels,
            "missing": reasons.iter().map(|(name, reason)| json!({ "device": name, "reason": reason })).collect::<Vec<_>>(),
            "host": host, "data_root": root, "data_root_exists": root.is_dir(), "git": Git::here().map(|git| git.commit),
        });
        println!("{value:#}");
        return Ok(Exit::Ok);
    }
    println!("segspec    {} (burn 0.22.1; features: {})", env!("CARGO_PKG_VERSION"), backend::features().join(", "));
    for (index, device) in examined.iter().enumerate() {
        let label = if index == 0 { "devices" } else { "" };
        println!("{label:<10} {}", line(device));
    }
    for card in &cards {
        println!("           {card}");
    }
    for (name, reason) in &reasons {
        println!("           no {name}: {reason}");
    }
    if let Some(file) = &kernels {
        println!("kernels    GPU kernel cache: {}", file.display());
    }
    println!("machine    {}, {}, {}", host.name, host.system, counted(host.cores, "core"));
    println!("processor  {}", host.cpu);
    println!("memory     {}", gigabytes(host.memory));
    let state = if root.is_dir() { "found" } else { "not found: set SEGSPEC_DATA" };
    println!("data       {} ({state})", root.display());
    Ok(Exit::Ok)
}

/// The test result of a device.
fn line(examined: &Examined) -> String {
    let state = match (&examined.failure, examined.difference) {
        (Some(failure), _) => format!("FAILS: {failure}"),
        (None, Some(0.0)) => "kernels run".into(),
        (None, Some(difference)) => format!("kernels run; results differ from the CPU's by at most {difference:.0e}"),
        (None, None) => "not tested".into(),
    };
    format!("{} ({}): {state}", examined.device, examined.precisions.join(", "))
}
