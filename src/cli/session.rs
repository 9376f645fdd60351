//! What commands that read an experiment have in common: its layers, the data folder, the device, and how to stop.

use std::path::{Path, PathBuf};

use super::check::{announce, environment};
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::{self, DeviceName, Selected};
use crate::run::{Kind, RunError};
use crate::spec::{self, Loaded};

/// Folder of the reports of experiments.
pub const REPORTS: &str = "reports";

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match error.kind() {
            Kind::Data => Exit::BadData,
            Kind::Spec => Exit::BadSpec,
            Kind::Trial => Exit::TrialFailed,
            Kind::Environment => Exit::Environment,
            Kind::Interrupted => Exit::Interrupted,
        };
        Self::new(exit, error)
    }
}

/// Reads and checks an experiment, and says which environment variables take part.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    let loaded = spec::load(file, overrides, &environment()).map_err(|errors| Failure::new(Exit::BadSpec, errors))?;
    announce(&loaded.overrides);
    Ok(loaded)
}

/// Folder of all datasets: `SEGSPEC_DATA`, or `data`.
pub fn data_root() -> PathBuf {
    std::env::var_os("SEGSPEC_DATA").map_or_else(|| PathBuf::from("data"), PathBuf::from)
}

/// The device of `--device`, else of `SEGSPEC_DEVICE`, else the best one.
pub fn device(argument: Option<DeviceName>) -> Result<Selected, Failure> {
    let from_environment = || match std::env::var("SEGSPEC_DEVICE") {
        Ok(name) => name.parse().map_err(|error| Failure::message(Exit::Usage, format!("SEGSPEC_DEVICE: {error}"))),
        Err(_) => Ok(DeviceName::Auto),
    };
    let name = argument.map_or_else(from_environment, Ok)?;
    backend::select(name).map_err(|error| Failure::new(Exit::Environment, error))
}

/// A flag that Ctrl-C (and SIGTERM) sets. A second Ctrl-C ends the process at once.
pub fn cancellation() -> Cancel {
    let flag = Cancel::new();
    let handler = flag.clone();
    let installed = ctrlc::set_handler(move || {
        if handler.stop() {
            std::process::exit(Exit::Interrupted as i32);
        }
        eprintln!("stopping: the state is being saved (Ctrl-C again ends at once)");
    });
    if let Err(error) = installed {
        eprintln!("warning: Ctrl-C will not save the state: {error}");
    }
    flag
}
