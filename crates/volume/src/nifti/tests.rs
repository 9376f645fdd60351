//! The reader against nibabel (`tests/reference/nifti.py`), the writer against the reader, and damaged files.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ndarray::{Array3, Array4};
use serde::Deserialize;

use super::*;
use crate::{Geometry, LabelMap, ReadError, Segmentation, Volume};

mod crate_reader;
mod pairs;
mod properties;
mod qform;

#[derive(Deserialize)]
struct Reference {
    made: Vec<Expected>,
    pairs: Vec<Expected>,
    shared: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    #[serde(default)]
    file: String,
    /// Header and image, of a pair.
    #[serde(default)]
    files: std::collections::BTreeMap<String, String>,
    shape: [usize; 3],
    channels: usize,
    affine: [[f64; 4]; 3],
    orientation: String,
    r#type: String,
    sum: f64,
    min: f64,
    max: f64,
    #[serde(default)]
    voxels: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/reference/nifti.json")).unwrap()
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // The content decides what it is, not the name.
    let path = folder.path().join("image");
    (folder, path)
}

fn assert_same(path: &Path, expected: &Expected) {
    let name = &expected.name;
    let header = read_header(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let volume = read_volume(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(header.geometry, volume.geometry, "{name}");
    assert_eq!(volume.geometry.shape, expected.shape, "{name}");
    assert_eq!((header.channels, volume.voxels.dim().0), (expected.channels, expected.channels), "{name}");
    assert_eq!(header.value_type, expected.r#type, "{name}");
    assert_eq!(volume.geometry.orientation(), expected.orientation, "{name}");
    let stated = volume.geometry.affine.iter().flatten().zip(expected.affine.iter().flatten());
    for (ours, theirs) in stated {
        assert!((ours - theirs).abs() <= 1e-5 * theirs.abs().max(1.0), "{name}: {:?}", volume.geometry.affine);
    }
    let sum: f64 = volume.voxels.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - expected.sum).abs() <= 1e-6 * expected.sum.abs().max(1.0), "{name}: {sum}");
    let (min, max) = volume.voxels.iter().fold((f32::MAX, f32::MIN), |(a, b), &value| (a.min(value), b.max(value)));
    assert_eq!((min, max), (expected.min as f32, expected.max as f32), "{name}");
    if !expected.voxels.is_empty() {
        assert_eq!(volume.voxels.as_slice().unwrap(), expected.voxels, "{name}");
    }
}

#[test]
fn every_type_byte_order_scale_and_transform_reads_as_in_nibabel() {
    let made = reference().made;
    assert!(made.len() > 60);
    for expected in &made {
        let (_folder, path) = temporary();
        std::fs::write(&path, BASE64_STANDARD.decode(&expected.file).unwrap()).unwrap();
        assert_same(&path, expected);
        let sheared = read_header(&path).unwrap().geometry.is_sheared();
        assert_eq!(sheared, expected.name == "sheared", "{}", expected.name);
    }
}

#[test]
fn files_from_the_wild_read_as_in_nibabel() {
    let Some(root) = segspec_testing::data() else { return };
    for expected in &reference().shared {
        assert_same(&root.join(&expected.name), expected);
    }
}

fn oblique(shape: [usize; 3]) -> Geometry {
    let (sin, cos) = 0.4_f64.sin_cos();
    let affine = [[-2.0 * cos, 3.0 * sin, 0.0, 10.5], [-2.0 * sin, -3.0 * cos, 0.0, 20.25], [0.0, 0.0, 5.0, -30.0]];
    Geometry { shape, affine, has_spacing: true }
}

fn assert_close(ours: &Geometry, theirs: &Geometry) {
    ours.same_grid(theirs, 1e-5).unwrap();
    assert_eq!(ours.has_spacing, theirs.has_spacing);
}

#[test]
fn images_labels_and_masks_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["image.nii.gz", "image.nii"] {
        let path = folder.path().join(name);
        let voxels = Array4::from_shape_fn([2, 3, 4, 5], |(c, z, y, x)| (c * 60 + z * 20 + y * 5 + x) as f32 - 7.5);
        let image = Volume { voxels, geometry: oblique([3, 4, 5]) };
        write_volume(&path, &image).unwrap();
        let read = read_volume(&path).unwrap();
        assert_eq!(read.voxels, image.voxels);
        assert_close(&read.geometry, &image.geometry);
        assert_eq!(std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), name.ends_with("gz"));
        assert_eq!(read_header(&path).unwrap().value_type, "float32");
        let whole = Volume { voxels: image.voxels.mapv(f32::floor), geometry: oblique([3, 4, 5]) };
        write_volume(&path, &whole).unwrap();
        assert_eq!(read_volume(&path).unwrap().voxels, whole.voxels);
        assert_eq!(read_header(&path).unwrap().value_type, "int16");
    }
    for (largest, value_type) in [(255_u16, "uint8"), (256, "uint16"), (65535, "uint16")] {
        let path = folder.path().join("label.nii.gz");
        let voxels = Array3::from_shape_fn([3, 4, 5], |(z, y, x)| if (z, y, x) == (2, 1, 3) { largest } else { 1 });
        let labels = LabelMap { voxels, geometry: oblique([3, 4, 5]) };
        write_label_map(&path, &labels).unwrap();
        assert_eq!(read_label_map(&path).unwrap().voxels, labels.voxels);
        assert_eq!(read_header(&path).unwrap().value_type, value_type);
    }
    let path = folder.path().join("masks.nii.gz");
    let masks = Array4::from_shape_fn([2, 3, 4, 5], |(c, z, _, _)| u8::from(c == z));
    write_segmentation(&path, &Segmentation::Masks { masks: masks.clone(), geometry: oblique([3, 4, 5]) }).unwrap();
    assert_eq!(read_volume(&path).unwrap().voxels, masks.mapv(f32::from));
}

