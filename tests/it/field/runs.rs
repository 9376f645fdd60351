//! Field inputs about experiments: sizes that networks take, sweeps with a failing trial, numbers on the command line.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::field;
use crate::lab::{Ended, Lab, is_finished, json};

/// A workspace with the experiments and datasets of a field folder.
fn workspace(name: &str) -> Option<Lab> {
    let folder = field(name)?;
    let lab = Lab::new();
    for part in ["experiments", "datasets"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let file = Path::new(part).join(path.file_name().unwrap());
            lab.write(file.to_str().unwrap(), &fs::read_to_string(&path).unwrap());
        }
    }
    Some(lab)
}

fn check(lab: &Lab, settings: &[&str]) -> Ended {
    let set = settings.iter().flat_map(|setting| ["--set", setting]);
    lab.end(&["check", "experiments/tiny.toml"].into_iter().chain(set).collect::<Vec<_>>())
}

/// Strides of 8 in all, of which only some axes of a patch are multiples.
const DEEP: [&str; 3] = [
    "model.unet.features=[4, 8, 8, 8]",
    "model.unet.strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]]",
    "model.unet.kernels=[[3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]]",
];

#[test]
fn sizes_that_do_not_fit_are_found_before_training() {
    let Some(lab) = workspace("24-patches-and-depth") else { return };
    // Size, the word for the axis that is wrong, and sizes that fit.
    for (size, axis, fit) in [("[18, 16, 16]", "z", "16"), ("[16, 20, 16]", "y", "24"), ("[16, 16, 28]", "x", "32")] {
        let refused = check(&lab, &[&DEEP[..], &[&format!("train.patch-size={size}")]].concat());
        assert_eq!(refused.code, 3, "{size}: {}", refused.err);
        assert!(refused.err.contains("patch-size") && refused.err.contains(axis), "{size}: {}", refused.err);
        assert!(refused.err.contains(fit), "{size}: {}", refused.err);
    }
    let bottleneck = check(&lab, &[&DEEP[..], &["train.patch-size=[8, 8, 8]"]].concat());
    let said = format!("{}{}", bottleneck.out, bottleneck.err);
    assert!(said.contains("one voxel"), "{said}");
    // Larger than every image along every axis: padded.
    let large =
        ["--set", "train.patch-size=[48, 48, 48]", "--set", "train.epochs=1", "--set", "train.steps-per-epoch=2"];
    lab.run("tiny", &large);
    let run = lab.run_folder("tiny");
    let history = json(&run.join("training_history.json"));
    let losses = history["loss"].as_array().unwrap();
    assert!(!losses.is_empty() && losses.iter().all(|loss| loss.as_f64().is_some_and(f64::is_finite)), "{history}");
    assert!(is_finished(&run));
}

#[test]
fn one_failing_trial_does_not_lose_the_night() {
    let Some(lab) = workspace("25-one-trial-of-a-sweep-fails") else { return };
    let ended = lab.end(&["run", "experiments/sweep.toml"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    let finished = |lab: &Lab| lab.run_folders("sweep").iter().filter(|run| is_finished(run)).count();
    assert_eq!((finished(&lab), lab.run_folders("sweep").len()), (3, 4));
    let (listed, report) = (lab.end(&["ls", "sweep"]), lab.end(&["report", "experiments/sweep.toml"]));
    let page = fs::read_to_string(lab.path("reports/sweep/report.html")).unwrap();
    for (place, text) in [("terminal", &ended.err), ("ls", &listed.out), ("page", &page)] {
        assert!(text.contains("failed: ") && text.contains("learning rate"), "{place}: {text}");
    }
    assert!(report.out.contains("1 of 4 runs"), "{}{}", report.out, report.err);
    let again = lab.end(&["run", "experiments/sweep.toml"]);
    assert_eq!((again.code, again.err.matches("already finished, skipped").count()), (5, 3), "{}", again.err);
}

#[test]
fn numbers_are_read_as_toml_reads_them_and_never_as_text() {
    let Some(lab) = workspace("26-numbers-on-the-command-line") else { return };
    let key = "train.optimizer.adamw.learning-rate";
    let ids = |further: &[&str]| -> Vec<String> {
        let rows = lab.dry_run("tiny", further);
        rows.iter().map(|row: &Value| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let id = |value: &str| ids(&["--set", &format!("{key}={value}")]);
    let small = id("1e-5");
    assert_eq!(small.len(), 1);
    for same in ["1E-5", "1e-05", "0.00001"] {
        assert_eq!(id(same), small, "{same}");
    }
    assert_eq!(id("1"), id("1.0"));
    for wrong in [".001", "5.", "-1", "nan", "inf", "\"0.001\"", "fast"] {
        let refused = check(&lab, &[&format!("{key}={wrong}")]);
        assert_eq!(refused.code, 3, "{wrong}: {}", refused.err);
        assert!(refused.err.contains("learning-rate"), "{wrong}: {}", refused.err);
    }
    let mut shown = lab.command(&["run", "experiments/tiny.toml", "--dry-run", "--json"]);
    let shown = crate::lab::end(shown.env("SEGSPEC__TRAIN__OPTIMIZER__ADAMW__LEARNING_RATE", "1e-05"));
    assert!(shown.out.contains(&small[0]), "{}{}", shown.out, shown.err);
    // Three ways to write one value: one trial.
    let sweep = lab.end(&["run", "experiments/sweep.toml", "--dry-run", "--json"]);
    match sweep.code {
        0 => {
            let rows: Vec<Value> = serde_json::from_str(&sweep.out).unwrap();
            assert_eq!(rows.len(), 2, "{}", sweep.out);
        }
        code => assert!(code == 3 && sweep.err.contains("learning-rate"), "{code}: {}", sweep.err),
    }
    assert_eq!(check(&lab, &["train.epochs=10"]).code, 0);
    for whole in ["1e2", "10.0"] {
        let refused = check(&lab, &[&format!("train.epochs={whole}")]);
        assert!(
            refused.code == 0 || refused.err.contains("whole number") || refused.err.contains("integer"),
            "{whole}: {}",
            refused.err
        );
    }
}
