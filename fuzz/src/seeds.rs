//! Sound files to begin with: those in the repository's reference tables, its specs, and small real files where there are any.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::frames::{Frame, as_input, wrapped};
use crate::{Reader, scratch};
use segspec_volume::format::Format;

/// Larger files teach a mutation nothing and take its time.
const LARGEST: u64 = 64 << 10;

/// A file to begin with, and what a mutation of its content is put into.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What is mutated.
    pub content: Vec<u8>,
    /// How the mutated content becomes a file.
    pub dress: Dress,
}

/// How mutated content becomes a file.
#[derive(Clone, Debug)]
pub enum Dress {
    /// As it is.
    Plain,
    /// Compressed, so that mutations reach what is inside.
    Gzip,
    /// With the right checksums.
    Png,
    /// As the frame of a DICOM file.
    Frame(Frame),
}

impl Seed {
    /// The file of some content.
    pub fn file(&self, content: &[u8]) -> Vec<u8> {
        match &self.dress {
            Dress::Plain => content.to_vec(),
            Dress::Gzip => gzip(content),
            Dress::Png => with_checksums(content),
            Dress::Frame(frame) => wrapped(frame, content),
        }
    }

    /// The same as libFuzzer takes it.
    pub fn input(&self) -> Vec<u8> {
        match &self.dress {
            Dress::Frame(frame) => as_input(frame, &self.content).unwrap_or_default(),
            _ => self.file(&self.content),
        }
    }
}

/// The seeds of a reader, always in the same order.
pub fn of(reader: &Reader) -> Vec<Seed> {
    match reader.name {
        "frames" => frames(),
        "runs" => runs().into_iter().map(|text| plain(text.into_bytes())).collect(),
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
    let names = ["nifti", "nrrd_files", "dicom", "raster", "surface"];
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
        let written = fs::write(&path, &content);
        if written.is_err() || !Format::of(&path).is_ok_and(reader.takes) {
            continue;
        }
        if reader.name == "nifti" && !content.starts_with(&[0x1f, 0x8b]) {
            seeds.push(Seed { content: content.clone(), dress: Dress::Gzip });
        }
        let is_png = content.starts_with(b"\x89PNG");
        seeds.push(Seed { content, dress: if is_png { Dress::Png } else { Dress::Plain } });
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

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = packed.write_all(content);
    packed.finish().unwrap_or_default()
}

/// A PNG whose chunks, where they can still be found, have their checksums.
fn with_checksums(content: &[u8]) -> Vec<u8> {
    let mut file = content.to_vec();
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes) {
        let end = (at + 8).saturating_add(length as usize);
        let Some(chunk) = file.get(at + 4..end) else { break };
        let checksum = crc32fast::hash(chunk).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
    file
}
