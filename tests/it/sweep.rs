//! A sweep: planned whole, killed on the way, and nothing done twice.

use std::time::Duration;

use segspec::evaluate::DICE;
use serde_json::Value;

use crate::lab::{Lab, events, manifest, scores, wait_for};

const GRID: &str = r#"
extends = ["tiny.toml"]

[train]
epochs = 1
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-2, 1e-3]
model.unet.features = [[4, 8], [4, 4]]
seeds = [0, 1]
"#;

fn grid() -> Lab {
    let lab = Lab::new();
    lab.write("experiments/grid.toml", GRID);
    lab
}

fn states(lab: &Lab) -> [usize; 3] {
    let runs = lab.dry_run("grid", &[]);
    let count = |states: &[&str]| runs.iter().filter(|run| states.iter().any(|state| run["status"] == *state)).count();
    [count(&["new"]), count(&["finished"]), count(&["resumable", "trained", "predicted"])]
}

#[test]
fn killed_twice_a_sweep_goes_on_and_nothing_runs_twice() {
    let lab = grid();
    assert_eq!(states(&lab), [8, 0, 0]);
    for (folders, delay) in [(3, 40), (6, 90)] {
        let arguments = ["run", "experiments/grid.toml"];
        let is_begun = |run: &std::path::PathBuf| run.join("manifest.json").is_file();
        let begun = |lab: &Lab| lab.run_folders("grid").iter().filter(|run| is_begun(run)).count() >= folders;
        assert!(lab.kill_at(&arguments, begun, Duration::from_millis(delay)), "it was over too soon");
        // Its worker notices that it is alone, saves the state and ends.
        let is_running = || lab.dry_run("grid", &[]).iter().any(|run| run["status"] == "running");
        assert!(wait_for(|| !is_running()));
        let [new, finished, resumable] = states(&lab);
        assert!(
            new <= 8 - folders && finished >= folders - 1 && resumable <= 1 && new + finished + resumable == 8,
            "{new} {finished} {resumable}"
        );
    }
    let ended = lab.run("grid", &[]);
    assert!(ended.err.matches("already finished, skipped").count() >= 5, "{}", ended.err);
    assert_eq!(states(&lab), [0, 8, 0]);
    nothing_twice(&lab);
    let again = lab.run("grid", &[]);
    assert_eq!(again.err.matches("already finished, skipped").count(), 8, "{}", again.err);
    nothing_twice(&lab);
}

/// Every run was finished once, and begun twice only where a kill fell into it.
fn nothing_twice(lab: &Lab) {
    let folders = lab.run_folders("grid");
    assert_eq!(folders.len(), 8);
    let mut begun = 0;
    for run in &folders {
        assert_eq!(events(run, "finished").len(), 1, "{}", run.display());
        let sessions = manifest(run)["sessions"].as_array().unwrap().clone();
        assert_eq!(sessions.iter().filter(|session| session["outcome"]["state"] == "finished").count(), 1);
        assert!(events(run, "run").len() <= sessions.len());
        begun += sessions.len();
    }
    assert!((8..=10).contains(&begun), "8 runs were begun {begun} times with two kills");
}

#[test]
fn the_comparison_has_every_trial_with_both_seeds() {
    let lab = grid();
    let ended = lab.run("grid", &["--json"]);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    let trials = report["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 4, "{report}");
    for trial in trials {
        assert_eq!(trial["dice"]["n_seeds"], 2, "{trial}");
        assert_eq!(trial["structures"].as_array().unwrap().len(), 2);
    }
    // The mean over seeds of the first trial, from the runs themselves.
    let label = trials[0]["trial"].as_str().unwrap();
    let of_trial = lab.dry_run("grid", &[]).into_iter().filter(|run| run["trial"] == label);
    let of_trial: Vec<f64> = of_trial.map(|run| mean_dice(&lab.path(run["folder"].as_str().unwrap()))).collect();
    let mean = of_trial.iter().sum::<f64>() / 2.0;
    assert_eq!(of_trial.len(), 2);
    assert!((trials[0]["dice"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let page = std::fs::read_to_string(lab.path("reports/grid/report.html")).unwrap();
    assert!(page.contains("learning-rate") && page.contains("[4, 4]"), "the trials are named by what differs");
    let table = lab.run("grid", &["--dry-run"]).out;
    assert!(table.contains("8 runs: 0 new, 8 finished, 0 resumable"), "{table}");
}

#[test]
fn a_dry_run_estimates_the_time_and_lists_what_cannot_be_planned() {
    let lab = grid();
    let text = lab.run("grid", &["--dry-run"]).out;
    assert!(text.contains("8 runs: 8 new, 0 finished, 0 resumable\ntraining: about "), "{text}");
    assert!(text.contains("for 8 runs, one after the other"), "{text}");
    let left = |lab: &Lab| -> f64 {
        lab.dry_run("grid", &[]).iter().map(|run| run["training-seconds-left"].as_f64().unwrap()).sum()
    };
    assert!(left(&lab) > 0.0);
    lab.run("grid", &[]);
    assert_eq!(left(&lab), 0.0);
    assert!(!lab.run("grid", &["--dry-run"]).out.contains("training: about"));
}

fn mean_dice(run: &std::path::Path) -> f64 {
    let rows = scores(run);
    let dice = |name: &str| {
        let of: Vec<f64> = rows.iter().filter(|row| row.structure == name).filter_map(|row| row[DICE]).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    (dice("liver") + dice("spleen")) / 2.0
}

#[test]
fn a_trial_that_cannot_run_stops_the_sweep_before_the_first() {
    let lab = grid();
    lab.write("experiments/grid.toml", &GRID.replace("[[4, 8], [4, 4]]", "[[4, 8], [4, 8, 16]]"));
    let ended = lab.end(&["run", "experiments/grid.toml"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("in the trial `learning-rate=0.01 features=[4,8,16]"), "{}", ended.err);
    assert!(lab.run_folders("grid").is_empty());
}
