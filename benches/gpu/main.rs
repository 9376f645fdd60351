//! `cargo bench --bench gpu --features cuda`: training step, inference and peak memory on an NVIDIA GPU, compared with PyTorch
//! on the same card in the same run: channels last, cuDNN's tuning, automatic mixed precision, with and without `torch.compile`.
//!
//! `SEGSPEC_BENCH_PYTHON` and arguments as in `cargo bench --bench cpu`. The first run spends minutes tuning kernels.

#[path = "../common/mod.rs"]
mod common;
#[path = "../network/mod.rs"]
mod network;

use network::{Case, Kind};
use segspec::backend::{DeviceName, Precision, examine, select, set_up};

const FEATURES: &[usize] = &[32, 64, 128, 256];
const FLAT: &[usize] = &[32, 64, 128, 256, 512];
const F32: Precision = Precision::F32;
const BF16: Precision = Precision::Bf16;

const VNET: &[usize] = &[16, 32, 64, 128, 256];
const ATTENTION: &[usize] = &[16, 32, 64, 128];
const B0: &[usize] = &[32, 64, 160, 256];

const CASES: [Case; 12] = [
    Case::new("unet-64-f32", Kind::Unet, FEATURES, [64, 64, 64], 8, F32),
    Case::new("unet-64-bf16", Kind::Unet, FEATURES, [64, 64, 64], 8, BF16),
    Case::new("unet-128-f32", Kind::Unet, FEATURES, [128, 128, 128], 2, F32),
    Case::new("unet-128-bf16", Kind::Unet, FEATURES, [128, 128, 128], 2, BF16),
    Case::new("unet-2d-f32", Kind::Unet, FLAT, [1, 256, 256], 32, F32),
    Case::new("unet-2d-bf16", Kind::Unet, FLAT, [1, 256, 256], 32, BF16),
    Case::new("attention-unet-f32", Kind::AttentionUnet, ATTENTION, [96, 96, 96], 2, F32),
    Case::new("attention-unet-bf16", Kind::AttentionUnet, ATTENTION, [96, 96, 96], 2, BF16),
    Case::new("vnet-f32", Kind::Vnet, VNET, [96, 96, 96], 2, F32),
    Case::new("vnet-bf16", Kind::Vnet, VNET, [96, 96, 96], 2, BF16),
    Case::new("segformer-b0-f32", Kind::Segformer, B0, [1, 512, 512], 16, F32),
    Case::new("segformer-b0-bf16", Kind::Segformer, B0, [1, 512, 512], 16, BF16),
];

const PEERS: [(&str, &[&str]); 2] =
    [("PyTorch", &["--device", "cuda"]), ("torch.compile", &["--device", "cuda", "--compile"])];

fn main() {
    set_up();
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match select(DeviceName::Cuda(0)) {
        Ok(device) => {
            if arguments.first().is_none_or(|argument| argument != "--measure") {
                println!("{}\n", examine::cards().join("\n"));
            }
            network::main(&CASES, &device, &arguments, &PEERS);
        }
        Err(error) => println!("skipped: {error}"),
    }
}
