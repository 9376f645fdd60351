//! PyTorch: `benches/peer/step.py`, in a separate process.

use std::ffi::OsStr;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::common::peer;
use super::{Case, Measured};

/// Measures one case, with options of the script.
pub fn measure(python: &OsStr, case: &Case, options: &[&str]) -> Measured {
    let list = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let (features, size, batch) = (list(case.features), list(&case.size), case.batch.to_string());
    let precision = case.precision.name();
    let own = [
        "--network",
        case.kind.name(),
        "--features",
        &features,
        "--size",
        &size,
        "--batch",
        &batch,
        "--precision",
        precision,
    ];
    read(python, &[&own, options].concat())
}

/// GFLOP/s of large matrix products, the ceiling for any convolution that multiplies every tap.
#[allow(dead_code, reason = "not every benchmark asks for it")]
pub fn sgemm(python: &OsStr) -> f64 {
    #[derive(Deserialize)]
    struct Ceiling {
        gflops: f64,
    }
    read::<Ceiling>(python, &["--sgemm"]).gflops
}

fn read<T: DeserializeOwned>(python: &OsStr, arguments: &[&str]) -> T {
    peer(python, "step.py", &arguments.iter().map(OsStr::new).collect::<Vec<_>>())
}
