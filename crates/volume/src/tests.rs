//! All readers, on every kind of file.

mod bounds;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::dicom::Choice;
use super::{facts, read_label_map, read_segments};
use segspec_testing::damage::survive;

/// One file of each kind below a folder: the smallest of every ending in every folder.
fn kinds(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut smallest = BTreeMap::<String, (u64, PathBuf)>::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let (path, size) = (entry.path(), entry.metadata().unwrap().len());
        if path.is_dir() {
            kinds(&path, found);
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // DICOM files have numbers as endings, or none.
        let ending = name.split_once('.').map_or("", |(_, ending)| ending).trim_matches(|c: char| !c.is_alphabetic());
        let kind = smallest.entry(ending.to_owned()).or_insert((u64::MAX, PathBuf::new()));
        *kind = (size, path).min(kind.clone());
    }
    found.extend(smallest.into_values().map(|(_, path)| path));
}

/// Kinds of which many small files lie in one folder: each of them is its own.
const VARIED: [&str; 3] = ["formats/nifti_rs/27", "formats/nrrd_pynrrd", "dicomseg_dcmqi"];

#[test]
fn every_kind_of_shared_file_survives_damage() {
    let Some(root) = segspec_testing::data() else { return };
    let mut files = Vec::new();
    kinds(&root, &mut files);
    for folder in VARIED {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.is_file()));
    }
    files.sort();
    files.dedup();
    assert!(files.len() > 90, "{}", files.len());
    files.par_iter().for_each(|file| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file.file_name().unwrap());
        let bytes = std::fs::read(file).unwrap();
        if path.extension().is_some_and(|ending| ending == "nhdr") {
            // Its data lie beside it.
            for other in std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
                std::fs::copy(&other, folder.path().join(other.file_name().unwrap())).unwrap();
            }
        }
        let rounds = if bytes.len() > 1 << 19 { 6 } else { 24 };
        std::fs::write(&path, &bytes).unwrap();
        survive(&path, rounds, |path| {
            let _ = read_label_map(path);
            let _ = read_segments(path);
            facts(path, &Choice::default())
        });
    });
    // The largest image of the set takes 60 MB; damaged headers claim gigabytes.
    assert!(peak_memory() < 1 << 30, "{} bytes", peak_memory());
}

/// Largest resident memory of this process, in bytes; 0 where the system does not tell. Each test is a process (nextest).
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    line.unwrap_or(0_usize) * 1024
}
