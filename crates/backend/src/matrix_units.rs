//! Whether a device sums products of 16 bits in 32, as the matrix units of GPUs do.

use burn::tensor::Device;

/// Whether a GPU has units that multiply matrices of 16 bits with sums in 32. Without them, CubeCL 0.11.3 sums gradients of convolutions in
/// 16 bits, whose error grows with the number of voxels (<https://github.com/tracel-ai/burn/issues/5792>). `true` for devices that are no
/// GPUs.
#[cfg(any(feature = "cuda", feature = "vulkan", feature = "wgpu", feature = "cubecl-cpu"))]
pub(super) fn has_matrix_units(device: &Device) -> bool {
    use burn::backend::DispatchDevice;

    let device = device.clone().inner();
    let DispatchDevice::Cube(device) = device.as_dispatch() else { return true };
    let client = device.client();
    let units = &client.features().matmul;
    units.cmma.iter().chain(&units.mma).any(|unit| unit.a_type.size_bits() == 16 && unit.cd_type.size_bits() == 32)
}

/// This binary has no GPU backend.
#[cfg(not(any(feature = "cuda", feature = "vulkan", feature = "wgpu", feature = "cubecl-cpu")))]
pub(super) fn has_matrix_units(_: &Device) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_does_without() {
        assert!(has_matrix_units(&Device::flex()) && has_matrix_units(&Device::flex().autodiff()));
    }
}
