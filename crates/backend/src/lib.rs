//! Devices, and the kernels that Burn lacks on them. The only crate that names a Burn backend.

pub mod add;
pub mod bias;
pub mod conv;
pub mod depthwise;
pub mod examine;
pub mod gate;
pub mod gelu;
pub mod identity;
pub mod join;
pub mod kernel_cache;
pub mod norm;
pub mod pool;
pub mod precision;
pub mod prelu;
pub mod resize;
pub mod soft;
pub mod softmax;
pub mod token_norm;
mod channels_last;
mod composed;
mod differentiable;
mod isa;
mod math;
mod matrix_units;
mod memory;
mod names;
mod rows;
mod selected;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Tensor};

pub use composed::composed;
pub use names::{DeviceName, DeviceNames};
pub use precision::Precision;
pub use selected::Selected;

/// A device that was asked for is not available.
#[derive(Debug, thiserror::Error)]
#[error("device `{wanted}` is not available: {reason}; available: {}", available.join(", "))]
pub struct DeviceError {
    wanted: DeviceName,
    reason: String,
    available: Vec<String>,
}

impl DeviceError {
    /// Why the device is not available.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// What to do where a device computes wrongly; the kernels for Vulkan need an extension of the driver (docs/gpu.md).
pub fn way_out(is_vulkan: bool) -> &'static str {
    match is_vulkan {
        true => {
            "Use `--device cpu`, a driver with VK_KHR_workgroup_memory_explicit_layout, or a build with `--features wgpu`, which does without it"
        }
        false => "Use `--device cpu`, or try another driver",
    }
}

/// Finds devices: the first, with the others beside it.
///
/// # Errors
/// As [`select`].
pub fn select_all(wanted: &DeviceNames) -> Result<Selected, DeviceError> {
    let beside = wanted.all().iter().skip(1).map(|name| select(*name)).collect::<Result<_, DeviceError>>()?;
    Ok(Selected { beside, ..select(wanted.first())? })
}

/// Finds a device.
///
/// # Errors
/// The device is not available, or this binary was built without its backend; the message lists the available devices.
pub fn select(wanted: DeviceName) -> Result<Selected, DeviceError> {
    match wanted {
        DeviceName::Auto if cuda_devices() > 0 => select(DeviceName::Cuda(0)),
        DeviceName::Auto | DeviceName::Cpu => Ok(Selected::alone(DeviceName::Cpu, Device::flex())),
        DeviceName::Cuda(index) => cuda(index).map_err(|reason| unavailable(wanted, reason)),
        DeviceName::Vulkan => vulkan().map_err(|reason| unavailable(wanted, reason)),
        DeviceName::Wgpu => wgpu().map_err(|reason| unavailable(wanted, reason)),
        DeviceName::CubeclCpu => cubecl_cpu().map_err(|reason| unavailable(wanted, reason)),
    }
}

/// Names of the available devices.
pub fn available() -> Vec<String> {
    let cuda = (0..cuda_devices()).map(|index| DeviceName::Cuda(index).to_string());
    let others = [vulkan(), wgpu(), cubecl_cpu()].into_iter().flatten().map(|device| device.name.to_string());
    std::iter::once(DeviceName::Cpu.to_string()).chain(cuda).chain(others).collect()
}

/// The GPU features that this binary was built with.
pub fn features() -> Vec<&'static str> {
    let cuda = cfg!(feature = "cuda").then_some("cuda");
    let vulkan = cfg!(feature = "vulkan").then_some("vulkan");
    let wgpu = cfg!(feature = "wgpu").then_some("wgpu");
    let cubecl_cpu = cfg!(feature = "cubecl-cpu").then_some("cubecl-cpu");
    std::iter::once("flex").chain(cuda).chain(vulkan).chain(wgpu).chain(cubecl_cpu).collect()
}

/// Sets up the process for devices. Called once, before any thread is started and any device is used. Returns a warning for the user,
/// if any.
pub fn set_up() -> Option<String> {
    pin_default_device();
    isa::complaint().or(kernel_cache::keep().map(str::to_owned))
}

/// Name of the instruction set that the CPU's kernels use.
pub fn instruction_set() -> &'static str {
    isa::Isa::detect().name()
}

/// Makes the CPU Burn's default device. Otherwise it would be the first GPU backend compiled in, which panics on a machine without its
/// driver.
fn pin_default_device() {
    // SAFETY: `main` calls `set_up` first, while the process has a single thread.
    unsafe { std::env::set_var("BURN_DEVICE", "flex") };
}

