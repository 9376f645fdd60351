//! `cargo bench --bench cpu`: training step, inference and peak memory on the CPU beside PyTorch's, measured in the same run.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with PyTorch; without it our own figures are printed alone. Arguments choose by
//! name: `cargo bench --bench cpu -- unet-64` or `-- layers`. Each measurement is a process of its own, so that peak memory
//! is that of the one network, and the two sides take turns, so that a machine that changes its pace meets both.

#[path = "../common/mod.rs"]
mod common;
mod layers;
#[path = "../network/mod.rs"]
mod network;

use network::{Case, peer};
use segspec::backend::{DeviceName, Precision, select};

const F32: Precision = Precision::F32;

const CASES: [Case; 3] = [
    Case { name: "unet-64", features: &[32, 64, 128, 256], size: [64, 64, 64], batch: 1, precision: F32 },
    Case { name: "unet-hippocampus", features: &[16, 32, 64, 128], size: [40, 56, 40], batch: 2, precision: F32 },
    Case { name: "unet-2d", features: &[32, 64, 128, 256, 512], size: [1, 256, 256], batch: 8, precision: F32 },
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let device = select(DeviceName::Cpu).expect("a processor");
    network::main(&CASES, &device, &arguments, &[("PyTorch", &[])]);
    if arguments.is_empty() || arguments.iter().any(|argument| "layers".contains(argument.as_str())) {
        layers::print(std::env::var_os("SEGSPEC_BENCH_PYTHON").as_deref());
    }
}
