//! PyTorch's side: `benches/peer/step.py`, in a process of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{Case, Measured};

/// Measures one case.
pub fn measure(python: &OsStr, case: &Case) -> Measured {
    let list = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let (features, size, batch) = (list(case.features), list(&case.size), case.batch.to_string());
    read(python, &["--features", &features, "--size", &size, "--batch", &batch])
}

/// GFLOP/s of large matrix products, the ceiling of any convolution that multiplies every tap.
pub fn sgemm(python: &OsStr) -> f64 {
    #[derive(Deserialize)]
    struct Ceiling {
        gflops: f64,
    }
    read::<Ceiling>(python, &["--sgemm"]).gflops
}

fn read<T: for<'a> Deserialize<'a>>(python: &OsStr, arguments: &[&str]) -> T {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer/step.py");
    let output = Command::new(python).arg(script).args(arguments).output().expect("SEGSPEC_BENCH_PYTHON starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}
