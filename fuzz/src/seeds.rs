//! Sound files to begin with: those in the repository's reference tables, its specs, and small real files where there are any.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::dress::{Dress, Seed};
use crate::frames::Frame;
use crate::{Reader, scratch};

/// Larger files teach a mutation nothing and take its time.
const LARGEST: u64 = 64 << 10;

/// The seeds of a reader, always in the same order.
pub fn of(reader: &Reader) -> Vec<Seed> {
    match reader.name {
        "frames" => frames(),
        "runs" => runs().into_iter().map(|text| plain(text.into_bytes())).collect(),
        "names" => NAMES.iter().map(|text| plain(text.as_bytes().to_vec())).collect(),
        "spec" => specs().into_iter().map(plain).collect(),
        _ => files(reader),
    }
}

fn plain(content: Vec<u8>) -> Seed {
    Seed { content, dress: Dress::Plain }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tables() -> Vec<Value> {
    let names = ["nifti", "nrrd_files", "dicom", "raster", "surface", "contours"];
    let path = |name: &str| repository().join("tests/reference").join(format!("{name}.json"));
    names.iter().filter_map(|name| serde_json::from_slice(&fs::read(path(name)).ok()?).ok()).collect()
}

fn files(reader: &Reader) -> Vec<Seed> {
    let mut contents = BTreeSet::new();
    tables().iter().for_each(|table| coded(table, &mut contents));
    if let Some(root) = std::env::var_os("SEGSPEC_TEST_DATA") {
        below(Path::new(&root), &mut contents);
    }
    let path = scratch("seed");
    let mut seeds = Vec::new();
    for content in contents {
        if fs::write(&path, &content).is_ok() && (reader.takes)(&path) {
            seeds.extend(Seed::all(content));
        }
    }
    let _ = fs::remove_file(path);
    seeds
}

/// Every file in a table: base64, some of them compressed once more.
fn coded(value: &Value, found: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::String(text) if text.len() >= 64 => {
            let Ok(bytes) = BASE64_STANDARD.decode(text) else { return };
            let mut inner = Vec::new();
            if GzDecoder::new(bytes.as_slice()).read_to_end(&mut inner).is_ok() {
                found.insert(inner);
            }
            found.insert(bytes);
        }
        Value::Array(items) => items.iter().for_each(|item| coded(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| coded(item, found)),
        _ => {}
    }
}

/// Small files of a folder.
fn below(folder: &Path, found: &mut BTreeSet<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            below(&entry.path(), found);
        } else if metadata.len() <= LARGEST {
            found.extend(fs::read(entry.path()));
        }
    }
}

fn frames() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for frame in tables().iter().filter_map(|table| table["frames"].as_array()).flatten() {
        let size = [0, 1].map(|axis| frame["size"][axis].as_u64().unwrap_or(0) as u16);
        let bits = frame["bits_allocated"].as_u64().unwrap_or(8) as u16;
        let Some(around) = Frame::new(frame["codec"].as_str().unwrap_or_default(), size, bits) else { continue };
        let mut coded = Vec::new();
        let bytes = BASE64_STANDARD.decode(frame["data"].as_str().unwrap_or_default()).unwrap_or_default();
        if GzDecoder::new(bytes.as_slice()).read_to_end(&mut coded).is_ok() {
            seeds.push(Seed { content: coded, dress: Dress::Frame(around) });
        }
    }
    seeds
}

fn runs() -> [String; 2] {
    let header = "id,class,segmentation\n";
    let rows = "case1_day0_slice_0001,large_bowel,1 3 10 5\ncase1_day0_slice_0001,stomach,\n";
    let many: String = (1..40).map(|run| format!("{} 7 ", 64 * run)).collect();
    [format!("{header}{rows}"), format!("\u{feff}{header}case1_day0_slice_0002,\"small_bowel\",{}\n", many.trim_end())]
}

/// Names of labels: of segspec, of both versions of nnU-Net, of ITK-SNAP and of 3D Slicer.
const NAMES: [&str; 5] = [
    r##"{"format": 1, "overlapping": true, "program": "segspec", "structures": [{"name": "liver", "mask": 0, "color": "#ff0007",
        "code": {"value": "10200004", "scheme": "SCT", "meaning": "Liver"}}, {"name": "kidney", "mask": 1, "color": null}]}"##,
    r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1, "left kidney": 300}, "numTraining": 2}"#,
    r#"{"labels": {"0": "background", "1": "liver", "2": "kidney"}}"#,
    "# ITK-SNAP\n    0     0    0    0        0  0  0    \"Clear Label\"\n    1   255    0    7        1  1  1    \"liver\"\n",
    "# Color table file\n0 Background 0 0 0 0\n1 liver 255 0 7 255\n300 left_kidney 0 0 255 255\n",
];

fn specs() -> Vec<Vec<u8>> {
    let folders = ["experiments", "experiments/bases", "datasets", "tests/specs/valid", "tests/specs/invalid"];
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(repository().join(folder)).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "toml")));
    }
    files.sort();
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}
