//! Single convolutions: the fraction of the machine's arithmetic throughput that each shape reaches, forward and backward.

use std::ffi::OsStr;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use segspec::backend::conv::{Steps, convolve};

use super::peer;

struct Layer {
    batch: usize,
    channels: [usize; 2],
    size: [usize; 3],
    kernel: usize,
    stride: usize,
}

const LAYERS: [Layer; 10] = [
    Layer { batch: 1, channels: [1, 32], size: [64, 64, 64], kernel: 3, stride: 1 },
    Layer { batch: 1, channels: [32, 32], size: [64, 64, 64], kernel: 3, stride: 1 },
    Layer { batch: 1, channels: [32, 64], size: [64, 64, 64], kernel: 3, stride: 2 },
    Layer { batch: 1, channels: [64, 64], size: [32, 32, 32], kernel: 3, stride: 1 },
    Layer { batch: 1, channels: [128, 128], size: [16, 16, 16], kernel: 3, stride: 1 },
    Layer { batch: 1, channels: [256, 256], size: [8, 8, 8], kernel: 3, stride: 1 },
    Layer { batch: 1, channels: [32, 3], size: [64, 64, 64], kernel: 1, stride: 1 },
    Layer { batch: 2, channels: [16, 16], size: [40, 56, 40], kernel: 3, stride: 1 },
    Layer { batch: 8, channels: [32, 32], size: [1, 256, 256], kernel: 3, stride: 1 },
    Layer { batch: 8, channels: [512, 512], size: [1, 16, 16], kernel: 3, stride: 1 },
];

/// Prints a table of effective GFLOP/s, counted as if every tap were multiplied. Winograd's filtering saves multiplications, so
/// that shares can exceed 100 % of the ceiling.
pub fn print(python: Option<&OsStr>) {
    let ceiling = python.map(peer::sgemm);
    match ceiling {
        Some(ceiling) => println!("\nsgemm 2048³ (PyTorch): {ceiling:.0} GFLOP/s\n"),
        None => println!(),
    }
    println!("| layer | forward | gradient of images | gradient of weights |\n|---|---|---|---|");
    for layer in &LAYERS {
        let cells = layer.measure().map(|gflops| match ceiling {
            Some(ceiling) => format!("{gflops:.0} GFLOP/s, {:.0} %", 100.0 * gflops / ceiling),
            None => format!("{gflops:.0} GFLOP/s"),
        });
        println!("| {} | {} |", layer.title(), cells.join(" | "));
    }
}

impl Layer {
    fn title(&self) -> String {
        let Self { batch, channels: [input, output], size: [z, y, x], kernel, stride } = self;
        format!("{input} → {output}, {z}×{y}×{x}, batch {batch}, kernel {kernel}, stride {stride}")
    }

    /// GFLOP/s forward, of the image gradient, of the weight gradient.
    fn measure(&self) -> [f64; 3] {
        let device = Device::flex().autodiff();
        let normal = Distribution::Normal(0.0, 1.0);
        let ([input, output], [z, y, x]) = (self.channels, self.size);
        let deep = |length: usize| if z == 1 { 1 } else { length };
        let images = Tensor::<5>::random([self.batch, input, z, y, x], normal, &device);
        let weights =
            Tensor::<5>::random([output, input, deep(self.kernel), self.kernel, self.kernel], normal, &device);
        let half = self.kernel / 2;
        let steps = Steps::new([deep(self.stride), self.stride, self.stride], [deep(half + 1) - 1, half, half]);
        let forward = best(|| convolve(images.clone().inner(), weights.clone().inner(), None, steps), |_| ());
        let taps = deep(self.kernel) * self.kernel * self.kernel;
        let voxels = convolve(images.clone().inner(), weights.clone().inner(), None, steps).dims();
        let flop = 2.0 * (voxels.iter().product::<usize>() * input * taps) as f64;
        let backward = |images: Tensor<5>, weights: Tensor<5>| {
            best(|| convolve(images.clone(), weights.clone(), None, steps), |output| drop(output.backward()))
        };
        let of_images = backward(images.clone().require_grad(), weights.clone());
        let of_weights = backward(images, weights.require_grad());
        [forward, of_images, of_weights].map(|seconds| flop / seconds / 1e9)
    }
}

/// Minimum seconds of the forward pass, or of the backward pass if that takes time.
fn best<T>(forward: impl Fn() -> T, backward: impl Fn(T)) -> f64 {
    let once = || {
        let start = Instant::now();
        let output = forward();
        let between = Instant::now();
        backward(output);
        (between - start, between.elapsed())
    };
    let times: Vec<_> = (0..8).map(|_| once()).collect();
    let least = |time: fn(&(std::time::Duration, std::time::Duration)) -> f64| {
        times.iter().map(time).fold(f64::INFINITY, f64::min)
    };
    let (ahead, back) = (least(|time| time.0.as_secs_f64()), least(|time| time.1.as_secs_f64()));
    if back > ahead / 20.0 { back } else { ahead }
}
