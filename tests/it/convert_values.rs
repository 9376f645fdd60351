//! `segspec convert` to DICOM SEG and back: label values, which DICOM numbers anew, come back.

use std::collections::BTreeSet;

use segspec::volume::{Geometry, LabelMap, Volume, read_label_map, write_label_map};

use crate::convert::same_labels;
use crate::evaluate_forms::{rows, series};
use crate::lab::{Ended, Lab};

fn convert(lab: &Lab, arguments: &[&str]) -> Ended {
    let ended = lab.end(&[&["convert"], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended
}

/// Values with gaps, in the inner slices of a series.
fn labels() -> LabelMap {
    let geometry = Geometry::axis_aligned([6, 8, 10], [2.0, 1.0, 1.0]);
    let value = |z: usize, x: usize| if (1..5).contains(&z) { [0, 1, 5, 6, 117][x / 2] } else { 0 };
    LabelMap { voxels: ndarray::Array3::from_shape_fn([6, 8, 10], |(z, _, x)| value(z, x)), geometry }
}

fn lab(labels: &LabelMap) -> Lab {
    let lab = Lab::new();
    let voxels = ndarray::Array4::from_shape_fn([1, 6, 8, 10], |(_, z, y, x)| (z * 100 + y * 10 + x) as f32);
    series(&lab.path("ct"), &Volume { voxels, geometry: labels.geometry.clone() }, "P");
    write_label_map(&lab.path("labels.nii.gz"), labels).unwrap();
    lab.write("names.json", r#"{"labels": {"liver": 1, "spleen": 5, "left kidney": 6, "lesion": 117}}"#);
    lab
}

/// Whatever the labels come from, with names and without.
#[test]
fn label_values_come_back_from_dicom() {
    let expected = labels();
    for (source, more, named) in [
        ("labels.nii.gz", &[][..], false),
        ("labels.nii.gz", &["--names", "names.json"], true),
        ("labels.seg.nrrd", &[], false),
    ] {
        let lab = lab(&expected);
        convert(&lab, &["labels.nii.gz", "labels.seg.nrrd"]);
        let told = convert(&lab, &[&[source, "s.dcm", "--on", "ct"], more].concat()).err;
        assert!(told.contains("value 5 is segment 2, value 6 is segment 3, value 117 is segment 4"), "{told}");
        for (on, target) in [(&["--on", "ct"][..], "back.nii.gz"), (&["--on", "labels.nii.gz"], "again.nii.gz")] {
            convert(&lab, &[&["s.dcm", target], on].concat());
            same_labels(&read_label_map(&lab.path(target)).unwrap(), &expected, source);
        }
        assert_eq!(lab.path("back.label_map.json").exists(), named, "{source}");
        let scored = lab.end(&["evaluate", "--reference", "labels.nii.gz", "--prediction", "s.dcm", "--json"]);
        assert_eq!(scored.code, 0, "{}", scored.err);
        let found = rows(&scored);
        let names: BTreeSet<&str> = found.iter().map(|(_, name, _)| name.as_str()).collect();
        assert!(found.len() == 4 && found.iter().all(|(.., dice)| *dice == Some(1.0)), "{found:?}");
        assert_eq!(names.contains("lesion") && names.contains("spleen"), named, "{names:?}");
    }
}

/// Values from 1 without a gap are the numbers of the segments: nothing is told.
#[test]
fn values_that_are_numbers_need_no_word() {
    let mut expected = labels();
    expected
        .voxels
        .mapv_inplace(|value| [(0, 0), (1, 1), (5, 2), (6, 3), (117, 4)].iter().find(|it| it.0 == value).unwrap().1);
    let lab = lab(&expected);
    assert_eq!(convert(&lab, &["labels.nii.gz", "s.dcm", "--on", "ct"]).err, "");
    convert(&lab, &["s.dcm", "back.nii.gz", "--on", "ct"]);
    same_labels(&read_label_map(&lab.path("back.nii.gz")).unwrap(), &expected, "numbers");
}

/// Objects leave out what is empty: without their series, the grid is a part of it.
#[test]
fn an_object_without_its_series_is_told_to_be_a_part() {
    let lab = lab(&labels());
    convert(&lab, &["labels.nii.gz", "s.dcm", "--on", "ct"]);
    let told = convert(&lab, &["s.dcm", "part.nii.gz"]).err;
    assert!(told.contains("covers 4 of the 6 slices of its series; --on SERIES"), "{told}");
    assert_eq!(read_label_map(&lab.path("part.nii.gz")).unwrap().geometry.shape, [4, 8, 10]);
    assert_eq!(convert(&lab, &["s.dcm", "whole.nii.gz", "--on", "ct"]).err, "");
}
