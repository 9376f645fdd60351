//! `run`, and `predict` with what it left.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array4;
use segspec::volume::{Geometry, Volume, nifti};
use serde_json::Value;

use super::{json, segspec, workspace};
use crate::lab::prediction;

/// Trains the tiny network and returns its run folder.
fn trained(place: &Path) -> PathBuf {
    let (code, _, err) = segspec(place, &["run", "experiments/tiny.toml"]);
    assert_eq!(code, 0, "{err}");
    let runs = json(place, &["ls", "tiny"]);
    place.join("runs/tiny").join(runs[0]["id"].as_str().unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(".nii.gz")).collect();
    names.sort();
    names
}

/// Segments images into `out` and returns the exit code, what was printed as JSON, and the messages.
fn predict(place: &Path, run: &Path, input: &str, more: &[&str]) -> (i32, Value, String) {
    let base = ["predict", run.to_str().unwrap(), "--input", input, "--output", "out", "--json"];
    let (code, out, err) = segspec(place, &[&base, more].concat());
    (code, serde_json::from_str(&out).unwrap_or_default(), err)
}

#[test]
fn predictions_are_those_of_the_run_and_failures_stop_nothing() {
    let folder = workspace();
    let place = folder.path();
    let run = trained(place);
    // All that is needed, somewhere else.
    let moved = place.join("elsewhere/run");
    fs::create_dir_all(moved.join("checkpoints")).unwrap();
    for file in ["plan.toml", "manifest.json", "checkpoints/best.safetensors"] {
        fs::copy(run.join(file), moved.join(file)).unwrap();
    }
    fs::create_dir(place.join("in")).unwrap();
    for name in names(&prediction(&run)) {
        fs::copy(place.join("data/set/imagesTr").join(&name), place.join("in").join(&name)).unwrap();
    }
    let (code, printed, err) = predict(place, &moved, "in", &[]);
    assert_eq!(code, 0, "{err}");
    let found = names(&prediction(&run));
    assert_eq!(printed["cases"].as_array().unwrap().len(), found.len());
    assert!(found.len() == 2 && printed["cases"][0]["structures"]["liver"]["ml"].is_number(), "{printed}");
    for name in &found {
        let same = fs::read(prediction(&run).join(name)).unwrap() == fs::read(place.join("out").join(name)).unwrap();
        assert!(same, "{name}");
    }
    let map = |file: PathBuf| -> Value { serde_json::from_slice(&fs::read(file).unwrap()).unwrap() };
    assert_eq!(map(place.join("out/label_map.json")), map(prediction(&run).join("label_map.json")));
    fails_case_by_case(place, &run);
    mirrors(place, &run, &found[0]);
    refuses(place, &run);
}

fn fails_case_by_case(place: &Path, run: &Path) {
    fs::create_dir(place.join("mixed")).unwrap();
    let good = fs::read(place.join("data/set/imagesTr/phantom_001.nii.gz")).unwrap();
    fs::write(place.join("mixed/good.nii.gz"), &good).unwrap();
    fs::write(place.join("mixed/cut.nii.gz"), &good[..good.len() / 2]).unwrap();
    let geometry = Geometry::axis_aligned([8, 9, 10], [3.0; 3]);
    let voxels = Array4::from_shape_fn([2, 8, 9, 10], |(c, z, y, x)| (c + z * y + x) as f32);
    nifti::write_volume(&place.join("mixed/two.nii.gz"), &Volume { voxels, geometry }).unwrap();
    let (code, printed, err) = predict(place, run, "mixed", &[]);
    let reasons: Vec<(&str, &str)> = printed["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["case"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!((code, reasons.len()), (4, 2), "{err}");
    assert!(reasons[0].0 == "cut" && reasons[0].1.contains("damaged file"), "{reasons:?}");
    assert_eq!(reasons[1], ("two", "the image has 2 channels, the network takes 1"));
    assert!(err.contains("excluded: cut: "), "{err}");
    assert!(place.join("out/good.nii.gz").is_file() && !place.join("out/cut.nii.gz").exists());
}

fn mirrors(place: &Path, run: &Path, name: &str) {
    let plain = fs::read(place.join("out").join(name)).unwrap();
    // The result without flips is not replaced unasked.
    assert_eq!(predict(place, run, &format!("in/{name}"), &["--mirror"]).0, 2);
    assert_eq!(predict(place, run, &format!("in/{name}"), &["--mirror", "--overwrite"]).0, 0);
    assert!(fs::read(place.join("out").join(name)).unwrap() != plain, "an average over flips is another prediction");
}

fn refuses(place: &Path, run: &Path) {
    fs::rename(place.join("in"), place.join("out2")).unwrap();
    let before = fs::read(place.join("out2/phantom_000.nii.gz")).unwrap();
    let (code, _, err) = segspec(place, &["predict", run.to_str().unwrap(), "--input", "out2", "--output", "out2"]);
    assert!(code == 2 && err.contains("would replace the image"), "{err}");
    assert_eq!(fs::read(place.join("out2/phantom_000.nii.gz")).unwrap(), before);
    let (code, _, err) = predict(place, Path::new("experiments"), "out2", &[]);
    assert!(code == 4 && err.contains("not a run folder"), "{err}");
    let (code, _, err) = predict(place, run, "experiments", &[]);
    assert!(code == 4 && err.contains("no image file"), "{err}");
}

/// SIGINT is what Ctrl-C sends.
#[test]
#[cfg(unix)]
fn a_stopped_run_ends_with_130_and_goes_on() {
    let folder = workspace();
    let place = folder.path();
    let arguments = ["run", "experiments/tiny.toml", "--set", "train.epochs=40"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_segspec"))
        .current_dir(place)
        .env_remove("SEGSPEC_DATA")
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let epochs = || json(place, &["ls"])[0]["epochs"].as_u64().unwrap_or(0);
    let begun = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        epochs() > 0 || child.try_wait().unwrap().is_some()
    });
    assert!(begun, "no epoch within a minute");
    let signal = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let (stopped, row) = (epochs(), &json(place, &["ls"])[0]);
    assert!(row["status"] == "resumable" && stopped < 40, "{row}");
    let (code, _, err) = segspec(place, &arguments);
    assert!(code == 0 && err.contains("resumed after step"), "{err}");
    assert_eq!(epochs(), 40);
}