/// Runs work on the thread from which its device is fastest. For the CPU that is a thread of the kernels' pool: from any other thread,
/// each of the hundreds of kernels of a training step would be handed to the pool and waited for.
pub fn near<R: Send>(device: &Device, work: impl FnOnce() -> R + Send) -> R {
    match is_cpu(device) {
        true => rayon::scope(|_| work()),
        false => work(),
    }
}

/// Waits until a device has finished its work: GPUs compute asynchronously. A failure of the device shows at its next use.
pub fn wait(device: &Device) {
    let _ = device.clone().inner().sync();
}

/// Peak memory so far in bytes: the size of a GPU's memory pool, which never shrinks by itself, or the process's peak resident memory;
/// `None` where the system does not report it.
pub fn peak_bytes(device: &Device) -> Option<u64> {
    if let Some(pool) = device.clone().inner().memory_pool_usage() {
        return Some(pool.bytes_reserved);
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn is_cpu(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Whether our own kernels are for this device: the CPU, unless Burn's operations were asked for ([`composed`]).
fn is_own(device: &Device) -> bool {
    is_cpu(device) && !composed::is_composed()
}

/// Whether our own kernels take these images: f32 on the CPU.
fn has_own_kernels<const D: usize>(images: &Tensor<D>) -> bool {
    images.dtype() == DType::F32 && is_own(&images.device())
}

fn unavailable(wanted: DeviceName, reason: String) -> DeviceError {
    DeviceError { wanted, reason, available: available() }
}

/// Number of NVIDIA GPUs; 0 without the feature `cuda`.
#[cfg(feature = "cuda")]
pub fn cuda_devices() -> usize {
    Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().len()
}

/// Number of NVIDIA GPUs; 0 without the feature `cuda`.
#[cfg(not(feature = "cuda"))]
pub fn cuda_devices() -> usize {
    0
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Selected, String> {
    match cuda_devices() {
        0 => Err("no NVIDIA driver or no GPU was found".into()),
        count if index >= count => Err(format!("there are {count} NVIDIA GPUs, counted from 0")),
        _ => Ok(Selected::alone(DeviceName::Cuda(index), Device::cuda(index))),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Selected, String> {
    Err("this binary was built without CUDA (`cargo build --release --features cuda`)".into())
}

#[cfg(feature = "vulkan")]
fn vulkan() -> Result<Selected, String> {
    let none = "no Vulkan driver or no GPU was found";
    first(DeviceName::Vulkan, burn::tensor::DeviceType::Vulkan, Device::vulkan, none)
}

#[cfg(not(feature = "vulkan"))]
fn vulkan() -> Result<Selected, String> {
    Err("this binary was built without Vulkan (`cargo build --release --features vulkan`)".into())
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Selected, String> {
    let none = "no GPU with a driver for Vulkan, Metal or DirectX was found";
    first(DeviceName::Wgpu, burn::tensor::DeviceType::Wgpu, Device::wgpu, none)
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Selected, String> {
    Err("this binary was built without wgpu (`cargo build --release --features wgpu`)".into())
}

/// The device that its runtime takes by default; `none` says that there is none of this kind.
#[cfg(any(feature = "vulkan", feature = "wgpu"))]
fn first(
    name: DeviceName,
    kind: burn::tensor::DeviceType,
    open: impl Fn(burn::tensor::DeviceKind) -> Device,
    none: &str,
) -> Result<Selected, String> {
    match Device::enumerate(kind).into_vec().is_empty() {
        true => Err(none.into()),
        false => Ok(Selected::alone(name, open(burn::tensor::DeviceKind::DefaultDevice))),
    }
}

#[cfg(feature = "cubecl-cpu")]
fn cubecl_cpu() -> Result<Selected, String> {
    Ok(Selected::alone(DeviceName::CubeclCpu, Device::cpu()))
}

#[cfg(not(feature = "cubecl-cpu"))]
fn cubecl_cpu() -> Result<Selected, String> {
    Err("this binary was built without it (`cargo build --release --features cubecl-cpu`)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_beside_the_first_keep_their_order() {
        let names: DeviceNames = "cpu:0,cpu:1,cpu:2".parse().unwrap();
        let selected = select_all(&names).unwrap();
        assert_eq!((selected.names(), selected.all().count(), selected.beside.len()), (names, 3, 2));
        assert_eq!(select(DeviceName::Cpu).unwrap().names().to_string(), "cpu");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_device_is_an_error_that_lists_what_is_there() {
        let message = select(DeviceName::Cuda(1)).unwrap_err().to_string();
        assert!(message.contains("cuda:1") && message.contains("available: cpu"), "{message}");
    }
}
