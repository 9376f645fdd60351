//! What a device can do, by trying it.

use std::panic::catch_unwind;
use std::process::Command;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use super::conv::{Steps, convolve};
use super::{Precision, Selected};

/// Largest accepted difference from the CPU: kernels may sum in another order, or in TF32 (19 bits) on matrix units.
const TOLERANCE: f32 = 1e-2;

/// What a device can do.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// Its name.
    pub device: String,
    /// Supported precisions.
    pub precisions: Vec<&'static str>,
    /// Largest difference of a convolution from the CPU's; `None` where it failed.
    pub difference: Option<f32>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Compiles one kernel, a 3D convolution, and compares its result with the CPU's.
pub fn examine(selected: &Selected) -> Examined {
    let device = &selected.device;
    let found = catch_unwind(|| convolved(device)).map_err(|_| "the convolution ended in a panic".to_owned());
    let difference = found.map(|found| {
        let expected = convolved(&Device::flex());
        found.iter().zip(&expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()))
    });
    let wrong = |difference: f32| format!("the convolution differs from the CPU's by {difference}");
    Examined {
        device: selected.name.to_string(),
        precisions: Precision::ALL
            .into_iter()
            .filter(|precision| precision.is_supported(device))
            .map(Precision::name)
            .collect(),
        difference: difference.as_ref().ok().copied(),
        failure: match difference {
            Ok(difference) if difference < TOLERANCE => None,
            Ok(difference) => Some(wrong(difference)),
            Err(reason) => Some(reason),
        },
    }
}

/// The convolution of a sine pattern on a device.
fn convolved(device: &Device) -> Vec<f32> {
    let wave = |shape: [usize; 5], step: f32| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|index: usize| (index as f32 * step).sin()).collect();
        Tensor::<5>::from_data(TensorData::new(values, shape), device)
    };
    let steps = Steps::new([1; 3], [1; 3]);
    let images = convolve(wave([1, 8, 8, 8, 8], 0.37), wave([8, 8, 3, 3, 3], 0.53).mul_scalar(0.1), None, steps);
    images.into_data().try_into_vec().unwrap_or_default()
}

/// NVIDIA GPUs as `nvidia-smi` lists them: name, driver, memory. Empty where that program is missing.
pub fn cards() -> Vec<String> {
    let query = ["--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader"];
    let output = Command::new("nvidia-smi").args(query).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().map(card).collect()
}

/// One line of that list, formatted for people.
fn card(line: &str) -> String {
    match line.split(", ").collect::<Vec<_>>().as_slice() {
        [name, driver, total, free] => {
            format!("{name}, driver {driver}, {} of memory, {} free", gigabytes(total), gigabytes(free))
        }
        _ => line.to_owned(),
    }
}

/// `85.5 GB` of `81559 MiB`, the unit of `nvidia-smi`.
fn gigabytes(size: &str) -> String {
    let mebibytes: Option<f64> = size.strip_suffix(" MiB").and_then(|number| number.parse().ok());
    mebibytes.map_or_else(|| size.to_owned(), |number| format!("{:.1} GB", number * f64::from(1 << 20) / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceName, select};

    #[test]
    fn the_cpu_agrees_with_itself_and_has_every_precision() {
        let examined = examine(&select(DeviceName::Cpu).unwrap());
        assert_eq!((examined.difference, examined.failure), (Some(0.0), None));
        assert_eq!(examined.precisions, ["f32", "bf16", "f16"]);
    }

    #[test]
    fn a_card_is_named_with_driver_and_memory() {
        let line = "NVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB, 80995 MiB";
        assert_eq!(card(line), "NVIDIA H100 80GB HBM3, driver 570.86.15, 85.5 GB of memory, 84.9 GB free");
        assert_eq!(card("odd"), "odd");
    }
}
