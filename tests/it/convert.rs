//! `segspec convert`: there and back, nothing changes; what a format cannot hold is refused.

use std::path::Path;

use segspec::volume::{Geometry, LabelMap, Volume, read_label_map, read_volume, write_label_map, write_volume};
use serde_json::Value;

use crate::lab::Lab;

fn converted(lab: &Lab, arguments: &[&str]) {
    let ended = lab.end(&[&["convert"], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
}

fn refused(lab: &Lab, arguments: &[&str], words: &[&str]) {
    let ended = lab.end(&[&["convert"], arguments].concat());
    assert_eq!(ended.code, 4, "{arguments:?}: {}", ended.err);
    assert!(words.iter().all(|word| ended.err.contains(word)), "{}", ended.err);
}

fn same_grid(found: &Geometry, expected: &Geometry, name: &str) {
    assert_eq!(found.shape, expected.shape, "{name}");
    for (found, expected) in found.affine.iter().flatten().zip(expected.affine.iter().flatten()) {
        assert!((found - expected).abs() < 1e-4, "{name}: {found} instead of {expected}");
    }
}

/// In the canonical orientation: DICOM has its own order of slices.
pub fn same_image(found: &Volume, expected: &Volume, name: &str) {
    let [found, expected] = [found.to_canonical(), expected.to_canonical()];
    same_grid(&found.geometry, &expected.geometry, name);
    assert!(found.voxels == expected.voxels, "{name}: voxels differ");
}

pub fn same_labels(found: &LabelMap, expected: &LabelMap, name: &str) {
    let [found, expected] = [found.to_canonical(), expected.to_canonical()];
    same_grid(&found.geometry, &expected.geometry, name);
    assert!(found.voxels == expected.voxels, "{name}: labels differ");
}

/// Image → NRRD → NIfTI → DICOM → NIfTI.
fn round(lab: &Lab, source: &Path) {
    let name = source.to_string_lossy().into_owned();
    let expected = read_volume(source).unwrap();
    converted(lab, &[&name, "a.nrrd"]);
    converted(lab, &["a.nrrd", "a.nii.gz"]);
    same_image(&read_volume(&lab.path("a.nii.gz")).unwrap(), &expected, &name);
    converted(lab, &["a.nii.gz", "series", "--modality", "ct"]);
    converted(lab, &["series", "b.nii.gz"]);
    same_image(&read_volume(&lab.path("b.nii.gz")).unwrap(), &expected, &name);
}

/// Labels → .seg.nrrd → DICOM SEG → NIfTI, on the series that `round` has left.
fn round_of_labels(lab: &Lab, source: &Path) {
    let name = source.to_string_lossy().into_owned();
    let expected = read_label_map(source).unwrap();
    converted(lab, &[&name, "a.seg.nrrd", "--labels"]);
    converted(lab, &["a.seg.nrrd", "a.dcm", "--on", "series"]);
    converted(lab, &["a.dcm", "label.nii.gz", "--on", "series"]);
    let found = read_label_map(&lab.path("label.nii.gz")).unwrap();
    same_labels(&found, &expected, &name);
}

#[test]
fn images_and_labels_come_back_as_they_were() {
    let lab = Lab::new();
    let mut oblique = Geometry::axis_aligned([5, 6, 7], [2.5, 0.8, 0.7]);
    let (sin, cos) = 0.3_f64.sin_cos();
    let [first, second] = [oblique.affine[0], oblique.affine[1]];
    for column in 0..3 {
        oblique.affine[0][column] = cos * first[column] - sin * second[column];
        oblique.affine[1][column] = sin * first[column] + cos * second[column];
    }
    oblique.affine[2][3] = -41.5;
    let voxels = ndarray::Array4::from_shape_fn([1, 5, 6, 7], |(_, z, y, x)| (z * 100 + y * 10 + x) as f32 - 1024.0);
    write_volume(&lab.path("image.nii.gz"), &Volume { voxels, geometry: oblique.clone() }).unwrap();
    let voxels =
        ndarray::Array3::from_shape_fn([5, 6, 7], |(z, y, x)| u16::from(x > 3) * 3 + u16::from(z + y == 4) * 2);
    write_label_map(&lab.path("labels.nii.gz"), &LabelMap { voxels, geometry: oblique }).unwrap();
    round(&lab, &lab.path("image.nii.gz"));
    round_of_labels(&lab, &lab.path("labels.nii.gz"));
}

#[test]
fn a_surface_comes_back_as_the_mask_it_was() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([20, 24, 22], [1.5, 1.0, 1.2]);
    let voxels = ndarray::Array3::from_shape_fn([20, 24, 22], |(z, y, x)| {
        let away = [(z as f64 - 9.5) / 7.0, (y as f64 - 11.5) / 9.0, (x as f64 - 10.5) / 8.0];
        u16::from(away.iter().map(|part| part * part).sum::<f64>() < 1.0)
    });
    let labels = LabelMap { voxels, geometry };
    write_label_map(&lab.path("ball.nii.gz"), &labels).unwrap();
    converted(&lab, &["ball.nii.gz", "ball.stl", "--blocky"]);
    converted(&lab, &["ball.stl", "again.nii.gz", "--on", "ball.nii.gz"]);
    same_labels(&read_label_map(&lab.path("again.nii.gz")).unwrap(), &labels, "ball");
    converted(&lab, &["ball.nii.gz", "ball.glb"]);
    let facts = lab.end(&["inspect", "ball.stl", "--json"]);
    let facts: Value = serde_json::from_str(&facts.out).unwrap();
    assert_eq!(facts[0]["surface"]["open-edges"], 0);
    refused(&lab, &["ball.stl", "third.nii.gz"], &["--on"]);
}

#[test]
fn surfaces_are_simplified_and_names_and_colours_go_to_a_table() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([16, 16, 16], [1.0; 3]);
    let voxels = ndarray::Array3::from_shape_fn([16, 16, 16], |(z, y, x)| {
        u16::from([z, y, x].into_iter().all(|place| (3..13).contains(&place))) * (1 + u16::from(x > 7))
    });
    write_label_map(&lab.path("halves.nii.gz"), &LabelMap { voxels, geometry }).unwrap();
    converted(&lab, &["halves.nii.gz", "halves.seg.nrrd", "--labels", "--colours", "halves.txt"]);
    converted(&lab, &["halves.seg.nrrd", "again.nii.gz", "--colours", "halves.ctbl"]);
    for (table, line) in [("halves.txt", "\"label 2\""), ("halves.ctbl", "2 label_2 ")] {
        let text = std::fs::read_to_string(lab.path(table)).unwrap();
        assert!(text.contains(line), "{table}: {text}");
    }
    converted(&lab, &["halves.nii.gz", "halves.stl", "--triangles", "60"]);
    for half in ["halves-label 1.stl", "halves-label 2.stl"] {
        let facts: Value = serde_json::from_str(&lab.end(&["inspect", half, "--json"]).out).unwrap();
        let surface = &facts[0]["surface"];
        assert!(surface["triangles"].as_u64() <= Some(60) && surface["open-edges"] == 0, "{surface}");
    }
    refused(&lab, &["halves.nii.gz", "image.nrrd", "--colours", "image.txt"], &["image.txt", "--labels"]);
    refused(&lab, &["halves.nii.gz", "a.nii", "--labels", "--colours", "a.csv"], &["a.csv", ".ctbl"]);
    assert!(!lab.path("a.nii").exists() && !lab.path("image.nrrd").exists());
}