/// Datasets and runs are known by the hashes of their files: the same image gives the same bytes in every version.
#[test]
fn files_are_byte_equal_to_those_of_earlier_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.nii");
    let hash = || blake3::hash(&std::fs::read(&path).unwrap()).to_hex()[..16].to_owned();
    let voxels = Array4::from_shape_fn([2, 3, 4, 5], |(c, z, y, x)| (c * 60 + z * 20 + y * 5 + x) as f32 - 7.5);
    let image = Volume { voxels, geometry: oblique([3, 4, 5]) };
    write_volume(&path, &image).unwrap();
    let channels = hash();
    let mut flat = Geometry::axis_aligned([3, 4, 5], [1.0; 3]);
    flat.has_spacing = false;
    write_volume(&path, &Volume { voxels: image.voxels.mapv(f32::floor), geometry: flat }).unwrap();
    let without_spacing = hash();
    let mut sheared = oblique([3, 4, 5]);
    sheared.affine[1][2] = 0.7;
    write_label_map(&path, &LabelMap { voxels: Array3::from_elem([3, 4, 5], 300), geometry: sheared }).unwrap();
    assert_eq!([channels, without_spacing, hash()], ["809f7f7cd18b580c", "919eaecaf7ab0b0a", "2549fcc2e0912d75"]);
}

#[test]
fn qform_says_the_same_as_sform() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.nii");
    for orientation in 0..8 {
        let mut geometry = oblique([2, 2, 2]);
        for axis in (0..3).filter(|axis| orientation >> axis & 1 == 1) {
            geometry.affine.iter_mut().for_each(|row| row[axis] = -row[axis]);
        }
        write_label_map(&path, &LabelMap { voxels: Array3::zeros([2, 2, 2]), geometry: geometry.clone() }).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[254..256].copy_from_slice(&[0, 0]);
        std::fs::write(&path, bytes).unwrap();
        assert_close(&read_header(&path).unwrap().geometry, &geometry);
    }
}

#[test]
fn image_without_spacing_stays_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.nii.gz");
    let mut geometry = Geometry::axis_aligned([1, 2, 2], [1.0; 3]);
    geometry.has_spacing = false;
    write_volume(&path, &Volume { voxels: Array4::zeros([1, 1, 2, 2]), geometry }).unwrap();
    let header = read_header(&path).unwrap();
    assert!(!header.geometry.has_spacing && !header.oriented);
}

/// A sound file of 2 × 3 × 4 voxels with one change to its uncompressed bytes.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nii");
    let voxels = Array4::from_shape_fn([1, 2, 3, 4], |(_, z, y, x)| (40_000 + z * 12 + y * 4 + x) as f32);
    write_volume(&path, &Volume { voxels, geometry: oblique([2, 3, 4]) }).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn put<const N: usize>(offset: usize, value: [u8; N]) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| bytes[offset..offset + N].copy_from_slice(&value)
}

