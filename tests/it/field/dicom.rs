//! DICOM inputs that public bug reports of other tools describe (folders 01, 06 and 29 of the shared `field`): each command of their EXPECT.md.

use std::collections::BTreeMap;
use std::path::Path;

use segspec::volume::{Volume, read_label_map, read_volume};
use serde_json::Value;

use super::field;
use crate::lab::{Ended, Lab, end};

/// A command on a file of the folder.
fn on(lab: &Lab, folder: &Path, arguments: &[&str]) -> Ended {
    let full =
        arguments.iter().map(|argument| match argument.starts_with("data/") || argument.starts_with("datasets/") {
            true => folder.join(argument).to_string_lossy().into_owned(),
            false => (*argument).to_owned(),
        });
    let full: Vec<String> = full.collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    end(lab.command(&full).env("SEGSPEC_DATA", folder))
}

fn done(lab: &Lab, folder: &Path, arguments: &[&str]) -> String {
    let ended = on(lab, folder, arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}{}", ended.out, ended.err);
    ended.out
}

fn image(lab: &Lab, name: &str) -> Volume {
    read_volume(&lab.path(name)).unwrap()
}

#[test]
fn a_localiser_in_a_series_is_listed_and_a_colour_page_does_not_hide_the_image() {
    let Some(folder) = field("01-localizer-in-series") else { return };
    let lab = Lab::new();
    let listed = done(&lab, &folder, &["inspect", "data/dicom"]);
    let refused = on(&lab, &folder, &["convert", "data/dicom", "out.nii.gz"]);
    assert_eq!(refused.code, 4);
    for text in [listed, refused.err] {
        for stack in ["[axial]: 6 × 12 × 10", "[sagittal]: 1 ×", "[coronal]: 1 ×"] {
            assert!(text.contains(stack), "{stack}: {text}");
        }
    }
    done(&lab, &folder, &["convert", "data/dicom", "axial.nii.gz", "--stack", "axial"]);
    let axial = image(&lab, "axial.nii.gz");
    assert_eq!((axial.geometry.shape, axial.geometry.spacing_mm()), ([6, 12, 10], [2.0, 1.5, 1.0]));
    // The stored values, little endian after the header of the array's file.
    let stored = std::fs::read(folder.join("data/vol.npy")).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([stored[8], stored[9]]));
    let width = (stored.len() - header) / (6 * 12 * 10);
    let stored = stored[header..].chunks_exact(width).map(|bytes| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])));
    let expected: Vec<f32> = stored.collect();
    let found: Vec<f32> = axial.voxels.iter().copied().collect();
    let offset = if found == expected { 0.0 } else { 1024.0 };
    assert!(found.iter().zip(&expected).all(|(found, stored)| *found == stored - offset), "{found:?}");
    for page in ["data/dicom_sc", "data/dicom_two"] {
        for more in [&[][..], &["--series", "Synthetic"], &["--series", "CT"]] {
            let ended = on(&lab, &folder, &[&["convert", page, "page.nii.gz", "--overwrite"], more].concat());
            assert_eq!(ended.code, 0, "{page} {more:?}: {}", ended.err);
            assert_eq!(image(&lab, "page.nii.gz").geometry.shape, [6, 12, 10], "{page} {more:?}");
            assert_eq!(ended.err.contains("left aside"), more.is_empty(), "{page} {more:?}: {}", ended.err);
        }
        let text = done(&lab, &folder, &["inspect", page]);
        assert!(text.contains("colour page (secondary capture)") && text.contains("read without --series"), "{text}");
    }
}