#[test]
fn a_folder_is_converted_whole_and_names_stay_behind() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([3, 4, 5], [2.0, 1.0, 1.0]);
    let voxels = ndarray::Array4::from_shape_fn([1, 3, 4, 5], |(_, z, y, x)| (z + y + x) as f32);
    let image = Volume { voxels, geometry };
    write_volume(&lab.path("patients/anna.nii.gz"), &image).unwrap();
    segspec::volume::nrrd::write_volume(&lab.path("patients/bert.nrrd"), &image).unwrap();
    converted(&lab, &["patients", "plain", "--to", "nii.gz"]);
    same_image(&read_volume(&lab.path("plain/bert.nii.gz")).unwrap(), &image, "bert");
    converted(&lab, &["patients", "out", "--to", ".nrrd", "--anonymize", "--map", "map.csv"]);
    let map = std::fs::read_to_string(lab.path("map.csv")).unwrap();
    assert!(map.contains("anna") && map.contains("case-0002.nrrd"), "{map}");
    for (number, name) in [(1, "anna"), (2, "bert")] {
        let file = lab.path(&format!("out/case-{number:04}.nrrd"));
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(4).any(|part| part == name.as_bytes()));
        same_image(&read_volume(&file).unwrap(), &image, name);
    }
    std::fs::write(lab.path("patients/broken.nii.gz"), b"no image").unwrap();
    refused(&lab, &["patients", "again", "--to", "nrrd"], &["broken.nii.gz"]);
    assert!(lab.path("again/anna.nrrd").exists());
    refused(&lab, &["datasets", "none", "--to", "nrrd"], &["no image file"]);
}

#[test]
fn what_a_format_cannot_hold_is_refused_by_name() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([2, 3, 4], [1.0; 3]);
    let image = |channels: usize, value: f32| Volume {
        voxels: ndarray::Array4::from_shape_fn([channels, 2, 3, 4], |(_, z, y, x)| (x + 4 * y + 12 * z) as f32 * value),
        geometry: geometry.clone(),
    };
    write_volume(&lab.path("two.nii.gz"), &image(2, 1.0)).unwrap();
    write_volume(&lab.path("float.nii.gz"), &image(1, 0.123_456_7)).unwrap();
    write_volume(&lab.path("whole.nii.gz"), &image(1, 1.0)).unwrap();
    refused(&lab, &["two.nii.gz", "out"], &["one channel"]);
    refused(&lab, &["float.nii.gz", "out"], &["out"]);
    for name in ["out.xyz", "out.png"] {
        let ended = lab.end(&["convert", "whole.nii.gz", name]);
        assert_eq!(ended.code, 2, "{}", ended.err);
        assert!([name, ".nrrd", ".html", ".gif"].iter().all(|word| ended.err.contains(word)), "{}", ended.err);
    }
    refused(&lab, &["whole.nii.gz", "out.dcm"], &["--on"]);
    refused(&lab, &["gone.nii.gz", "out.nrrd"], &["gone.nii.gz"]);
}
