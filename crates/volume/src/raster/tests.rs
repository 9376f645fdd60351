//! Pictures against Pillow and tifffile (`tests/reference/raster.py`), masks, and damage.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ndarray::{Array3, array};
use serde::Deserialize;

use super::*;
use segspec_testing::damage::survive;

#[derive(Deserialize)]
struct Reference {
    made: Vec<Expected>,
    refused: std::collections::BTreeMap<String, String>,
    shared: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    #[serde(default)]
    file: String,
    shape: [usize; 2],
    channels: usize,
    r#type: String,
    sum: f64,
    min: f64,
    max: f64,
    #[serde(default)]
    voxels: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/reference/raster.json")).unwrap()
}

/// A file whose name says nothing: the content decides.
fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    std::fs::write(&path, BASE64_STANDARD.decode(content).unwrap()).unwrap();
    (folder, path)
}

fn assert_same(path: &Path, expected: &Expected) {
    let name = &expected.name;
    let header = read_header(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let volume = read_volume(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let [height, width] = expected.shape;
    assert_eq!(volume.geometry.shape, [1, height, width], "{name}");
    assert!(!volume.geometry.has_spacing && header.geometry == volume.geometry, "{name}");
    assert_eq!((header.channels, volume.voxels.dim().0), (expected.channels, expected.channels), "{name}");
    assert_eq!(header.value_type, expected.r#type, "{name}");
    let sum: f64 = volume.voxels.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - expected.sum).abs() <= 1e-6 * expected.sum.abs().max(1.0), "{name}: {sum}");
    let (min, max) = volume.voxels.iter().fold((f32::MAX, f32::MIN), |(a, b), &value| (a.min(value), b.max(value)));
    assert_eq!((min, max), (expected.min as f32, expected.max as f32), "{name}");
    if !expected.voxels.is_empty() {
        assert_eq!(volume.voxels.as_slice().unwrap(), expected.voxels, "{name}");
    }
}

#[test]
fn every_kind_of_picture_reads_as_in_pillow_and_tifffile() {
    let made = reference().made;
    assert!(made.len() > 30);
    for expected in &made {
        let (_folder, path) = file(&expected.file);
        assert_same(&path, expected);
    }
}

#[test]
fn pictures_from_the_wild_read_as_in_pillow() {
    let Some(root) = segspec_testing::data() else { return };
    for expected in &reference().shared {
        assert_same(&root.join(&expected.name), expected);
    }
}

#[test]
fn what_is_no_single_picture_is_refused_with_the_remedy() {
    let refused = reference().refused;
    let reasons = [
        ("pages", "several pages"),
        ("animation", "animation"),
        ("palette", "TIFF"),
        ("cmyk", "CMYK"),
        ("jpeg", "neither PNG nor TIFF"),
    ];
    for (name, reason) in reasons {
        let (_folder, path) = file(&refused[name]);
        let error = read_volume(&path).expect_err(name);
        assert!(matches!(error, ReadError::Unsupported { .. }), "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_volume(folder.path()), Err(ReadError::Unsupported { .. })));
    assert!(matches!(read_volume(&folder.path().join("none.png")), Err(ReadError::Open { .. })));
}

/// A PNG of one row.
fn row(
    color: ::png::ColorType,
    depth: ::png::BitDepth,
    palette: Option<&[u8]>,
    bytes: &[u8],
    width: u32,
) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.png");
    let mut encoder = ::png::Encoder::new(std::fs::File::create(&path).unwrap(), width, 1);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette.to_vec());
    }
    encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    (folder, path)
}

fn labels(path: &Path, form: &MaskForm) -> Array3<u16> {
    read_label_map(path, form).unwrap().voxels
}

#[test]
fn masks_are_values_places_in_a_palette_or_colours() {
    use ::png::{BitDepth, ColorType};
    let colors = MaskForm::Colors(vec![([255, 0, 0], 4), ([9, 9, 9], 5)]);
    let (_folder, path) = row(ColorType::Grayscale, BitDepth::Eight, None, &[0, 9, 255], 3);
    assert_eq!(labels(&path, &MaskForm::Values), array![[[0, 9, 255]]]);
    assert_eq!(labels(&path, &MaskForm::Nonzero), array![[[0, 1, 1]]]);
    let error = read_label_map(&path, &colors).unwrap_err().to_string();
    assert!(error.contains("pixel [0, 2] has the colour [255.0]; no structure has it"), "{error}");
    let (_folder, path) =
        row(ColorType::Indexed, BitDepth::Two, Some(&[0, 0, 0, 255, 0, 0, 9, 9, 9]), &[0b0001_1000], 4);
    assert_eq!(labels(&path, &MaskForm::Values), array![[[0, 1, 2, 0]]]);
    assert_eq!(labels(&path, &MaskForm::Nonzero), array![[[0, 1, 1, 0]]]);
    assert_eq!(labels(&path, &colors), array![[[0, 4, 5, 0]]]);
    let (_folder, path) = row(ColorType::Rgba, BitDepth::Eight, None, &[7, 7, 7, 0, 255, 0, 0, 255], 2);
    assert_eq!(labels(&path, &MaskForm::Nonzero), array![[[1, 1]]]);
    let error = read_label_map(&path, &MaskForm::Values).unwrap_err().to_string();
    assert!(error.contains("pixel [0, 1] has the colour [255.0, 0.0, 0.0]; labels must be grey values"), "{error}");
    let (_folder, path) = row(ColorType::Rgb, BitDepth::Eight, None, &[7, 7, 7, 0, 0, 0], 2);
    assert_eq!(labels(&path, &MaskForm::Values), array![[[7, 0]]]);
    let (_folder, path) = row(ColorType::Grayscale, BitDepth::Sixteen, None, &[1, 2, 255, 255], 2);
    assert_eq!(labels(&path, &MaskForm::Values), array![[[258, 65535]]]);
}

#[test]
fn a_colour_beyond_the_palette_is_damage() {
    let (_folder, path) = row(::png::ColorType::Indexed, ::png::BitDepth::Eight, Some(&[0, 0, 0]), &[0, 3], 2);
    assert!(matches!(read_volume(&path), Err(ReadError::Damaged { .. })));
}

#[test]
fn files_changed_at_random_are_read_or_refused() {
    for expected in reference().made.iter().step_by(2) {
        let (_folder, path) = file(&expected.file);
        survive(&path, 100, |path| {
            let _ = (read_header(path), read_label_map(path, &MaskForm::Nonzero));
            read_volume(path)
        });
    }
}
