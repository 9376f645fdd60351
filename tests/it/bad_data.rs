//! Data and machines that are not as they should be: a clear message, the documented exit code, nothing half-written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use segspec::volume::{nifti, write_label_map, write_volume};

use crate::lab::{Ended, Lab, TINY, is_finished, json, prediction, scores, sorted};

const RUN: [&str; 2] = ["run", "experiments/tiny.toml"];

/// With the images already made.
fn lab_with_data() -> Lab {
    let lab = Lab::new();
    lab.run("tiny", &["--dry-run"]);
    lab
}

fn image(lab: &Lab, number: usize) -> PathBuf {
    lab.path(&format!("data/set/imagesTr/phantom_{number:03}.nii.gz"))
}

fn label(lab: &Lab, number: usize) -> PathBuf {
    lab.path(&format!("data/set/labelsTr/phantom_{number:03}.nii.gz"))
}

fn truncate(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

/// Files below a folder whose names are those of unfinished ones, or of a size of nothing.
fn half_written(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in sorted(folder) {
        if path.is_dir() {
            found.extend(half_written(&path));
        } else if path.file_name().unwrap().to_string_lossy().starts_with(".tmp")
            || fs::metadata(&path).unwrap().len() == 0
        {
            found.push(path);
        }
    }
    found
}

/// The run failed with this code and these words, finished nothing and left nothing half-written.
fn assert_failed(lab: &Lab, ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{}", ended.err);
    let last = ended.err.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{}", ended.err);
    assert!(words.iter().all(|word| ended.err.contains(word)), "{words:?}: {}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    for run in lab.run_folders("tiny") {
        assert!(!is_finished(&run));
    }
    assert_eq!(half_written(&lab.path("runs")), Vec::<PathBuf>::new());
}

#[test]
fn a_bad_case_is_a_row_in_the_tables_and_the_run_goes_on() {
    let lab = lab_with_data();
    truncate(&image(&lab, 1));
    let mut stray = nifti::read_label_map(&label(&lab, 2)).unwrap();
    stray.voxels[[1, 1, 1]] = 77;
    write_label_map(&label(&lab, 2), &stray).unwrap();
    fs::copy(label(&lab, 4), label(&lab, 3)).unwrap();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let excluded = json(&prediction(&run).join("excluded.json"));
    let row = |case: &str| {
        let rows = excluded.as_array().unwrap();
        let found = rows.iter().find(|row| row["case"] == case).unwrap_or_else(|| panic!("{case}: {excluded}"));
        found["reason"].as_str().unwrap().to_owned()
    };
    assert!(row("phantom_001").contains("damaged file"), "{excluded}");
    assert!(row("phantom_002").contains("77"), "{excluded}");
    assert!(row("phantom_003").contains("shape") && row("phantom_003").contains("phantom_003.nii.gz"), "{excluded}");
    let cases: Vec<String> = scores(&run).into_iter().map(|row| row.case).collect();
    assert_eq!(cases, ["phantom_000", "phantom_000"], "phantom_003 was to be scored too");
    let page = fs::read_to_string(lab.path("reports/tiny/report.html")).unwrap();
    assert!(["phantom_001", "phantom_002", "phantom_003"].iter().all(|case| page.contains(case)));
    let table = fs::read_to_string(lab.path("reports/tiny/excluded.csv")).unwrap();
    assert!(table.contains("phantom_002") && table.contains("77"), "{table}");
}

#[test]
fn a_set_without_a_usable_case_fails_before_training() {
    let lab = lab_with_data();
    (0..6).for_each(|number| truncate(&image(&lab, number)));
    assert_failed(
        &lab,
        &lab.end(&RUN),
        4,
        &["dataset `tiny`", "none of its cases can be used (6 in all)", "phantom_000"],
    );
    assert!(lab.run_folders("tiny").is_empty());
}

#[test]
fn without_a_case_to_score_there_is_nothing_to_run() {
    let lab = lab_with_data();
    truncate(&image(&lab, 0));
    truncate(&image(&lab, 3));
    assert_failed(&lab, &lab.end(&RUN), 4, &["no usable test case"]);
}

#[test]
fn an_empty_folder_and_a_missing_one_are_named_with_the_remedy() {
    let lab = lab_with_data();
    let pairs = "layout = { pairs = { image = \"images/{case}.nii.gz\", label = \"labels/{case}.nii.gz\" } }";
    let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let start = dataset.find("layout = ").unwrap();
    // With `generate` behind it the set would be made again.
    let end = start + dataset[start..].find("\n\n").unwrap();
    lab.write("datasets/tiny.toml", &dataset.replace(&dataset[start..end], pairs));
    fs::remove_dir_all(lab.path("data/set")).unwrap();
    assert_failed(&lab, &lab.end(&RUN), 4, &["no folder at", "SEGSPEC_DATA"]);
    fs::create_dir_all(lab.path("data/set")).unwrap();
    assert_failed(&lab, &lab.end(&RUN), 4, &["no cases in", "images/{case}.nii.gz"]);
    assert!(lab.run_folders("tiny").is_empty());
}

#[test]
fn changed_images_make_another_run() {
    let lab = lab_with_data();
    lab.run("tiny", &[]);
    let first = lab.run_folder("tiny");
    let mut image = nifti::read_volume(&image(&lab, 5)).unwrap();
    image.voxels.mapv_inplace(|value| value + 1.0);
    write_volume(&self::image(&lab, 5), &image).unwrap();
    lab.run("tiny", &[]);
    assert_eq!(lab.run_folders("tiny").len(), 2, "other data, another run");
    assert!(is_finished(&first));
}

/// A small file system below the lab, unmounted when dropped; none where the tester may not mount.
#[cfg(target_os = "linux")]
struct Mounted(PathBuf);

#[cfg(target_os = "linux")]
impl Mounted {
    fn new(folder: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "segspec-test"]).arg(&folder);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                eprintln!("skipped: mounting a tmpfs needs root");
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// From too little for the cache of prepared cases to too little for the pictures of the report.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_the_machines_fault_and_the_run_goes_on_when_there_is_room() {
    let lab = lab_with_data();
    fs::remove_dir_all(lab.path("runs")).unwrap();
    let whole = lab_with_data();
    whole.run("tiny", &[]);
    for kilobytes in [8, 100, 400, 700, 900] {
        let Some(disk) = Mounted::new(lab.path("runs"), &format!("size={kilobytes}k")) else { return };
        let ended = lab.end(&RUN);
        assert_failed(&lab, &ended, 7, &["space left on device"]);
        let grown = Command::new("mount").args(["-o", "remount,size=50m"]).arg(&disk.0).status().unwrap();
        assert!(grown.success());
        lab.run("tiny", &[]);
        assert!(crate::lab::results(&lab, "tiny") == crate::lab::results(&whole, "tiny"), "{kilobytes} kB");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_read_only_run_root_is_the_machines_fault() {
    let lab = lab_with_data();
    fs::remove_dir_all(lab.path("runs")).unwrap();
    let Some(_disk) = Mounted::new(lab.path("runs"), "ro,size=1m") else { return };
    assert_failed(&lab, &lab.end(&RUN), 7, &["read-only file system", "runs/"]);
}

#[test]
fn a_file_in_the_place_of_the_run_root_is_named() {
    let lab = lab_with_data();
    lab.write("taken", "a file");
    let ended = lab.end(&["run", "experiments/tiny.toml", "--set", "run-root=taken"]);
    assert_failed(&lab, &ended, 7, &["taken"]);
}

#[test]
fn a_missing_device_and_a_missing_fold_are_refused_before_any_work() {
    let lab = lab_with_data();
    lab.write("experiments/tiny.toml", TINY);
    let ended = lab.end(&["run", "experiments/tiny.toml", "--device", "cuda:99"]);
    assert_failed(&lab, &ended, 7, &["cuda:99"]);
    let ended = lab.end(&["run", "experiments/tiny.toml", "--fold", "3"]);
    assert_failed(&lab, &ended, 3, &["there is no fold 3"]);
    assert!(lab.run_folders("tiny").is_empty());
}