/// Voxels of each structure in each case that is used, by label value.
fn voxels(text: &str) -> Vec<BTreeMap<String, u64>> {
    let json: Value = serde_json::from_str(text).unwrap();
    let of = |case: &Value| {
        assert_eq!(case["excluded"], Value::Null, "{case}");
        let counts = case["label_voxels"].as_object().unwrap();
        counts
            .iter()
            .filter(|(value, _)| *value != "0")
            .map(|(value, count)| (value.clone(), count.as_u64().unwrap()))
            .collect()
    };
    json["cases"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn objects_without_their_empty_frames_are_labels_on_the_grid_of_the_image() {
    let Some(folder) = field("06-seg-file-per-structure") else { return };
    let lab = Lab::new();
    for (dataset, spleen) in [
        ("pair-liver", false),
        ("masks", true),
        ("masks-liver", false),
        ("masks-liver-r", false),
        ("masks-resample", true),
        ("folder", true),
    ] {
        let text = done(&lab, &folder, &["dataset", "check", &format!("datasets/{dataset}.toml"), "--json"]);
        let mut expected = BTreeMap::from([("1".to_owned(), 180)]);
        expected.extend(spleen.then(|| ("2".to_owned(), 48)));
        assert_eq!(voxels(&text), vec![expected; 3], "{dataset}");
    }
    let refused = on(&lab, &folder, &["inspect", "data/set/p0/segs"]);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("(liver.dcm, spleen.dcm)") && refused.err.contains("by-name"), "{}", refused.err);
}

#[test]
fn contours_are_labels_and_objects_beside_an_image_leave_it_readable() {
    let Some(folder) = field("29-rtstruct-as-label") else { return };
    let lab = Lab::new();
    let text = done(&lab, &folder, &["inspect", "data/set/p0/rs.dcm"]);
    assert!(text.contains("RTSTRUCT (contours)") && text.contains("liver") && text.contains("CLOSED_PLANAR"), "{text}");
    let checked = done(&lab, &folder, &["dataset", "check", "datasets/rt.toml", "--json"]);
    assert_eq!(voxels(&checked), vec![BTreeMap::from([("1".to_owned(), 16)]); 3]);
    for target in ["x.nii.gz", "x.seg.nrrd", "x.dcm"] {
        done(&lab, &folder, &["convert", "data/set/p0/rs.dcm", target, "--on", "data/set/p0/ct"]);
    }
    let label = read_label_map(&lab.path("x.nii.gz")).unwrap();
    let inside: Vec<_> =
        label.voxels.indexed_iter().filter(|(_, value)| **value == 1).map(|(place, _)| place).collect();
    assert_eq!((label.geometry.shape, inside.len()), ([6, 8, 8], 16));
    // The contour's corners are (1, 1) and (5, 5) in the slice at 4 mm.
    assert!(inside.iter().all(|(z, y, x)| *z == 2 && (1..5).contains(y) && (1..5).contains(x)), "{inside:?}");
    for named in ["x.seg.nrrd", "x.dcm"] {
        assert!(done(&lab, &folder, &["inspect", named]).contains("liver"), "{named}");
    }
    let refused = on(&lab, &folder, &["convert", "data/set/p0/rs.dcm", "y.nii.gz"]);
    assert!(
        refused.code == 4 && refused.err.contains("holds contours (RTSTRUCT)") && refused.err.contains("--on"),
        "{}",
        refused.err
    );
    for mixed in ["data/mixed", "data/mixed_dose"] {
        done(&lab, &folder, &["convert", mixed, "mixed.nii.gz", "--overwrite"]);
        assert_eq!(image(&lab, "mixed.nii.gz").geometry.shape, [6, 8, 8]);
        done(&lab, &folder, &["convert", &format!("{mixed}/rs.dcm"), "rs.nii.gz", "--on", mixed, "--overwrite"]);
        let text = done(&lab, &folder, &["inspect", mixed]);
        assert!(text.contains("contours (RTSTRUCT)") && text.contains("report (SR)"), "{text}");
    }
    let alone = on(&lab, &folder, &["inspect", "data/mixed/sr.dcm"]);
    assert!(alone.code == 4 && alone.err.contains("report (SR)"), "{}", alone.err);
    let dose = on(&lab, &folder, &["convert", "data/mixed_dose/rd.dcm", "dose.nii.gz"]);
    assert!(dose.code == 4 && dose.err.contains("dose distribution (RTDOSE)"), "{}", dose.err);
}
