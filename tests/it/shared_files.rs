//! Every image of the shared data, as `inspect` reads it, against what other libraries read (`tests/reference/files.py`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, shared};

/// Of every file's row: path, channels, shape, checksum, and where the file states it, spacing, origin, axis codes.
fn rows() -> Vec<Value> {
    serde_json::from_str(include_str!("../reference/files.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// Spacing `[z, y, x]` and origin of a stored affine.
fn place(affine: &Value) -> (Vec<f64>, Vec<f64>) {
    let rows: Vec<Vec<f64>> = affine.as_array().unwrap().iter().map(numbers).collect();
    let length = |column: usize| rows.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt();
    ([2, 1, 0].map(length).to_vec(), rows.iter().map(|row| row[3]).collect())
}

fn check(row: &Value, found: &Value) -> Result<(), String> {
    let stored = &found["stored"];
    let differs = |what: &str, found: &Value, expected: &Value| Err(format!("{what} {found} instead of {expected}"));
    for (what, found, expected) in [
        ("channels", &found["channels"], &row[1]),
        ("shape", &stored["shape"], &row[2]),
        ("checksum", &stored["crc32"], &row[3]),
    ] {
        if found != expected {
            return differs(what, found, expected);
        }
    }
    if row.get(4).is_none() {
        return Ok(());
    }
    let (spacing, origin) = place(&stored["affine"]);
    if !close(&spacing, &numbers(&row[4]), 1e-4) || !close(&origin, &numbers(&row[5]), 1e-3) {
        return differs("place", &stored["affine"], row);
    }
    if stored["orientation"] != row[6] { differs("axes", &stored["orientation"], &row[6]) } else { Ok(()) }
}

#[test]
fn every_shared_file_is_read_as_other_libraries_read_it() {
    let Some(data) = shared() else { return };
    let (rows, lab) = (rows(), Lab::new());
    let paths: Vec<PathBuf> = rows.iter().map(|row| data.join(row[0].as_str().unwrap())).collect();
    let arguments: Vec<&str> =
        ["inspect", "--json"].into_iter().chain(paths.iter().filter_map(|path| path.to_str())).collect();
    let ended = lab.end(&arguments);
    let found: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(found.len(), rows.len());
    let mut wrong = Vec::new();
    for (row, found) in rows.iter().zip(&found) {
        let result = match (row[1] == "invalid", found.get("error")) {
            (true, Some(_)) => Ok(()),
            (true, None) => Err("is invalid, and was read".into()),
            (false, Some(error)) => Err(error.to_string()),
            (false, None) => check(row, found),
        };
        wrong.extend(result.err().map(|reason| format!("{}: {reason}", row[0])));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Files of the shared data that are no images: texts, lists, and the numbers of a header that lies beside them.
const OTHERS: [&str; 5] = [".md", ".json", ".csv", ".raw", "LICENSE"];

/// Files below a folder, as paths relative to it.
fn below(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => below(root, &path, found),
            false => drop(found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned())),
        }
    }
}

/// Their values are pinned by the tests of `volume::dicom` and `volume::surface`.
#[test]
fn what_is_no_image_in_the_shared_files_is_a_surface_or_an_object_of_segments() {
    let Some(data) = shared() else { return };
    let mut left = BTreeSet::new();
    below(&data, &data, &mut left);
    for row in rows() {
        left.remove(row[0].as_str().unwrap());
    }
    left.retain(|path| !OTHERS.iter().any(|ending| path.ends_with(ending)));
    let lab = Lab::new();
    for path in &left {
        let ended = lab.end(&["inspect", "--json", data.join(path).to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{path}: {}", ended.err);
        let facts: Value = serde_json::from_str(&ended.out).unwrap();
        match path.ends_with(".stl") {
            true => assert!(facts[0]["surface"]["triangles"].as_u64() > Some(100), "{path}"),
            false => assert_eq!(facts[0]["format"], "DICOM SEG", "{path}"),
        }
    }
    assert_eq!(left.len(), 4 + 6, "{left:?}");
}
