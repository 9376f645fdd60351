//! Devices, and the kernels that Burn lacks on them. The only crate that names a Burn backend.

pub mod add;
pub mod bias;
pub mod conv;
pub mod depthwise;
pub mod examine;
pub mod gate;
pub mod gelu;
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
mod differentiable;
mod isa;
mod math;
mod memory;
mod rows;

use std::fmt;
use std::str::FromStr;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, Tensor};

pub use precision::Precision;

/// A device as users name it: `auto`, `cpu`, `cuda:N`, `vulkan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceName {
    /// The first NVIDIA GPU, or the CPU without one.
    #[default]
    Auto,
    /// Burn's pure-Rust CPU backend (flex).
    Cpu,
    /// An NVIDIA GPU.
    Cuda(usize),
    /// Any GPU with a Vulkan driver.
    Vulkan,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "vulkan" => Ok(Self::Vulkan),
            _ => {
                let index = text.strip_prefix("cuda:").and_then(|index| index.parse().ok());
                index.map(Self::Cuda).ok_or_else(|| format!("unknown device `{text}`: use auto, cpu, cuda:N or vulkan"))
            }
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Vulkan => f.write_str("vulkan"),
        }
    }
}

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

/// A device ready for use.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its name, never `auto`.
    pub name: DeviceName,
    /// Burn's handle, without autodiff.
    pub device: Device,
}

/// Finds a device.
///
/// # Errors
/// The device is not available, or this binary was built without its backend; the message lists the available devices.
pub fn select(wanted: DeviceName) -> Result<Selected, DeviceError> {
    match wanted {
        DeviceName::Auto if cuda_devices() > 0 => select(DeviceName::Cuda(0)),
        DeviceName::Auto | DeviceName::Cpu => Ok(Selected { name: DeviceName::Cpu, device: Device::flex() }),
        DeviceName::Cuda(index) => cuda(index).map_err(|reason| unavailable(wanted, reason)),
        DeviceName::Vulkan => vulkan().map_err(|reason| unavailable(wanted, reason)),
    }
}

/// Names of the available devices.
pub fn available() -> Vec<String> {
    let cuda = (0..cuda_devices()).map(|index| DeviceName::Cuda(index).to_string());
    let vulkan = vulkan().ok().map(|device| device.name.to_string());
    std::iter::once(DeviceName::Cpu.to_string()).chain(cuda).chain(vulkan).collect()
}

/// The GPU features that this binary was built with.
pub fn features() -> Vec<&'static str> {
    let cuda = cfg!(feature = "cuda").then_some("cuda");
    let vulkan = cfg!(feature = "vulkan").then_some("vulkan");
    std::iter::once("flex").chain(cuda).chain(vulkan).collect()
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

/// Whether our own kernels take these images: f32 on the CPU.
fn has_own_kernels<const D: usize>(images: &Tensor<D>) -> bool {
    images.dtype() == DType::F32 && is_cpu(&images.device())
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
        _ => Ok(Selected { name: DeviceName::Cuda(index), device: Device::cuda(index) }),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Selected, String> {
    Err("this binary was built without CUDA (`cargo build --release --features cuda`)".into())
}

#[cfg(feature = "vulkan")]
fn vulkan() -> Result<Selected, String> {
    match Device::enumerate(burn::tensor::DeviceType::Vulkan).into_vec().is_empty() {
        true => Err("no Vulkan driver or no GPU was found".into()),
        false => {
            let device = Device::vulkan(burn::tensor::DeviceKind::DefaultDevice);
            Ok(Selected { name: DeviceName::Vulkan, device })
        }
    }
}

#[cfg(not(feature = "vulkan"))]
fn vulkan() -> Result<Selected, String> {
    Err("this binary was built without Vulkan (`cargo build --release --features vulkan`)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for name in ["auto", "cpu", "cuda:3", "vulkan"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        assert!("gpu".parse::<DeviceName>().unwrap_err().contains("cuda:N"));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_device_is_an_error_that_lists_what_is_there() {
        let message = select(DeviceName::Cuda(1)).unwrap_err().to_string();
        assert!(message.contains("cuda:1") && message.contains("available: cpu"), "{message}");
    }
}
