//! `cargo bench --bench cpu`: training step, inference and peak memory on the CPU, compared with PyTorch in the same run.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with PyTorch; without it, only our own figures are printed. Arguments select
//! by name: `cargo bench --bench cpu -- unet-64` or `-- layers`. Each measurement runs in a separate process, so that peak memory
//! belongs to one network, and the two sides alternate, so that changes of machine speed affect both.

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
    Case::new("unet-64", Kind::Unet, &[32, 64, 128, 256], [64, 64, 64], 1, F32),
    Case::new("unet-hippocampus", Kind::Unet, &[16, 32, 64, 128], [40, 56, 40], 2, F32),
    Case::new("unet-2d", Kind::Unet, &[32, 64, 128, 256, 512], [1, 256, 256], 8, F32),
    Case::new("attention-unet", Kind::AttentionUnet, ATTENTION, [40, 56, 40], 2, F32),
    Case::new("vnet", Kind::Vnet, VNET, [64, 64, 64], 1, F32),
    Case::new("segformer-b0", Kind::Segformer, B0, [1, 256, 256], 4, F32),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let device = select(DeviceName::Cpu).expect("a processor");
    network::main(&CASES, &device, &arguments, &[("PyTorch", &[])]);
    if arguments.is_empty() || arguments.iter().any(|argument| "layers".contains(argument.as_str())) {
        layers::print(std::env::var_os("SEGSPEC_BENCH_PYTHON").as_deref());
    }
}