#[test]
fn broken_headers_and_short_files_are_damaged() {
    let dims = |counts: [i16; 4]| put(40, counts.map(i16::to_le_bytes).concat().try_into().unwrap_or([0; 8]));
    let files = [
        changed(|bytes| bytes.truncate(400)),
        changed(|bytes| bytes.truncate(200)),
        changed(dims([3, 0, 3, 2])),
        changed(dims([3, -4, 3, 2])),
        changed(dims([0, 4, 3, 2])),
        changed(dims([3, 32767, 32767, 32767])),
        changed(put(70, 999_i16.to_le_bytes())),
        changed(put(280, [0; 48])),
        changed(put(108, f32::NAN.to_le_bytes())),
        changed(put(108, 1e9_f32.to_le_bytes())),
        changed(put(123, [5])),
        changed(put(0, 540_i32.to_le_bytes())),
    ];
    for (number, (_folder, path)) in files.iter().enumerate() {
        let error = read_volume(path).expect_err(&number.to_string());
        assert!(matches!(error, ReadError::Damaged { .. }), "{number}: {error}");
        assert!(error.to_string().contains("case.nii: damaged file: "), "{error}");
    }
}

#[test]
fn what_segspec_does_not_take_is_refused_with_the_remedy() {
    let cases = [
        (changed(put(70, 1_i16.to_le_bytes())), "1-bit values; save them as uint8"),
        (changed(put(70, 32_i16.to_le_bytes())), "complex values; save the magnitude"),
        (changed(put(70, 1792_i16.to_le_bytes())), "complex values; save the magnitude"),
        (changed(put(70, 2048_i16.to_le_bytes())), "complex values; save the magnitude"),
        (changed(put(70, 1536_i16.to_le_bytes())), "128-bit float values; save them as float64"),
        (
            changed(|bytes| (put(70, 128_i16.to_le_bytes())(bytes), put(40, [4, 0, 4, 0, 1, 0, 1, 0, 2, 0])(bytes)).1),
            "colours and a dimension",
        ),
        (changed(put(344, *b"ni1\0")), "name it .hdr, beside the .img"),
        (changed(put(344, [0; 4])), "ANALYZE 7.5"),
        (changed(put(0, *b"text")), "not a NIfTI file"),
        (changed(|bytes| bytes.clear()), "not a NIfTI file"),
        (changed(put(352 + 4 * 17, f32::NAN.to_le_bytes())), "voxel [1, 1, 1] is NaN; replace"),
        (changed(put(352, f32::INFINITY.to_le_bytes())), "voxel [0, 0, 0] is inf; replace"),
    ];
    for ((_folder, path), text) in cases {
        let error = read_volume(&path).expect_err(text);
        assert!(matches!(error, ReadError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn values_that_are_no_labels_are_named_with_their_voxel() {
    for (value, text) in [(-1.0_f32, "-1"), (2.5, "2.5"), (65536.0, "65536"), (f32::NAN, "NaN")] {
        let (_folder, path) = changed(put(352 + 4 * 23, value.to_le_bytes()));
        let error = read_label_map(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("voxel [1, 2, 3] is {text}; labels are whole numbers")), "{error}");
    }
}

#[test]
fn truncated_and_corrupt_gzip_files_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.nii.gz");
    let voxels = Array4::from_shape_fn([1, 8, 8, 8], |(_, z, y, x)| ((z * 37 + y * 11 + x * 5) % 101) as f32);
    write_volume(&path, &Volume { voxels, geometry: oblique([8, 8, 8]) }).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let checksum = whole.len() - 8;
    flipped[checksum] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &whole[..whole.len() - 4], &whole[..15], &flipped] {
        std::fs::write(&path, bytes).unwrap();
        let error = read_volume(&path).unwrap_err();
        assert!(matches!(error, ReadError::Damaged { .. } | ReadError::Unsupported { .. }), "{error}");
    }
    assert!(matches!(read_volume(&folder.path().join("none")), Err(ReadError::Open { .. })));
    assert!(matches!(read_volume(folder.path()), Err(ReadError::Unsupported { .. })));
}
