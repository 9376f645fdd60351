//! A short trial of a GPU before its first use: a device that computes wrongly would train to the end and learn nothing, without an error.
//! What it found is remembered for the device, its driver and this version of segspec. Every computation needs 32 bits: a device that fails there
//! is not used; one that fails in 16 is used in the others. The trial has a process of its own, because a driver that cannot compile a kernel
//! may end the process.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

use crate::backend::{self, Precision, Selected, identity::identity, kernel_cache};
use crate::files;
use crate::observe::event::now;
use crate::selftest::{self, Step};

/// Version of segspec and, after the comma, of what a trial tries: a device that passed an easier one is tried again.
const TRIAL: &str = concat!(env!("CARGO_PKG_VERSION"), ", 2");

/// The result of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Number of comparisons.
    comparisons: usize,
    /// What is wrong with the device in 32 bits, if anything is.
    complaint: Option<String>,
    /// Precisions of 16 bits in which it computes wrongly.
    #[serde(default)]
    unfit: Vec<(Precision, String)>,
}

/// What the process of a trial writes: an operation before it is tried, and the result at the end.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Operation(String),
    Result(Trial),
}

/// A device is not used, because it computes wrongly.
#[derive(Debug, thiserror::Error)]
#[error(
    "{device} failed its trial: {complaint}. It is not used: a training on it would crash, or learn from wrong numbers. {}; \
     `segspec doctor --full --device {device}` tries every operation",
    backend::way_out(device == "vulkan")
)]
pub struct Unfit {
    device: String,
    complaint: String,
}

/// Tries each GPU among the devices that has not been tried yet, and returns them with the precisions in which they are not to be used. `tell`
/// is called before a trial with the device's name.
///
/// # Errors
/// A device fails in 32 bits.
pub fn require(mut selected: Selected, tell: &mut dyn FnMut(&str)) -> Result<Selected, Unfit> {
    let beside = std::mem::take(&mut selected.beside);
    selected.beside = beside.into_iter().map(|device| require(device, tell)).collect::<Result<_, _>>()?;
    let Some(identity) = identity(&selected) else { return Ok(selected) };
    let file = kernel_cache::folder().map(|folder| file(&folder, &identity, TRIAL));
    let name = selected.name.to_string();
    selected.unfit = require_one(&name, &identity, file.as_deref(), &mut || {
        tell(&name);
        // Where no second process can have the device (exclusive mode of NVIDIA's driver), this one tries it.
        elsewhere(&name).unwrap_or_else(|| here(&selected, &mut |_| {}))
    })?;
    Ok(selected)
}

/// Tries a device in this process. `tell` is called before each operation.
fn here(device: &Selected, tell: &mut dyn FnMut(&str)) -> Trial {
    let table = selftest::trial(device, &mut |step| {
        if let Step::Begins { operation, .. } = step {
            tell(operation);
        }
    });
    let halves = Precision::ALL.into_iter().filter(|precision| *precision != Precision::F32);
    Trial {
        comparisons: table.rows.len(),
        complaint: table.complaint(Precision::F32),
        unfit: halves.filter_map(|precision| Some((precision, table.complaint(precision)?))).collect(),
    }
}

/// The trial as the process of its own that [`require`] starts: writes operations and the result to `out`.
pub fn tell_of(device: &Selected, out: &mut dyn Write) -> std::io::Result<()> {
    let mut failed = None;
    let mut line = |line: &Line| {
        let written = serde_json::to_string(line).map_err(Into::into).and_then(|text| writeln!(out, "{text}"));
        failed = failed.take().or(written.and_then(|()| out.flush()).err());
    };
    let trial = here(device, &mut |operation| line(&Line::Operation(operation.to_owned())));
    line(&Line::Result(trial));
    failed.map_or(Ok(()), Err)
}

