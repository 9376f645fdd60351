//! A short trial of a GPU before its first use: a device that computes wrongly would train to the end and learn nothing, without an error.
//! That it passed is remembered for the device, its driver and this version of segspec.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::backend::{Selected, identity::identity, kernel_cache};
use crate::files;
use crate::observe::event::now;
use crate::selftest::{self, Table};

/// A device is not used, because it computes wrongly.
#[derive(Debug, thiserror::Error)]
#[error(
    "{device} computes something else than the CPU: {complaint}. It is not used: training on it would learn from wrong numbers. Use \
     `--device cpu`, or try another driver; `segspec doctor --full --device {device}` shows every operation"
)]
pub struct Unfit {
    device: String,
    complaint: String,
}

/// Tries each GPU among the devices that has not been tried yet. `tell` is called before a trial with the device's name.
///
/// # Errors
/// A device fails.
pub fn require(selected: &Selected, tell: &mut dyn FnMut(&str)) -> Result<(), Unfit> {
    let folder = kernel_cache::folder();
    for device in selected.all() {
        let Some(identity) = identity(device) else { continue };
        let file = folder.as_deref().map(|folder| file(folder, &identity, env!("CARGO_PKG_VERSION")));
        require_one(&identity, file.as_deref(), &mut || {
            tell(&device.name.to_string());
            selftest::trial(device, &mut |_, _, _| {})
        })?;
    }
    Ok(())
}

/// Where it is remembered that a device passed.
fn file(folder: &Path, identity: &str, version: &str) -> PathBuf {
    folder.join("trials").join(format!("{}.json", hash(&format!("{identity}, segspec {version}"))))
}

/// A short hash of a text.
fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// Tries a device unless its file is there, and writes the file if it passes. A file that cannot be written costs the next trial.
fn require_one(identity: &str, file: Option<&Path>, attempt: &mut dyn FnMut() -> Table) -> Result<(), Unfit> {
    if file.is_some_and(Path::is_file) {
        return Ok(());
    }
    let table = attempt();
    if let Some(complaint) = table.complaint() {
        return Err(Unfit { device: table.device, complaint });
    }
    if let Some(file) = file {
        let content = json!({ "device": identity, "passed": now(), "comparisons": table.rows.len() });
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let _ = written.and_then(|()| files::write_cached(file, content.to_string().as_bytes()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{DeviceName, select};
    use crate::selftest::{Row, Verdict};

    fn table(verdict: Verdict) -> Table {
        let row = Row {
            operation: "softmax",
            shape: "rows of 64".into(),
            precision: "f32",
            result: "gradient 1".into(),
            error: Some(0.7),
            allowed: 1e-5,
            verdict,
        };
        Table { device: "cuda:0".into(), rows: vec![row] }
    }

    #[test]
    fn a_device_that_passes_is_tried_once_for_each_driver() {
        let folder = tempfile::tempdir().unwrap();
        let mut tried = 0;
        for identity in ["H200, driver 1", "H200, driver 1", "H200, driver 2"] {
            let file = file(folder.path(), identity, "0.1.0");
            let mut attempt = || {
                tried += 1;
                table(Verdict::Agrees)
            };
            require_one(identity, Some(&file), &mut attempt).unwrap();
        }
        assert_eq!(tried, 2);
        assert_ne!(file(folder.path(), "H200", "0.1.0"), file(folder.path(), "H200", "0.2.0"));
    }

    #[test]
    fn one_that_fails_is_refused_with_the_operation_and_a_remedy_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), "H200, driver 1", "0.1.0");
        for _ in 0..2 {
            let error = require_one("H200, driver 1", Some(&file), &mut || table(Verdict::Differs)).unwrap_err();
            let text = error.to_string();
            for part in ["cuda:0", "softmax (rows of 64, f32)", "gradient 1 is off by 7.0e-1", "`--device cpu`"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        assert!(!file.exists());
    }

    #[test]
    fn the_cpu_needs_no_trial() {
        let cpu = select(DeviceName::Cpu).unwrap();
        require(&cpu, &mut |device| panic!("{device} was tried")).unwrap();
    }
}
