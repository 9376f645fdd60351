//! `segspec convert`: options that have no effect on a conversion, and options for folders of surfaces.

use std::fs;

use ndarray::Array3;
use segspec::volume::{Geometry, LabelMap, read_label_map, write_label_map, write_volume};

use crate::evaluate_forms::image;
use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new();
    write_volume(&lab.path("ct.nii.gz"), &image(1)).unwrap();
    let voxels = Array3::from_shape_fn([12; 3], |(z, y, x)| {
        u16::from([z, y, x].into_iter().all(|place| (2..10).contains(&place))) * (1 + u16::from(x > 5))
    });
    write_label_map(
        &lab.path("labels.nii.gz"),
        &LabelMap { voxels, geometry: Geometry::axis_aligned([12; 3], [1.0; 3]) },
    )
    .unwrap();
    fs::create_dir(lab.path("in")).unwrap();
    fs::copy(lab.path("ct.nii.gz"), lab.path("in/a.nii.gz")).unwrap();
    let ended = lab.end(&["convert", "labels.nii.gz", "series"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    lab
}

/// Nothing is written then, neither a result nor a secret.
#[test]
fn options_without_effect_are_refused() {
    let lab = lab();
    for (arguments, option) in [
        (&["labels.nii.gz", "out/a.nrrd", "--labels", "--triangles", "100"][..], "--triangles"),
        (&["labels.nii.gz", "out/a.nii.gz", "--labels", "--blocky"], "--blocky"),
        (&["in", "out", "--to", "nrrd", "--blocky"], "--blocky"),
        (&["ct.nii.gz", "out/a.nrrd", "--modality", "ct"], "--modality"),
        (&["in", "out", "--to", "nrrd", "--modality", "mr"], "--modality"),
        (&["series", "out/copy", "--anonymize", "--modality", "mr"], "--modality"),
        (&["labels.nii.gz", "out/a.nrrd", "--labels", "--coordinates", "ras"], "--coordinates"),
        (&["labels.nii.gz", "out/a.glb", "--labels", "--coordinates", "ras"], "--coordinates"),
        (&["labels.nii.gz", "out/a.nrrd", "--labels", "--anonymize", "--secret", "key.txt"], "--secret"),
        (&["in", "out", "--to", "nrrd", "--anonymize", "--secret", "key.txt"], "--secret"),
        (&["ct.nii.gz", "out/a.nrrd", "--series", "2"], "--series"),
        (&["ct.nii.gz", "out/a.nrrd", "--stack", "axial"], "--stack"),
        (&["ct.nii.gz", "out/a.nrrd", "--fill-gaps"], "--fill-gaps"),
    ] {
        let ended = lab.end(&[&["convert"], arguments].concat());
        let is_said = ended.err.contains(&format!("{option} has no effect here"));
        assert!(ended.code == 2 && is_said, "{arguments:?}: {} {}", ended.code, ended.err);
        assert!(!lab.path("out").exists() && !lab.path("key.txt").exists(), "{arguments:?}");
    }
}

#[test]
fn options_with_effect_are_taken() {
    let lab = lab();
    for arguments in [
        &["labels.nii.gz", "out/a.stl", "--labels", "--triangles", "100", "--coordinates", "ras"][..],
        &["labels.nii.gz", "out/a.html", "--labels", "--blocky"],
        &["labels.nii.gz", "out/a.glb", "--labels", "--blocky"],
        &["in", "out/in", "--to", "dicom", "--modality", "ct"],
        &["ct.nii.gz", "out/series", "--modality", "ct", "--anonymize", "--secret", "key.txt"],
        &["labels.nii.gz", "out/a.dcm", "--labels", "--on", "series", "--series", "1", "--fill-gaps"],
    ] {
        let ended = lab.end(&[&["convert"], arguments].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    }
}

/// The surfaces do not state their coordinate system: whoever names it is heard, for one file and for a folder of them.
#[test]
fn surfaces_of_a_folder_have_the_coordinate_system_that_is_named() {
    let lab = lab();
    let ended = |arguments: &[&str]| lab.end(&[&["convert"], arguments].concat());
    let written = ended(&["labels.nii.gz", "parts/organ.stl", "--labels", "--blocky", "--coordinates", "ras"]);
    assert_eq!(written.code, 0, "{}", written.err);
    for entry in fs::read_dir(lab.path("parts")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[..80].fill(0);
        fs::write(path, bytes).unwrap();
    }
    let expected = read_label_map(&lab.path("labels.nii.gz")).unwrap().voxels;
    let read = ended(&["parts", "back.nii.gz", "--on", "labels.nii.gz", "--coordinates", "ras"]);
    assert_eq!(read.code, 0, "{}", read.err);
    let found = read_label_map(&lab.path("back.nii.gz")).unwrap().voxels;
    assert_eq!(found, expected);
    // As LPS, they lie beside the image.
    let other = ended(&["parts", "other.nii.gz", "--on", "labels.nii.gz", "--coordinates", "lps"]);
    assert!(other.code != 0 || read_label_map(&lab.path("other.nii.gz")).unwrap().voxels != expected);
}