/// Tries a device in another process of this program; `None` if that process could not do it.
fn elsewhere(name: &str) -> Option<Trial> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command
        .args(["doctor", "--trial", "--device", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let (mut last, mut result) = (None, None);
    for text in BufReader::new(child.stdout.take()?).lines().map_while(Result::ok) {
        match serde_json::from_str(&text) {
            Ok(Line::Operation(operation)) => last = Some(operation),
            Ok(Line::Result(trial)) => result = Some(trial),
            Err(_) => {}
        }
    }
    outcome(child.wait().ok()?, last.as_deref(), result)
}

/// What the end of a trial's process says, with the operation that it was at.
fn outcome(ended: ExitStatus, last: Option<&str>, result: Option<Trial>) -> Option<Trial> {
    let crashed = || {
        let reason = format!("its driver crashed ({ended}) at the operation `{}`", last?);
        Some(Trial { comparisons: 0, complaint: Some(reason), unfit: Vec::new() })
    };
    match ended.code() {
        Some(_) => result,
        None => crashed(),
    }
}

/// Where it is remembered what the trial of a device found.
fn file(folder: &Path, identity: &str, version: &str) -> PathBuf {
    folder.join("trials").join(format!("{}.json", hash(&format!("{identity}, segspec {version}"))))
}

/// A short hash of a text.
fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// What is remembered.
#[derive(Serialize, Deserialize)]
struct Remembered {
    device: String,
    passed: String,
    comparisons: usize,
    #[serde(default)]
    unfit: Vec<(Precision, String)>,
}

/// Tries a device unless its file is there, and writes the file if it passes in 32 bits. A file that cannot be written costs the next trial.
/// Returns the precisions in which it fails.
fn require_one(
    device: &str,
    identity: &str,
    file: Option<&Path>,
    attempt: &mut dyn FnMut() -> Trial,
) -> Result<Vec<(Precision, String)>, Unfit> {
    let known = file.and_then(|file| serde_json::from_slice::<Remembered>(&std::fs::read(file).ok()?).ok());
    if let Some(known) = known {
        return Ok(known.unfit);
    }
    let trial = attempt();
    if let Some(complaint) = trial.complaint {
        return Err(Unfit { device: device.to_owned(), complaint });
    }
    if let Some(file) = file {
        let (comparisons, unfit) = (trial.comparisons, trial.unfit.clone());
        let remembered = Remembered { device: identity.to_owned(), passed: now(), comparisons, unfit };
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let _ = written.and_then(|()| files::write_cached(file, &serde_json::to_vec(&remembered)?));
    }
    Ok(trial.unfit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{DeviceName, select};

    fn trial(complaint: Option<&str>) -> Trial {
        Trial { comparisons: 40, complaint: complaint.map(str::to_owned), unfit: Vec::new() }
    }

    #[test]
    fn a_device_that_passes_is_tried_once_for_each_driver() {
        let folder = tempfile::tempdir().unwrap();
        let mut tried = 0;
        for identity in ["H200, driver 1", "H200, driver 1", "H200, driver 2"] {
            let file = file(folder.path(), identity, "0.1.0");
            let mut attempt = || {
                tried += 1;
                trial(None)
            };
            require_one("cuda:0", identity, Some(&file), &mut attempt).unwrap();
        }
        assert_eq!(tried, 2);
        assert_ne!(file(folder.path(), "H200", "0.1.0"), file(folder.path(), "H200", "0.2.0"));
    }

    #[test]
    fn one_that_fails_is_refused_with_the_operation_and_a_remedy_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), "H200, driver 1", "0.1.0");
        for _ in 0..2 {
            let complaint = "softmax (rows of 64, f32): gradient 1 is off by 7.0e-1";
            let mut attempt = || trial(Some(complaint));
            let error = require_one("cuda:0", "H200, driver 1", Some(&file), &mut attempt).unwrap_err();
            let text = error.to_string();
            for part in ["cuda:0", "softmax (rows of 64, f32)", "gradient 1 is off by 7.0e-1", "`--device cpu`"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        assert!(!file.exists());
        let of = |device: &str| Unfit { device: device.to_owned(), complaint: "softmax fails".into() }.to_string();
        assert!(of("vulkan").contains("--features wgpu") && !of("wgpu").contains("--features"));
    }

    #[test]
    fn one_that_fails_in_16_bits_is_used_in_32_and_that_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), "lavapipe", "0.1.0");
        let unfit = vec![(Precision::F16, "convolution: gradient 1 is off by 1.0e-2".to_owned())];
        let mut tried = 0;
        for _ in 0..2 {
            let mut attempt = || {
                tried += 1;
                Trial { unfit: unfit.clone(), ..trial(None) }
            };
            assert_eq!(require_one("wgpu", "lavapipe", Some(&file), &mut attempt).unwrap(), unfit);
        }
        assert_eq!(tried, 1);
        // As earlier versions wrote it, and one that was cut.
        for (text, expected) in [(r#"{"device": "x", "passed": "now", "comparisons": 40}"#, 1), ("{\"device", 2)] {
            std::fs::write(&file, text).unwrap();
            let mut attempt = || {
                tried += 1;
                trial(None)
            };
            assert_eq!(require_one("wgpu", "lavapipe", Some(&file), &mut attempt).unwrap(), []);
            assert_eq!(tried, expected, "{text}");
        }
    }

    #[test]
    fn the_cpu_needs_no_trial() {
        let cpu = select(DeviceName::Cpu).unwrap();
        let cpu = require(cpu, &mut |device| panic!("{device} was tried")).unwrap();
        assert_eq!(cpu.unfit, []);
    }

    #[test]
    fn the_process_of_a_trial_tells_operations_and_the_result() {
        let mut out = Vec::new();
        tell_of(&select(DeviceName::Cpu).unwrap(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (last, operations) = lines.split_last().unwrap();
        assert!(operations.len() > 20 && operations.iter().all(|line| matches!(line, Line::Operation(_))));
        assert!(
            matches!(last, Line::Result(Trial { complaint: None, comparisons, unfit }) if *comparisons == operations.len() && unfit.is_empty())
        );
    }

    /// A driver may end the process: then the device is refused; what ends otherwise without a result is tried here.
    #[test]
    #[cfg(unix)]
    fn a_process_that_crashes_says_where() {
        use std::os::unix::process::ExitStatusExt;
        let signal = ExitStatus::from_raw(11);
        let found = outcome(signal, Some("convolution"), None).unwrap().complaint.unwrap();
        assert!(
            found.contains("crashed") && found.contains("signal: 11") && found.contains("`convolution`"),
            "{found}"
        );
        assert_eq!(outcome(ExitStatus::from_raw(1 << 8), None, None), None, "the device is another process's");
        assert_eq!(outcome(ExitStatus::from_raw(0), Some("softmax"), Some(trial(None))), Some(trial(None)));
        assert_eq!(outcome(signal, None, None), None, "it did not come to the device");
    }
}
