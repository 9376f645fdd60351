//! Shared by all benchmarks: processes that measure and print JSON, and medians.
//!
//! Criterion and divan time one program. Our benchmarks alternate with peers in other languages, each in a separate process, so
//! that changes of machine speed affect both sides, and so that peak memory belongs to one piece of work.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::DeserializeOwned;

/// Runs this benchmark in another process, with other arguments.
pub fn in_new_process<T: DeserializeOwned>(arguments: &[&OsStr]) -> T {
    let program = std::env::current_exe().expect("the path of this program");
    read(program.as_os_str(), arguments)
}

/// Runs a script of `benches/peer`.
pub fn peer<T: DeserializeOwned>(python: &OsStr, script: &str, arguments: &[&OsStr]) -> T {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer").join(script);
    let all: Vec<&OsStr> = [script.as_os_str()].into_iter().chain(arguments.iter().copied()).collect();
    read(python, &all)
}

fn read<T: DeserializeOwned>(program: &OsStr, arguments: &[&OsStr]) -> T {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

/// The median; the upper one of an even number of values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Resident memory of this process in bytes: `VmHWM`, the peak so far, or `VmRSS`, now; 0 if the system does not report it.
pub fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kibibytes.unwrap_or(0.0) * 1024.0
}
