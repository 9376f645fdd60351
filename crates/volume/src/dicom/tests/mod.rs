//! Readers and writers against pydicom, SimpleITK, pynrrd and highdicom (`tests/reference/dicom.py`).

mod contours;
mod frames;
mod kinds;
mod mutation;
mod segments;
mod series;
mod shared;
mod written;

use std::io::Read;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::{Geometry, Volume};

#[derive(Deserialize)]
pub(in crate::dicom) struct Reference {
    pub frames: Vec<CodedFrame>,
    pub refused: Vec<CodedFrame>,
    pub series: Vec<MadeSeries>,
    pub segments: Vec<MadeSegments>,
    pub shared: Shared,
    pub shared_segments: Vec<SharedSegments>,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct CodedFrame {
    pub name: String,
    pub codec: String,
    pub size: [usize; 2],
    pub bits_allocated: u32,
    pub tolerance: u64,
    pub data: String,
    pub samples: String,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct Image {
    #[serde(default)]
    pub name: String,
    pub shape: [usize; 3],
    pub affine: [[f64; 4]; 3],
    pub orientation: String,
    pub sum: f64,
    pub min: f32,
    pub max: f32,
    pub crc: u32,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct MadeSeries {
    pub name: String,
    pub files: Vec<String>,
    pub expected: Option<Image>,
    pub error: Option<Vec<String>>,
    pub series: Option<String>,
    pub stack: Option<String>,
    #[serde(default)]
    pub gaps: bool,
    #[serde(default)]
    pub sheared: bool,
    #[serde(default = "yes")]
    pub spacing: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(in crate::dicom) struct MadeSegments {
    pub name: String,
    pub file: String,
    pub source: Vec<String>,
    pub expected: Option<Masks>,
    pub error: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct Masks {
    pub shape: [usize; 3],
    pub crcs: Vec<u32>,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct Shared {
    pub series: Vec<Image>,
    pub gap: Gap,
    pub liver_hu: f64,
    pub liver_voxels: usize,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct Gap {
    pub shape: [usize; 3],
    pub affine: [[f64; 4]; 3],
    pub crc: u32,
    pub position: [f64; 3],
}

#[derive(Deserialize)]
pub(in crate::dicom) struct SharedSegments {
    pub name: String,
    pub source: String,
    pub shape: [usize; 3],
    pub affine: [[f64; 4]; 3],
    pub overlap: bool,
    pub series: Vec<String>,
    pub segments: Vec<SharedSegment>,
}

#[derive(Deserialize)]
pub(in crate::dicom) struct SharedSegment {
    pub name: String,
    pub value: u16,
    pub color: [u8; 3],
    pub voxels: usize,
    pub per_slice: Vec<usize>,
    pub crc: u32,
}

pub(in crate::dicom) fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../../tests/reference/dicom.json")).unwrap()
}

pub(in crate::dicom) fn unpacked(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(BASE64_STANDARD.decode(text).unwrap().as_slice()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Writes files without an extension into a folder of their own.
fn folder_of(files: &[String]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("series");
    std::fs::create_dir(&path).unwrap();
    for (index, file) in files.iter().enumerate() {
        std::fs::write(path.join(format!("IM{index}")), unpacked(file)).unwrap();
    }
    (folder, path)
}

fn crc(bytes: impl Iterator<Item = u8>) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&bytes.collect::<Vec<u8>>());
    crc.sum()
}

fn assert_affine(ours: &Geometry, theirs: &[[f64; 4]; 3], name: &str) {
    for (ours, theirs) in ours.affine.iter().flatten().zip(theirs.iter().flatten()) {
        assert!((ours - theirs).abs() <= 1e-5 * theirs.abs().max(1.0), "{name}: {ours} {theirs}");
    }
}

fn assert_image(volume: &Volume, expected: &Image, name: &str) {
    assert_eq!(volume.geometry.shape, expected.shape, "{name}");
    assert_eq!(volume.voxels.dim().0, 1, "{name}");
    assert_affine(&volume.geometry, &expected.affine, name);
    assert_eq!(volume.geometry.orientation(), expected.orientation, "{name}");
    let values = || volume.voxels.iter().copied();
    let (min, max) = values().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    assert_eq!((min, max), (expected.min, expected.max), "{name}");
    let sum: f64 = values().map(f64::from).sum();
    assert!((sum - expected.sum).abs() <= 1e-6 * expected.sum.abs().max(1.0), "{name}: {sum}");
    assert_eq!(crc(values().flat_map(f32::to_le_bytes)), expected.crc, "{name}: values differ");
}

/// A folder of the shared data, None where that is missing.
fn shared_folder(name: &str) -> Option<PathBuf> {
    segspec_testing::data().map(|root| root.join(name))
}
