//! `segspec reproduce`: recorded numbers come again, and what keeps them from it is named.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::lab::{Ended, Lab, TINY, end};

fn lab() -> Lab {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    lab
}

fn reproduced(lab: &Lab, arguments: &[&str]) -> (i32, Value) {
    let ended = lab.end(&[&["reproduce"], arguments, &["--json"]].concat());
    let found = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err));
    (ended.code, found)
}

fn refused(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, code, "{}{}", ended.out, ended.err);
    for part in parts {
        assert!(ended.err.contains(part), "`{part}` is not in\n{}", ended.err);
    }
}

/// Everything below a folder with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = segspec::files::below(folder).unwrap();
    files.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_finished_run_comes_again_to_the_last_bit() {
    let lab = lab();
    let run = lab.run_folder("tiny");
    let before = content(&run);
    for arguments in [&["tiny"][..], &["experiments/tiny.toml", "--predict-only"], &["tiny", "--score-only"]] {
        let (code, found) = reproduced(&lab, arguments);
        assert_eq!((code, found[0]["verdict"].as_str()), (0, Some("identical")), "{arguments:?}: {found:#}");
        let results = found[0]["results"].as_array().unwrap();
        assert!(results.iter().all(|it| it["identical"] == it["count"]), "{arguments:?}");
        assert!(results.iter().any(|it| it["what"] == "Dice of liver") && results.len() > 10);
    }
    assert!(content(&run) == before, "the record was changed");
    assert!(!lab.path("runs/.cache/reproduce/all").exists());
    let plan = run.join("plan.toml").display().to_string();
    let text = lab.end(&["reproduce", &plan, "--score-only"]).out;
    assert!(text.contains("identical: every number is the same to the last bit"), "{text}");
}

#[test]
fn data_is_found_by_its_content_and_a_changed_voxel_is_named() {
    let lab = lab();
    fs::create_dir_all(lab.path("elsewhere")).unwrap();
    fs::rename(lab.path("data/set"), lab.path("elsewhere/renamed")).unwrap();
    let run = lab.run_folder("tiny").display().to_string();
    refused(&lab.end(&["reproduce", &run]), 4, &["no folder has the case", "--data"]);
    for data in ["elsewhere", "elsewhere/renamed"] {
        assert_eq!(reproduced(&lab, &[&run, "--data", data, "--predict-only"]).0, 0, "{data}");
    }
    let image = fs::read_dir(lab.path("elsewhere/renamed/imagesTr")).unwrap().next().unwrap().unwrap().path();
    let mut volume = segspec::volume::read_volume(&image).unwrap();
    volume.voxels[[0, 1, 1, 1]] += 1.0;
    segspec::volume::write_volume(&image, &volume).unwrap();
    let name = image.file_name().unwrap().to_str().unwrap();
    refused(&lab.end(&["reproduce", &run, "--data", "elsewhere"]), 4, &[name, "differs from the record"]);
}

#[test]
fn an_edited_plan_or_experiment_is_named_by_its_key() {
    let lab = lab();
    lab.write("experiments/tiny.toml", &TINY.replace("epochs = 3", "epochs = 4"));
    refused(
        &lab.end(&["reproduce", "experiments/tiny.toml"]),
        6,
        &["no run on record is that of", "train.epochs: 3 → 4"],
    );
    let run = lab.run_folder("tiny");
    let plan = run.join("plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    for (old, new, key) in [
        ("batch-size = 2", "batch-size = 3", "train.batch-size: 2 → 3"),
        ("overlap = 0.5", "overlap = 0.25", "predict.overlap: 0.5 → 0.25"),
    ] {
        // The last one: that of `[predict]`, not of the validation.
        let at = text.rfind(old).unwrap();
        let changed = format!("{}{new}{}", &text[..at], &text[at + old.len()..]);
        fs::write(&plan, changed).unwrap();
        refused(&lab.end(&["reproduce", run.to_str().unwrap()]), 6, &["edited since the run", key]);
    }
}

#[test]
fn another_processor_reproduces_within_a_tolerance_and_is_named() {
    let lab = lab();
    let mut command = lab.command(&["reproduce", "tiny", "--json", "--tolerance", "0.1"]);
    let ended = end(command.env("SEGSPEC_INSTRUCTIONS", "portable"));
    let found: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}", ended.err));
    let named = found[0]["differences"].as_array().unwrap().iter().any(|it| it["what"] == "instruction set");
    if !named {
        println!("skipped: this processor has no instruction set beyond the portable one");
        return;
    }
    assert_eq!((ended.code, found[0]["verdict"].as_str()), (0, Some("within-tolerance")), "{found:#}");
    let mut strict = lab.command(&["reproduce", "tiny", "--tolerance", "0"]);
    let strict = end(strict.env("SEGSPEC_INSTRUCTIONS", "portable"));
    assert_eq!(strict.code, 6, "{}", strict.out);
    assert!(strict.out.contains("instruction set: "), "{}", strict.out);
}

#[test]
fn files_that_the_run_did_not_write_are_named_before_anything_is_computed() {
    let lab = lab();
    let run = lab.run_folder("tiny");
    let images = crate::lab::images(&run);
    let original = fs::read(&images[0]).unwrap();
    fs::copy(&images[1], &images[0]).unwrap();
    let name = images[0].file_name().unwrap().to_str().unwrap();
    refused(&lab.end(&["reproduce", "tiny", "--score-only"]), 4, &[name, "changed since the run wrote it"]);
    fs::write(&images[0], original).unwrap();
    assert_eq!(reproduced(&lab, &["tiny", "--score-only"]).0, 0);
    let weights = run.join("checkpoints/best.safetensors");
    let original = fs::read(&weights).unwrap();
    fs::write(&weights, "5").unwrap();
    for command in [&["reproduce", "tiny"][..], &["reproduce", "tiny", "--predict-only"], &["pack", "tiny"]] {
        refused(&lab.end(command), 4, &["best.safetensors", "changed since the run wrote it"]);
    }
    fs::write(&weights, original).unwrap();
    let (code, found) = reproduced(&lab, &["tiny", "--predict-only"]);
    // What is taken from the record is not among the results.
    assert!(code == 0 && !found[0]["results"].to_string().contains("loss of each epoch"), "{found}");
    let wide = lab.end(&["reproduce", "tiny", "--tolerance", "1"]);
    assert!(wide.code == 2 && wide.err.contains("is not a tolerance"), "{}", wide.err);
}
