//! Energy that a session takes, where the machine tells it: the counters of processors (RAPL, Linux) and the power draw of the GPUs in use
//! (`nvidia-smi`). Others' work on the same machine is counted, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::backend::DeviceName;

/// Where Linux keeps the counters of processors.
const COUNTERS: &str = "/sys/class/powercap";

/// How often they are read: counters begin anew after minutes to hours, and power changes.
const EVERY: Duration = Duration::from_secs(10);

/// Joules by part of the machine, such as `package-0` and `gpu-0`.
pub type Joules = BTreeMap<String, f64>;

/// Counts from its start until it is asked.
pub struct Meter {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Joules>>,
}

impl Meter {
    /// Begins to count for a session on devices. Does nothing where there is nothing to read.
    pub fn start(devices: &[DeviceName]) -> Self {
        Self::of(Path::new(COUNTERS), devices, EVERY)
    }

    fn of(folder: &Path, devices: &[DeviceName], every: Duration) -> Self {
        let gpus = devices.iter().filter_map(|device| gpu_of(*device)).filter(|gpu| watts(*gpu).is_some());
        let (counters, gpus) = (counters(folder), gpus.collect::<Vec<_>>());
        if counters.is_empty() && gpus.is_empty() {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let (mut joules, mut state) = (Joules::new(), State::new(counters, gpus));
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                state.add(&mut joules);
            }
            state.add(&mut joules);
            joules
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// The energy since the start; empty where the machine tells none.
    pub fn stop(mut self) -> Joules {
        drop(self.stop.take());
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// A counter of a processor, in microjoules.
struct Counter {
    name: String,
    file: PathBuf,
    /// It begins anew after this value.
    range: f64,
    last: f64,
}

struct State {
    counters: Vec<Counter>,
    gpus: Vec<usize>,
    at: Instant,
}

impl State {
    fn new(counters: Vec<Counter>, gpus: Vec<usize>) -> Self {
        Self { counters, gpus, at: Instant::now() }
    }

    fn add(&mut self, joules: &mut Joules) {
        for counter in &mut self.counters {
            let Some(now) = number(&counter.file) else { continue };
            let grown = if now < counter.last { now + counter.range - counter.last } else { now - counter.last };
            counter.last = now;
            *joules.entry(counter.name.clone()).or_default() += grown * 1e-6;
        }
        let seconds = self.at.elapsed().as_secs_f64();
        self.at = Instant::now();
        for (gpu, watts) in self.gpus.iter().filter_map(|gpu| Some((gpu, watts(*gpu)?))) {
            *joules.entry(format!("gpu-{gpu}")).or_default() += watts * seconds;
        }
    }
}

/// The packages of processors whose counters may be read.
fn counters(folder: &Path) -> Vec<Counter> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // `intel-rapl:0` is a package, `intel-rapl:0:0` a part of it.
    let is_package = |path: &PathBuf| {
        path.file_name().is_some_and(|name| {
            name.to_string_lossy().strip_prefix("intel-rapl:").is_some_and(|rest| !rest.contains(':'))
        })
    };
    let counter = |path: PathBuf| {
        let (file, range) = (path.join("energy_uj"), number(&path.join("max_energy_range_uj")).unwrap_or(0.0));
        let name = fs::read_to_string(path.join("name")).ok()?.trim().to_owned();
        Some(Counter { name, range, last: number(&file)?, file })
    };
    let mut found: Vec<Counter> = entries.filter(is_package).filter_map(counter).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn number(file: &Path) -> Option<f64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn gpu_of(device: DeviceName) -> Option<usize> {
    match device {
        DeviceName::Cuda(index) => Some(index),
        _ => None,
    }
}

/// Power that a GPU draws.
fn watts(gpu: usize) -> Option<f64> {
    ask("power.draw", gpu)?.parse().ok()
}

/// Name and driver of the GPU of a device.
pub fn gpu(device: DeviceName) -> Option<String> {
    ask("name,driver_version", gpu_of(device)?)
}

/// Properties of a GPU, as `nvidia-smi` prints them.
fn ask(what: &str, gpu: usize) -> Option<String> {
    let asked = Command::new("nvidia-smi")
        .args([&format!("--query-gpu={what}"), "--format=csv,noheader,nounits", "--id", &gpu.to_string()])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    (asked.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_also_where_they_begin_anew() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("intel-rapl:0");
        for path in [package.clone(), folder.path().join("intel-rapl:0:0"), folder.path().join("dtpm")] {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("name"), "package-0\n").unwrap();
            fs::write(path.join("max_energy_range_uj"), "10000000").unwrap();
            fs::write(path.join("energy_uj"), "9000000\n").unwrap();
        }
        let mut state = State::new(counters(folder.path()), Vec::new());
        let mut joules = Joules::new();
        for value in ["9500000", "500000", "2500000"] {
            fs::write(package.join("energy_uj"), value).unwrap();
            state.add(&mut joules);
        }
        assert_eq!(joules, Joules::from([("package-0".into(), 3.5)]));
        let meter = Meter::of(folder.path(), &[DeviceName::Cpu], Duration::from_secs(60));
        fs::write(package.join("energy_uj"), "4500000").unwrap();
        assert_eq!(meter.stop(), Joules::from([("package-0".into(), 2.0)]));
        assert!(Meter::of(Path::new("/nowhere"), &[DeviceName::Cpu], EVERY).stop().is_empty());
    }
}
