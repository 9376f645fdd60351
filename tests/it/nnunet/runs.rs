//! What is done with imported runs: reports, remedies, exports, archives.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::made::{Change, description, model, plans};
use super::{NAME, folder, imported, with_model};
use crate::lab::{Lab, json};

const EXPERIMENT: &str = "Dataset007_Tiny-2d";
const REMEDY: &str = "segspec import nnunet";

#[test]
fn several_imported_runs_have_a_report_or_a_remedy() {
    let lab = with_model(&["0", "1"]);
    imported(&lab, &[]);
    let refused = |word: &str| {
        let ended = lab.end(&["report", EXPERIMENT]);
        assert!(ended.code == 4 && ended.err.contains(word), "{word}: {} {}", ended.code, ended.err);
    };
    refused("--dataset");
    let made = imported(&lab, &["--dataset", "tiny"]);
    refused("`segspec run-plan RUN` scores an imported run");
    for run in 0..3 {
        let ended = lab.end(&["run-plan", folder(&lab, &made, run).to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
    for (path, out) in [(EXPERIMENT.to_owned(), "named"), (format!("runs/{EXPERIMENT}"), "below")] {
        let ended = lab.end(&["report", &path, "--json", "--output", out]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        let told: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(told["trials"].as_array().unwrap().len(), 3, "two folds and their mean: {told:#}");
        assert!(lab.path(out).join("report.html").is_file());
    }
    assert_eq!(lab.end(&["report", EXPERIMENT]).code, 0);
    assert!(lab.path(&format!("reports/{EXPERIMENT}/report.html")).is_file());
}

#[test]
fn remedies_fit_imported_runs() {
    let lab = with_model(&["0"]);
    let run = folder(&lab, &imported(&lab, &["--dataset", "tiny"]), 0);
    let text = run.to_str().unwrap();
    for command in [&["show", EXPERIMENT][..], &["run", EXPERIMENT]] {
        let ended = lab.end(command);
        assert!(ended.code == 3 && ended.err.contains("was imported"), "{command:?}: {} {}", ended.code, ended.err);
    }
    let ended = lab.end(&["run", text]);
    assert!(ended.code == 3 && !ended.err.contains("experiment.toml"), "{}", ended.err);
    let ended = lab.end(&["logs", text]);
    assert!(ended.code == 4 && ended.err.contains("was imported"), "{}", ended.err);
    let predict = ["predict", text, "--input", "data/set/imagesTr", "--output", "out"];
    for (file, command) in [
        ("manifest.json", &predict[..]),
        ("plan.toml", &predict),
        ("checkpoints/best.safetensors", &predict),
        ("checkpoints/best.safetensors", &["run-plan", text]),
    ] {
        let path = run.join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let ended = lab.end(command);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(ended.code != 0 && said.contains(REMEDY), "{file}: {} {said}", ended.code);
        for wrong in ["run the experiment", "train this run", "train again"] {
            assert!(!said.contains(wrong), "{file}: {said}");
        }
        fs::write(&path, whole).unwrap();
    }
    // What the remedy says mends it.
    fs::write(run.join("plan.toml"), "damaged").unwrap();
    assert_eq!(imported(&lab, &["--dataset", "tiny"])["runs"][0]["known"], "changed");
    assert_eq!(lab.end(&["run-plan", text]).code, 0);
}

#[test]
fn the_exported_metadata_names_the_checkpoint_of_the_model() {
    let lab = with_model(&["0"]);
    let run = folder(&lab, &imported(&lab, &[]), 0);
    let ended = lab.end(&["export", run.to_str().unwrap(), "--output", "exported"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let weights = &json(&lab.path("exported/metadata.json"))["weights"];
    assert_eq!(weights["checkpoint"], "checkpoint_final.pth");
    assert_eq!((&weights["imported-from"], &weights["epoch"]), (&json!("nnU-Net v2, nnUNetTrainer"), &json!(7)));
}

/// Packs a folder into an archive, with other content for the named file.
fn archive(from: &Path, to: &Path, damaged: Option<&str>) {
    let mut zip = zip::ZipWriter::new(fs::File::create(to).unwrap());
    for file in segspec::files::below(from).unwrap() {
        let name = file.strip_prefix(from).unwrap().to_string_lossy().into_owned();
        zip.start_file(name.clone(), zip::write::SimpleFileOptions::default()).unwrap();
        let bytes =
            if damaged.is_some_and(|part| name.ends_with(part)) { b"{".to_vec() } else { fs::read(file).unwrap() };
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn errors_name_archive_and_member_and_commands_are_quoted() {
    let lab = Lab::new();
    model(&lab.path("models").join(NAME), &plans(), &description(), &["0", "1"], &Change::default());
    for (damaged, member) in [
        ("plans.json", format!("{NAME}/plans.json: ")),
        ("dataset.json", format!("{NAME}/dataset.json: ")),
        ("fold_1/checkpoint_final.pth", format!("{NAME}/fold_1/checkpoint_final.pth: ")),
    ] {
        archive(&lab.path("models"), &lab.path("my model.zip"), Some(damaged));
        let ended = lab.end(&["import", "nnunet", "my model.zip"]);
        let expected = format!("error: my model.zip: {member}");
        assert!(ended.code == 4 && ended.err.starts_with(&expected), "{expected} is not {}", ended.err);
    }
    // What is not asked for is not read.
    let ended = lab.end(&["import", "nnunet", "my model.zip", "--folds", "0", "--name", "a b"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("`segspec predict 'runs/a b/"), "{}", ended.out);
    let ended = lab.end(&["import", "nnunet", "my model.zip", "--folds", "3"]);
    assert!(ended.err.starts_with(&format!("error: my model.zip: {NAME}: has no fold 3")), "{}", ended.err);
}

#[test]
fn a_first_stage_without_a_cascade_is_refused() {
    let lab = with_model(&["0"]);
    let ended = lab.end(&["import", "nnunet", NAME, "--first-stage", NAME]);
    assert!(ended.code == 2 && ended.err.contains("no second stage of a cascade"), "{} {}", ended.code, ended.err);
    assert!(!lab.path("runs").exists());
}
