//! What a GPU is: its name, what its kernels are compiled for, and its driver. Kernels and self-tests hold for these alone.

use std::path::Path;

use super::{DeviceName, Selected};

/// Where NVIDIA's kernel module describes itself.
const NVIDIA: &str = "/proc/driver/nvidia";

/// Variables by which Vulkan's loader is told which drivers to use.
const VULKAN_DRIVERS: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// Name, target and driver of a GPU in one line; `None` for the CPU. Opens the device.
pub fn identity(selected: &Selected) -> Option<String> {
    if selected.name == DeviceName::Cpu {
        return None;
    }
    let driver = driver().unwrap_or_else(|| "of unknown version".into());
    Some(format!("{}, driver {driver}", part(selected)))
}

/// The part as its runtime names it, with the target of its kernels.
#[cfg(feature = "gpu")]
fn part(selected: &Selected) -> String {
    let found = selected.device.identity();
    found.map_or_else(|| selected.name.to_string(), |found| format!("{} ({})", found.name, found.fingerprint))
}

#[cfg(not(feature = "gpu"))]
fn part(selected: &Selected) -> String {
    selected.name.to_string()
}

/// The drivers of this machine, as far as they can be told without opening a device: NVIDIA's version, and the drivers that Vulkan is
/// told to use.
pub fn driver() -> Option<String> {
    let nvidia = std::fs::read_to_string(Path::new(NVIDIA).join("version")).ok();
    let nvidia = nvidia.as_deref().and_then(nvidia_version).map(|version| format!("nvidia {version}"));
    let vulkan = VULKAN_DRIVERS.iter().find_map(std::env::var_os);
    let vulkan = vulkan.and_then(|path| Some(Path::new(&path).file_stem()?.to_string_lossy().into_owned()));
    let all: Vec<String> = nvidia.into_iter().chain(vulkan).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Whether a driver of [`driver`] computes on the processor: SwiftShader or Mesa's lavapipe.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only GPUs have kernels that are timed"))]
pub(super) fn is_software(driver: &str) -> bool {
    ["swiftshader", "lvp"].iter().any(|name| driver.contains(name))
}

/// Models of the NVIDIA GPUs, each once, sorted.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only GPUs have kernels that are kept"))]
pub(super) fn models() -> Vec<String> {
    let folders = std::fs::read_dir(Path::new(NVIDIA).join("gpus")).into_iter().flatten().flatten();
    let texts = folders.filter_map(|folder| std::fs::read_to_string(folder.path().join("information")).ok());
    let mut models: Vec<String> = texts.filter_map(|text| model(&text).map(str::to_owned)).collect();
    models.sort();
    models.dedup();
    models
}

/// `570.86.15` of `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build …`.
fn nvidia_version(text: &str) -> Option<&str> {
    let is_version = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.lines().next()?.split_whitespace().find(is_version)
}

/// `NVIDIA H200` of the line `Model:    NVIDIA H200`.
fn model(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("Model:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_model_are_read_from_the_kernel_modules_words() {
        let version = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder)\nGCC version: 12.2.0\n";
        assert_eq!(nvidia_version(version), Some("570.86.15"));
        assert_eq!(nvidia_version("something else"), None);
        assert_eq!(model("Model: \t\t NVIDIA H200\nIRQ:   \t\t 16\n"), Some("NVIDIA H200"));
    }

    #[test]
    fn drivers_in_software_are_known_by_their_files() {
        assert!(is_software("vk_swiftshader_icd") && is_software("lvp_icd.x86_64"));
        assert!(!is_software("nvidia 570.86.15") && !is_software("nvidia_icd") && !is_software("radeon_icd.x86_64"));
    }

    #[test]
    fn the_cpu_needs_no_identity() {
        assert_eq!(identity(&crate::select(DeviceName::Cpu).unwrap()), None);
    }
}
