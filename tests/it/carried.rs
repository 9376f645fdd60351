//! The experiment and dataset files in a run folder run again: as the same run, alone.

use serde_json::Value;

use crate::cascades::with_classifier;
use crate::lab::{Lab, TINY};

/// What `--dry-run` says of an experiment file.
fn planned(lab: &Lab, file: &str) -> Vec<Value> {
    let ended = lab.end(&["run", file, "--dry-run", "--json"]);
    assert_eq!(ended.code, 0, "{file}: {}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// Runs an experiment and then asks each run folder's own file for its run.
fn runs_again(name: &str, text: &str, arguments: &[&str]) {
    let lab = Lab::new();
    lab.write(&format!("experiments/{name}.toml"), text);
    lab.run(name, arguments);
    for run in lab.run_folders(name) {
        let id = run.file_name().unwrap().to_str().unwrap();
        let file = run.join("experiment.toml").display().to_string();
        let checked = lab.end(&["check", &file, &run.join("dataset.toml").display().to_string()]);
        assert_eq!(checked.code, 0, "{name}: {}", checked.err);
        let before = std::fs::read_to_string(run.join("plan.toml")).unwrap();
        let found = planned(&lab, &file);
        let own = found.iter().find(|it| it["id"] == id).unwrap_or_else(|| panic!("{name}: {id} is not in {found:?}"));
        assert_eq!(own["status"], "finished", "{name}");
        let ended = lab.end(&["run", &file]);
        assert_eq!(ended.code, 0, "{name}: {}", ended.err);
        assert_eq!(std::fs::read_to_string(run.join("plan.toml")).unwrap(), before, "{name}: another plan");
    }
}

#[test]
fn the_specs_of_a_run_are_those_of_the_run_alone() {
    let more = |more: &str| format!("# A remark.\n{}\n{more}\n", TINY.trim_start());
    for (name, text, arguments) in [
        ("plain", more(""), &["--set", "train.epochs=2"][..]),
        ("layers", "extends = [\"tiny.toml\"]\ndescription = \"a layer\"\n[train]\nepochs = 2\n".into(), &[]),
        ("grid", more("[sweep]\nseeds = [1, 2]\ntrain.optimizer.adamw.learning-rate = [1e-3, 2e-3]"), &[]),
        ("folds", more("[split.k-fold]\nfolds = 2\nvalidation = 0.34"), &["--fold", "all"]),
        (
            "search",
            more(
                "[sweep]\nmethod = \"random\"\nbudget = { trials = 2 }\ntrain.optimizer.adamw.learning-rate = { log-uniform = [1e-4, 1e-2] }",
            ),
            &[],
        ),
        ("cascade", with_classifier("sensitivity = 0.5"), &[]),
        ("ensemble", more("[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true"), &[]),
    ] {
        runs_again(name, &text, arguments);
    }
}

#[test]
fn remarks_stay_and_the_run_folder_can_be_copied_to_another_place() {
    let lab = Lab::new();
    lab.write("experiments/noted.toml", &format!("# Why this study.\n{TINY}"));
    lab.run("noted", &["--set", "train.epochs=2"]);
    let run = lab.run_folder("noted");
    let text = std::fs::read_to_string(run.join("experiment.toml")).unwrap();
    assert!(text.starts_with("# Why this study.") && text.contains("epochs = 2"), "{text}");
    let other = Lab::new();
    for name in ["experiment.toml", "dataset.toml"] {
        other.write(&format!("study/{name}"), &std::fs::read_to_string(run.join(name)).unwrap());
    }
    let ended = other.end(&["run", "study/experiment.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(other.run_folder("noted").file_name(), run.file_name());
}
