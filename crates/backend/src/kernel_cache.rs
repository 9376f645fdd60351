//! Compiled GPU kernels and autotuning results, kept between runs: compiling kernels and timing the candidates takes minutes at first.
//! The chosen candidate affects the last bits of results, so that a run's manifest names the file. There is one file for each driver and
//! set of cards: CubeCL tells only architectures apart, and what was fastest or correct with one driver need not be with the next.

use std::path::PathBuf;

use super::DeviceName;

/// Environment variable with the folder; without it, the folder lies in the user's cache.
const VARIABLE: &str = "SEGSPEC_KERNEL_CACHE";

/// Keeps kernels from now on, or says why not. Called once, before a device is used. Other settings of CubeCL come from
/// `cubecl.toml`.
#[cfg(feature = "gpu")]
pub(super) fn keep() -> Option<&'static str> {
    use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};

    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    let is_set = std::env::var_os(VARIABLE).is_some() || matches!(config.environment.path, CacheConfig::Target);
    if let Some(folder) = place().filter(|_| is_set) {
        config.environment.path = CacheConfig::Directory(folder);
    }
    let is_named = config.environment.name != CubeClRuntimeConfig::default().environment.name;
    if !is_named {
        config.environment.name = name(super::identity::models(), super::identity::driver());
    }
    config.compilation.cache = true;
    let is_software = super::identity::driver().is_some_and(|driver| super::identity::is_software(&driver));
    if is_software || cfg!(feature = "cubecl-cpu") {
        tune_in_software(&mut config.autotune);
    }
    let is_late = !CubeClRuntimeConfig::try_set(config);
    is_late.then_some("kernels are kept in CubeCL's own folder: it was asked for before segspec set its own")
}

/// Settings for devices in software. Candidates take seconds each there and differ by far more than timings do: one timing of each says
/// enough. At the level `full` alone, CubeCL does not first measure what the device can do at most, which takes minutes for each kernel
/// there, and more memory than SwiftShader has.
#[cfg(feature = "gpu")]
fn tune_in_software(autotune: &mut cubecl_runtime::config::autotune::AutotuneConfig) {
    use cubecl_runtime::config::autotune::AutotuneLevel;

    autotune.bench.min_samples = 1;
    autotune.bench.max_samples = 1;
    if std::env::var_os("CUBECL_AUTOTUNE_LEVEL").is_none() {
        autotune.level = AutotuneLevel::Full;
    }
}

/// Without a GPU backend there is nothing to keep.
#[cfg(not(feature = "gpu"))]
pub(super) fn keep() -> Option<&'static str> {
    None
}

/// The database of a GPU's kernels; `None` for the CPU, whose kernels are compiled with the program.
#[cfg(feature = "gpu")]
pub fn file(device: DeviceName) -> Option<PathBuf> {
    use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig};

    let environment = &CubeClRuntimeConfig::get().environment;
    let file = || environment.path.root().join(format!("{}.db", environment.name));
    (device != DeviceName::Cpu).then(file)
}

/// The database of a GPU's kernels: this binary has no GPU backend.
#[cfg(not(feature = "gpu"))]
pub fn file(_: DeviceName) -> Option<PathBuf> {
    None
}

/// Folder of what is known of this machine's GPUs: kernels, and which devices passed their trial; `None` without a home folder.
pub fn folder() -> Option<PathBuf> {
    place()
}

/// Name of the file: cards and driver in lower case; `default` where they are unknown.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only GPUs have such kernels"))]
fn name(cards: Vec<String>, driver: Option<String>) -> String {
    let words: Vec<String> = cards.into_iter().chain(driver).collect();
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let name: String = words.join(" ").chars().map(letter).collect();
    if name.is_empty() { "default".into() } else { name }
}

/// The folder, from the environment.
fn place() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    choose([variable(VARIABLE), variable("XDG_CACHE_HOME"), std::env::home_dir()])
}

/// The folder that was asked for, else one in the cache folder, else one in the home folder's cache.
fn choose([asked, cache, home]: [Option<PathBuf>; 3]) -> Option<PathBuf> {
    let cache = cache.or_else(|| home.map(|home| home.join(".cache")));
    asked.or_else(|| cache.map(|cache| cache.join("segspec/kernels")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_asked_for_wins_then_the_cache_then_the_home() {
        let [asked, cache, home] = ["/scratch/k", "/var/cache/me", "/home/me"].map(|path| Some(PathBuf::from(path)));
        assert_eq!(choose([asked.clone(), cache.clone(), home.clone()]), asked);
        assert_eq!(choose([None, cache, home.clone()]), Some("/var/cache/me/segspec/kernels".into()));
        assert_eq!(choose([None, None, home]), Some("/home/me/.cache/segspec/kernels".into()));
        assert_eq!(choose([None, None, None]), None);
    }

    #[test]
    fn each_driver_and_set_of_cards_has_its_own_file() {
        let cards = || vec!["NVIDIA H200".to_owned()];
        assert_eq!(name(cards(), Some("nvidia 570.86.15".into())), "nvidia-h200-nvidia-570.86.15");
        assert_eq!(name(Vec::new(), Some("vk_swiftshader_icd".into())), "vk-swiftshader-icd");
        assert_eq!(name(Vec::new(), None), "default");
    }

    #[test]
    fn the_cpu_keeps_no_kernels() {
        assert_eq!(file(DeviceName::Cpu), None);
    }

    #[test]
    #[cfg(feature = "gpu")]
    fn a_gpu_keeps_its_kernels_in_that_folder() {
        keep();
        let name = format!("{}.db", name(crate::identity::models(), crate::identity::driver()));
        assert_eq!(file(DeviceName::Cuda(0)), place().map(|place| place.join(name)));
    }
}
