//! Files made for the reference, and those of the shared test data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::super::*;
use crate::ReadError;

#[derive(Deserialize)]
struct Reference {
    made: Vec<Expected>,
    shared: Vec<Shared>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Shared {
    Refused { name: String, refused: String },
    Read(Box<Expected>),
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    shape: [usize; 3],
    channels: usize,
    /// None where SimpleITK does not read the file.
    affine: Option<[[f64; 4]; 3]>,
    orientation: Option<String>,
    oriented: Option<bool>,
    spacing: Option<bool>,
    r#type: String,
    sum: f64,
    min: f64,
    max: f64,
    #[serde(default)]
    voxels: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../../tests/reference/nrrd_files.json")).unwrap()
}

fn assert_same(path: &Path, expected: &Expected) {
    let name = &expected.name;
    let header = read_header(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let volume = read_volume(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(header.geometry, volume.geometry, "{name}");
    assert_eq!(volume.geometry.shape, expected.shape, "{name}");
    assert_eq!((header.channels, volume.voxels.dim().0), (expected.channels, expected.channels), "{name}");
    assert_eq!(header.value_type, expected.r#type, "{name}");
    if let (Some(affine), Some(orientation)) = (&expected.affine, &expected.orientation) {
        for (ours, theirs) in volume.geometry.affine.iter().flatten().zip(affine.iter().flatten()) {
            assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{name}: {:?}", volume.geometry.affine);
        }
        assert_eq!(&volume.geometry.orientation(), orientation, "{name}");
    }
    assert!(expected.oriented.is_none_or(|oriented| header.oriented == oriented), "{name}");
    assert!(expected.spacing.is_none_or(|spacing| header.geometry.has_spacing == spacing), "{name}");
    let sum: f64 = volume.voxels.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - expected.sum).abs() <= 1e-6 * expected.sum.abs().max(1.0), "{name}: {sum}");
    let (min, max) = volume.voxels.iter().fold((f32::MAX, f32::MIN), |(a, b), &value| (a.min(value), b.max(value)));
    assert_eq!((min, max), (expected.min as f32, expected.max as f32), "{name}");
    if !expected.voxels.is_empty() {
        assert_eq!(volume.voxels.as_slice().unwrap(), expected.voxels, "{name}");
    }
}

/// Writes the files of an entry; the header's name comes first in the alphabet.
fn unpacked(expected: &Expected, folder: &Path) -> PathBuf {
    for (file, content) in &expected.files {
        std::fs::write(folder.join(file), BASE64_STANDARD.decode(content).unwrap()).unwrap();
    }
    folder.join(expected.files.keys().next().unwrap())
}

#[test]
fn every_type_encoding_skip_and_space_reads_as_in_itk_and_pynrrd() {
    let made = reference().made;
    assert!(made.len() > 70);
    for expected in &made {
        let folder = tempfile::tempdir().unwrap();
        assert_same(&unpacked(expected, folder.path()), expected);
    }
}

#[test]
fn files_from_the_wild_read_as_in_itk_and_pynrrd() {
    let Some(root) = segspec_testing::data() else { return };
    let shared = reference().shared;
    assert!(shared.len() > 25);
    for entry in &shared {
        match entry {
            Shared::Read(expected) => assert_same(&root.join(&expected.name), expected),
            Shared::Refused { name, refused } => {
                let error = read_volume(&root.join(name)).expect_err(refused);
                assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
            }
        }
    }
}
