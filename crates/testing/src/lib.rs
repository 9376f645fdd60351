//! What the unit tests of several crates have in common. No part of the program.

pub mod browser;
pub mod damage;

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};

/// Folder of real images for tests: `SEGSPEC_TEST_DATA`, else `shared/data` beside the repository. None, with a word to
/// the person, where there is no such folder.
pub fn data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("SEGSPEC_TEST_DATA").map_or_else(beside, PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no test images at {}", root.display());
    None
}

/// CRC-32 of a name (IEEE 802.3).
fn crc32(name: &str) -> u32 {
    let byte = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    !name.bytes().fold(!0, byte)
}

/// Numbers in ±1 that depend on a name and on nothing else: `noise` of `tests/reference/architecture.py`.
pub fn noise(name: &str, count: usize) -> impl Iterator<Item = f64> + use<> {
    let start = crc32(name);
    (0..count as u32).map(move |index| {
        let mut x = start.wrapping_add(index).wrapping_mul(2_654_435_761);
        x ^= x >> 15;
        x = x.wrapping_mul(2_246_822_519);
        x ^= x >> 13;
        f64::from(x) / f64::from(1u32 << 31) - 1.0
    })
}

/// A tensor of numbers with a mean and a standard deviation, the same in every run of the tests; of other means other numbers.
pub fn drawn<const D: usize>(shape: [usize; D], [mean, deviation]: [f64; 2], device: &Device) -> Tensor<D> {
    let count = shape.iter().product();
    let [a, b, c] = ["a", "b", "c"].map(|name| noise(&format!("{name} {mean} {deviation}"), count));
    // Three uniform numbers in ±1 together have a variance of 1.
    let values: Vec<f32> = a.zip(b).zip(c).map(|((a, b), c)| (mean + deviation * (a + b + c)) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Numbers of a name, with a standard deviation of 1, that a gradient is wanted of; on the CPU.
pub fn drawn_leaf<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
    let values: Vec<f32> = noise(name, shape.iter().product()).map(|value| (value * 3f64.sqrt()) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

/// A result, and the gradients of leaves where the result's differs everywhere.
pub fn differentiated<const D: usize, const L: usize>(output: Tensor<D>, leaves: &[&Tensor<L>]) -> Vec<TensorData> {
    let gradient = drawn_leaf("gradient", output.dims()).detach();
    let grads = (output.clone() * gradient).sum().backward();
    let of = |leaf: &&Tensor<L>| leaf.grad(&grads).expect("a gradient").into_data();
    std::iter::once(output.into_data()).chain(leaves.iter().map(of)).collect()
}

/// Asserts that results differ by no more than a part of the largest value.
pub fn assert_alike(found: &[TensorData], expected: &[TensorData], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.shape(), expected.shape(), "result {index}");
        let [found, expected] = [found, expected].map(|data| data.as_slice::<f32>().expect("f32"));
        let scale = expected.iter().fold(1e-3f32, |most, value| most.max(value.abs()));
        let worst = found.iter().zip(expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(worst <= tolerance * scale, "result {index} differs by {worst} of {scale}");
    }
}
