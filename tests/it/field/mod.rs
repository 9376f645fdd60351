//! Inputs that failed, as public bug reports of other tools describe them: every folder of `field`, which lies beside the shared images,
//! gives what its EXPECT.md calls right.

mod dicom;
mod grids;
mod new;
mod runs;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::lab::shared;

/// The sources of these tests; each names the folders that it walks.
const TESTS: [&str; 4] =
    [include_str!("dicom.rs"), include_str!("grids.rs"), include_str!("new.rs"), include_str!("runs.rs")];

/// A folder of the field inputs; `None`, with a printed reason, if it is missing.
fn field(name: &str) -> Option<PathBuf> {
    let folder = shared()?.parent()?.join("field").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no field inputs at {}", folder.display());
    None
}

#[test]
fn every_folder_has_a_test() {
    let Some(root) = field("") else { return };
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let folders: BTreeSet<String> = entries
        .filter(|entry| entry.path().join("EXPECT.md").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let untested: Vec<&String> =
        folders.iter().filter(|name| !TESTS.iter().any(|test| test.contains(&format!("\"{name}")))).collect();
    assert!(untested.is_empty(), "no test walks {untested:?}");
    assert!(folders.len() > 10, "{folders:?}");
}
