//! `segspec evaluate` on DICOM: objects of free names, contours, several objects of a study; paired by folder, patient and series.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::contours::structure_set;
use crate::evaluate_forms::{FORMS, Form, evaluate, image, rows, series, truth};

fn form(name: &str) -> &'static Form {
    FORMS.iter().find(|form| form.name == name).unwrap()
}

/// Series of two patients in `images`.
fn images(place: &Path) {
    for case in [1, 2] {
        series(&place.join(format!("images/p{case}")), &image(case), &format!("P{case}"));
    }
}

/// Segmentation objects whose folders and names on both sides have nothing in common.
#[test]
fn objects_of_any_name_are_paired_by_what_they_state() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    images(place);
    for case in [1, 2] {
        let staged = place.join("staged");
        for (side, shift) in [("r", 0), ("p", 1)] {
            (form("objects").write)(
                &staged.join(side),
                &format!("p{case}"),
                &truth(case, shift),
                &place.join("images"),
            );
        }
        for (from, to) in [("r", format!("r/{case}00.dcm")), ("p", format!("p/study{case}/x/{case}99"))] {
            let to = place.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(staged.join(format!("{from}/p{case}/1.2.840.99")), to).unwrap();
        }
    }
    let ended = evaluate(place, &["--reference", "r", "--prediction", "p", "--json"], 0);
    let found = rows(&ended);
    assert_eq!(found.len(), 4);
    assert_eq!([&found[0].0, &found[2].0], ["P1", "P2"]);
    assert!(ended.err.contains("patients with DICOM SEG or RTSTRUCT"), "{}", ended.err);
    let one = ["--reference", "r/100.dcm", "--prediction", "p/study1/x/199", "--json", "--on", "images/p1"];
    assert_eq!(rows(&evaluate(place, &one, 0))[0].2, found[0].2);
}

/// Squares of a reader: lowest and highest coordinate, and z.
fn contours(place: &Path, file: &str, name: &str, side: f64) {
    structure_set(
        &place.join(file),
        &[(1, name, [255, 0, 0], &[[-14.0, -14.0 + side, 30.0], [-14.0, -14.0 + side, 33.0]])],
    );
}

/// Contours that name no series are put on the series of their folder, on `--on`, or on the grid of the other side.
#[test]
fn contours_find_their_image() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let geometry = segspec::volume::Geometry {
        affine: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 27.0]],
        ..segspec::volume::Geometry::axis_aligned([4, 20, 20], [3.0, 1.0, 1.0])
    };
    let volume = segspec::volume::Volume { voxels: ndarray::Array4::zeros([1, 4, 20, 20]), geometry };
    for case in ["a", "b"] {
        let mut volume = volume.clone();
        volume.voxels[[0, 0, 0, 0]] = if case == "a" { 5.0 } else { 9.0 };
        series(&place.join("r").join(case).join("ct"), &volume, case);
        segspec::volume::write_volume(&place.join(format!("nifti/{case}_0000.nii.gz")), &volume).unwrap();
        contours(place, &format!("r/{case}/rs.dcm"), "Liver", 8.0);
        contours(place, &format!("p/{case}/any.dcm"), "liver", 4.0);
    }
    for on in ["r", "nifti"] {
        let found = rows(&evaluate(place, &["--reference", "r", "--prediction", "p", "--on", on, "--json"], 0));
        // 64 and 16 pixels in two slices: 2 · 16 / 80.
        assert_eq!(found.iter().map(|row| row.2).collect::<Vec<_>>(), [Some(0.4); 2], "{on}");
    }
    let found = rows(&evaluate(place, &["--reference", "r", "--prediction", "r", "--json"], 0));
    assert_eq!(found.iter().map(|row| row.2).collect::<Vec<_>>(), [Some(1.0); 2]);
    // Two readers of one patient: the same structure twice has to be told apart.
    contours(place, "p/a/second.dcm", "liver", 6.0);
    let ended = evaluate(place, &["--reference", "r", "--prediction", "p", "--on", "r", "--json"], 4);
    assert!(ended.err.contains("several objects of a case must have different structures"), "{}", ended.err);
    fs::rename(place.join("p/a/second.dcm"), place.join("second.dcm")).unwrap();
    contours(place, "p/a/second.dcm", "spleen", 6.0);
    let ended = evaluate(place, &["--reference", "r", "--prediction", "p", "--on", "r", "--json"], 0);
    let json: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["structures"].as_array().map(Vec::len), Some(2), "{}", ended.out);
}

/// Real objects: overlapping segments, label maps and binary ones of the same series.
#[test]
fn real_objects_score_against_themselves_and_others() {
    let Some(data) = crate::lab::shared() else { return };
    let here = tempfile::tempdir().unwrap();
    let path = |name: &str| data.join(name).to_string_lossy().into_owned();
    let layers = path("nrrd_slicerio");
    let files: Vec<String> = fs::read_dir(&layers)
        .map(|entries| entries.filter_map(|it| it.ok()?.path().to_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    for file in files.iter().filter(|file| file.ends_with(".seg.nrrd")) {
        let found = rows(&evaluate(here.path(), &["--reference", file, "--prediction", file, "--json"], 0));
        assert!(!found.is_empty() && found.iter().all(|row| row.2.is_none_or(|dice| dice == 1.0)), "{file}: {found:?}");
    }
    let masks = path("totalsegmentator/example_seg_fast");
    if Path::new(&masks).is_dir() {
        let arguments = ["--reference", &masks, "--prediction", &masks, "--layout", "masks", "--json"];
        let found = rows(&evaluate(here.path(), &arguments, 0));
        assert!(found.len() > 30 && found.iter().all(|row| row.2.is_none_or(|dice| dice == 1.0)), "{}", found.len());
    }
}
