//! `segspec convert`: what lies at the target already, and targets and sources that the machine does not give.

use std::fs;

use segspec::volume::{Geometry, LabelMap, write_label_map, write_volume};

use crate::evaluate_forms::{image, series};
use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new();
    write_volume(&lab.path("ct.nii.gz"), &image(1)).unwrap();
    let voxels = ndarray::Array3::from_shape_fn([12; 3], |(z, y, x)| {
        u16::from([z, y, x].into_iter().all(|place| (2..10).contains(&place))) * (1 + u16::from(x > 5))
    });
    let geometry = Geometry::axis_aligned([12; 3], [1.0; 3]);
    write_label_map(&lab.path("labels.nii.gz"), &LabelMap { voxels, geometry }).unwrap();
    fs::create_dir(lab.path("in")).unwrap();
    fs::copy(lab.path("ct.nii.gz"), lab.path("in/a.nii.gz")).unwrap();
    lab
}

/// What is written twice: the second time only on request.
#[test]
fn what_is_there_is_replaced_only_on_request() {
    for arguments in [
        &["ct.nii.gz", "out.nrrd"][..],
        &["ct.nii.gz", "deep/series"],
        &["labels.nii.gz", "out.nii.gz", "--labels", "--colours", "out.txt"],
        &["labels.nii.gz", "out.stl", "--labels"],
        &["labels.nii.gz", "out.html", "--labels"],
        &["labels.nii.gz", "out.glb", "--labels"],
        &["in", "out", "--to", "nrrd", "--map", "map.csv"],
        &["in", "out", "--to", "dicom"],
    ] {
        let lab = lab();
        let convert = |more: &[&str]| lab.end(&[&["convert"], arguments, more].concat());
        let first = convert(&[]);
        assert_eq!(first.code, 0, "{arguments:?}: {}", first.err);
        let second = convert(&[]);
        assert!(
            second.code == 2 && second.err.contains("is there already") && second.err.contains("--overwrite"),
            "{arguments:?}: {} {}",
            second.code,
            second.err
        );
        let third = convert(&["--overwrite"]);
        assert_eq!(third.code, 0, "{arguments:?}: {}", third.err);
        assert_eq!(third.out, first.out, "{arguments:?}");
    }
}

/// A table and a map are no less than a result.
#[test]
fn tables_beside_the_result_are_not_replaced_either() {
    let lab = lab();
    lab.write("known.txt", "precious");
    for arguments in [
        &["labels.nii.gz", "out.nii.gz", "--labels", "--colours", "known.txt"][..],
        &["in", "out", "--to", "nrrd", "--map", "known.txt"],
    ] {
        let ended = lab.end(&[&["convert"], arguments].concat());
        assert!(ended.code == 2 && ended.err.contains("known.txt: is there already"), "{}", ended.err);
        assert_eq!(fs::read_to_string(lab.path("known.txt")).unwrap(), "precious");
        assert!(!lab.path("out.nii.gz").exists() && !lab.path("out").exists(), "{arguments:?}");
    }
}

/// `--overwrite` replaces a series, never other files, and nothing if the new series fails.
#[test]
fn a_folder_with_other_files_is_not_replaced() {
    let lab = lab();
    let convert = |source: &str, target: &str| lab.end(&["convert", source, target, "--overwrite"]);
    assert_eq!(convert("ct.nii.gz", "series").code, 0);
    let slices = fs::read_dir(lab.path("series")).unwrap().count();
    let failed = convert("gone.nii.gz", "series");
    assert!(failed.code == 4 && !failed.err.contains(".tmp-"), "{}", failed.err);
    assert_eq!(fs::read_dir(lab.path("series")).unwrap().count(), slices);
    for (name, target, word) in [
        ("series/notes.txt", "series", "notes.txt"),
        ("folder.nrrd/a.txt", "folder.nrrd", "is a folder"),
        ("other/scan.dcm", "other", "scan.dcm"),
    ] {
        lab.write(name, "text");
        let ended = convert("ct.nii.gz", target);
        assert!(ended.code == 2 && ended.err.contains(word), "{target}: {}", ended.err);
        assert!(lab.path(name).exists(), "{name}");
    }
}

/// Wrong command lines are exit code 2, what the machine refuses 7.
#[test]
fn failures_are_told_by_whose_they_are() {
    let lab = lab();
    let mut rows = vec![
        (&["in", "out", "--to", "xyz"][..], 2, "no format that is written"),
        (&["in", "out", "--to", "html"], 2, "one by one"),
        (&["gone.nii.gz", "out.nrrd"], 4, "no such file"),
        (&["in", "out.nrrd", "--secret", "key"], 2, "--anonymize"),
    ];
    if cfg!(target_os = "linux") {
        rows.push((&["ct.nii.gz", "/proc/x.nii.gz"], 7, "nothing can be written to the folder /proc"));
        rows.push((&["ct.nii.gz", "/proc/x/series"], 7, "nothing can be written to the folder /proc"));
    }
    for (arguments, code, words) in rows {
        let ended = lab.end(&[&["convert"], arguments].concat());
        assert!(ended.code == code && ended.err.contains(words), "{arguments:?}: {} {}", ended.code, ended.err);
        assert!(!ended.err.contains(".tmp-"), "{arguments:?}: {}", ended.err);
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_the_machine_s_fault() {
    use std::os::unix::fs::PermissionsExt;
    let lab = lab();
    fs::set_permissions(lab.path("ct.nii.gz"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(lab.path("ct.nii.gz")).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    for arguments in [&["inspect", "ct.nii.gz"][..], &["convert", "ct.nii.gz", "out.nrrd"]] {
        let ended = lab.end(arguments);
        assert!(ended.code == 7 && ended.err.contains("permission denied"), "{arguments:?}: {}", ended.err);
    }
}

/// Remedies are those of the command that was given.
#[test]
fn remedies_are_options_of_the_command() {
    let lab = lab();
    fs::create_dir(lab.path("maps")).unwrap();
    for name in ["maps/liver.nii.gz", "maps/spleen.nii.gz"] {
        fs::copy(lab.path("labels.nii.gz"), lab.path(name)).unwrap();
    }
    let ended = lab.end(&["convert", "maps", "out.nii.gz"]);
    assert!(ended.code == 4 && ended.err.contains("--to ENDING") && !ended.err.contains("--layout"), "{}", ended.err);
    series(&lab.path("gap"), &image(1), "P");
    let mut slices: Vec<_> = fs::read_dir(lab.path("gap")).unwrap().map(|entry| entry.unwrap().path()).collect();
    slices.sort();
    fs::remove_file(&slices[2]).unwrap();
    let ended = lab.end(&["inspect", "gap"]);
    assert!(ended.err.contains("`segspec convert --fill-gaps`"), "{}", ended.err);
}

#[test]
fn an_image_in_a_file_of_dicom_is_told_what_it_can_become() {
    let lab = Lab::new();
    let mut volume = image(1);
    volume.voxels.fill(-5.5);
    write_volume(&lab.path("ct.nii.gz"), &volume).unwrap();
    let ended = lab.end(&["convert", "ct.nii.gz", "x.dcm"]);
    assert!(ended.code == 4 && ended.err.contains("name a folder, such as x"), "{}", ended.err);
}
