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

use network::{Case, Kind, peer};
use segspec::backend::{DeviceName, Precision, select};

const F32: Precision = Precision::F32;

const B0: &[usize] = &[32, 64, 160, 256];
const VNET: &[usize] = &[16, 32, 64, 128, 256];
const ATTENTION: &[usize] = &[16, 32, 64, 128];

const CASES: [Case; 6] = [
    Case {
        name: "unet-64",
        kind: Kind::Unet,
        features: &[32, 64, 128, 256],
        size: [64, 64, 64],
        batch: 1,
        precision: F32,
    },
    Case {
        name: "unet-hippocampus",
        kind: Kind::Unet,
        features: &[16, 32, 64, 128],
        size: [40, 56, 40],
        batch: 2,
        precision: F32,
    },
    Case {
        name: "unet-2d",
        kind: Kind::Unet,
        features: &[32, 64, 128, 256, 512],
        size: [1, 256, 256],
        batch: 8,
        precision: F32,
    },
    Case {
        name: "attention-unet",
        kind: Kind::AttentionUnet,
        features: ATTENTION,
        size: [40, 56, 40],
        batch: 2,
        precision: F32,
    },
    Case { name: "vnet", kind: Kind::Vnet, features: VNET, size: [64, 64, 64], batch: 1, precision: F32 },
    Case { name: "segformer-b0", kind: Kind::Segformer, features: B0, size: [1, 256, 256], batch: 4, precision: F32 },
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let device = select(DeviceName::Cpu).expect("a processor");
    network::main(&CASES, &device, &arguments, &[("PyTorch", &[])]);
    if arguments.is_empty() || arguments.iter().any(|argument| "layers".contains(argument.as_str())) {
        layers::print(std::env::var_os("SEGSPEC_BENCH_PYTHON").as_deref());
    }
}
