//! Ctrl-C ends every stage within seconds, with the state saved, also where one training step takes longer.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use ndarray::{Array4, Axis};
use segspec::volume::{Geometry, LabelMap, Volume, write_label_map, write_volume};

use crate::lab::{Lab, TINY, json, wait_for};
use crate::resume::interrupt;

/// How long a stage may take to end after Ctrl-C; the limit for users is 3 s, machines that run tests are busy.
const LIMIT: Duration = Duration::from_secs(4);

/// Interrupts; exit code and time until the end.
fn interrupted(mut child: Child) -> (Option<i32>, Duration) {
    let start = Instant::now();
    interrupt(&child);
    let code = child.wait().unwrap().code();
    (code, start.elapsed())
}

#[test]
fn a_step_that_takes_long_is_left_and_the_state_before_it_is_saved() {
    let lab = Lab::new();
    // A step of many seconds, made of kernels that are soon done.
    let large = TINY
        .replace("features = [4, 8]", "features = [16, 32]")
        .replace("patch-size = [16, 16, 16]", "patch-size = [64, 64, 64]\naccumulate = 64");
    lab.write("experiments/large.toml", &large);
    let arguments = ["run", "experiments/large.toml"];
    // Data and preprocessing first.
    lab.run("tiny", &[]);
    let child = lab.start(&arguments);
    let started = || lab.run_folders("large").first().is_some_and(|run| run.join("events.jsonl").is_file());
    assert!(wait_for(started));
    std::thread::sleep(Duration::from_secs(2));
    let (code, took) = interrupted(child);
    assert!(code == Some(130) && took < LIMIT, "{code:?} after {took:?}");
    let run = lab.run_folder("large");
    // Not the end of the patience, which saves nothing.
    assert!(run.join("checkpoints/last").is_dir(), "no state was saved");
    let manifest = json(&run.join("manifest.json"));
    assert!(manifest["sessions"][0]["ended"].is_string(), "{manifest}");
}

#[test]
fn every_stage_ends_soon_and_the_run_comes_to_the_same_end() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = crate::lab::results(&lab, "tiny");
    let other = Lab::new();
    let arguments = ["run", "experiments/tiny.toml"];
    // From generating the data over training to the report: wherever the moments fall.
    for moment in 0..12 {
        let child = other.start(&arguments);
        std::thread::sleep(Duration::from_millis(60 * moment));
        let (code, took) = interrupted(child);
        // Before the handler is there, the system ends the process.
        assert!(matches!(code, Some(130 | 0) | None), "{code:?}");
        assert!(took < LIMIT, "moment {moment}: {took:?}");
    }
    other.run("tiny", &[]);
    assert!(crate::lab::results(&other, "tiny") == expected);
}

#[test]
fn a_set_that_is_being_generated_is_stopped() {
    let lab = Lab::new();
    let out = lab.path("large");
    let child = lab.start(&["phantom", out.to_str().unwrap(), "--cases", "60", "--size", "large"]);
    std::thread::sleep(Duration::from_secs(1));
    let (code, took) = interrupted(child);
    assert!(code == Some(130) && took < LIMIT, "{code:?} after {took:?}");
    assert!(!out.exists());
}

/// Every file and empty folder, also hidden ones.
fn everything(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() && fs::read_dir(&path).unwrap().count() > 0 {
            true => names.extend(everything(&path)),
            false => names.push(path.display().to_string()),
        }
    }
    names
}

/// Whatever the moment, the target is whole or not there, nothing half-written lies beside it, and the same command succeeds.
#[test]
fn an_interrupted_conversion_leaves_all_or_nothing() {
    let lab = Lab::new();
    let geometry = Geometry::axis_aligned([160; 3], [1.0; 3]);
    let voxels = Array4::from_shape_fn([1, 160, 160, 160], |(_, z, y, x)| ((x * 7 + y * 3 + z) % 90) as f32);
    let volume = Volume { voxels, geometry };
    write_volume(&lab.path("ct.nii.gz"), &volume).unwrap();
    let labels = volume.voxels.index_axis(Axis(0), 0).mapv(|value| (value / 25.0) as u16);
    let labels = LabelMap { voxels: labels, geometry: volume.geometry.clone() };
    write_label_map(&lab.path("labels.nii.gz"), &labels).unwrap();
    for (source, target, files) in
        [("ct.nii.gz", "series/", 160), ("labels.nii.gz", "organs.stl", 3), ("ct.nii.gz", "ct.nrrd", 1)]
    {
        for moment in 0..14 {
            let out = lab.path("out");
            fs::create_dir_all(&out).unwrap();
            let to = format!("out/{target}");
            let arguments = if target == "organs.stl" {
                vec!["convert", source, &to, "--labels", "--triangles", "2000"]
            } else {
                vec!["convert", source, &to]
            };
            let child = lab.start(&arguments);
            std::thread::sleep(Duration::from_millis(40 * moment));
            let (code, took) = interrupted(child);
            assert!(matches!(code, Some(130 | 0) | None) && took < LIMIT, "{target}: {code:?} after {took:?}");
            let names = everything(&out);
            let images = names.iter().filter(|name| !name.ends_with(".json")).count();
            assert!(names.iter().all(|name| !name.contains(".tmp-")), "{target}, moment {moment}: {names:?}");
            assert!(images == 0 || images == files, "{target}, moment {moment}: {images} of {files}");
            fs::remove_dir_all(&out).unwrap();
        }
        let to = format!("done/{target}");
        let ended = lab.end(&["convert", source, &to, "--labels"][..if target == "organs.stl" { 4 } else { 3 }]);
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
}
