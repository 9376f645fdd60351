//! Listing, tagging and deleting runs.

use std::fs;

use serde_json::Value;

use crate::lab::Lab;

const GRID: &str = r#"
extends = ["tiny.toml"]

[train]
epochs = 1
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-2, 1e-3]
seeds = [0, 1]
"#;

fn listed(lab: &Lab, arguments: &[&str]) -> Vec<Value> {
    let ended = lab.end(&[&["ls", "--json"], arguments].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str::<Value>(&ended.out).unwrap().as_array().unwrap().clone()
}

fn grid() -> Lab {
    let lab = Lab::new();
    lab.write("experiments/grid.toml", GRID);
    lab.run("grid", &[]);
    lab
}

#[test]
fn runs_are_filtered_sorted_tagged_and_remembered() {
    let lab = grid();
    let all = listed(&lab, &[]);
    assert_eq!(all.len(), 4);
    assert!(lab.path("runs/.cache/runs.json").is_file());
    assert_eq!(listed(&lab, &[]), all, "what was remembered is what was read");
    let wrong = lab.end(&["ls", "grid", "--where", "dice>0.5"]);
    assert!(wrong.code == 2 && wrong.err.contains("is not KEY=VALUE"), "{}", wrong.err);
    let fast = listed(&lab, &["grid", "--where", "learning-rate=0.01"]);
    assert!(fast.len() == 2 && fast.iter().all(|run| run["trial"].as_str().unwrap().contains("learning-rate=0.01")));
    assert!(listed(&lab, &["--state", "failed"]).is_empty());
    let dice = |runs: &[Value]| runs.iter().map(|run| run["dice"].as_f64().unwrap()).collect::<Vec<_>>();
    let mut sorted = dice(&all);
    sorted.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(dice(&listed(&lab, &["--sort", "dice"])), sorted);
    let id = all[0]["id"].as_str().unwrap();
    assert_eq!(lab.end(&["tag", id, "paper", "best"]).code, 0);
    assert_eq!(lab.end(&["note", id, "seen by a radiologist"]).code, 0);
    let tagged = listed(&lab, &["--tag", "paper"]);
    assert_eq!((tagged.len(), tagged[0]["note"].as_str()), (1, Some("seen by a radiologist")));
    assert_eq!(lab.end(&["tag", id, "--remove", "paper"]).code, 0);
    assert!(listed(&lab, &["--tag", "paper"]).is_empty());
    let table = lab.end(&["ls", "--columns", "run,tags,dice"]).out;
    assert!(table.lines().next().unwrap().split_whitespace().eq(["run", "tags", "Dice"]), "{table}");
    // Runs of another setting are told apart by it.
    lab.run("tiny", &["--set", "train.epochs=1"]);
    lab.run("tiny", &["--set", "train.epochs=2"]);
    let names: Vec<String> =
        listed(&lab, &["tiny"]).iter().map(|run| run["trial"].as_str().unwrap().to_owned()).collect();
    assert!(names.iter().all(|name| name.contains("epochs=")) && names[0] != names[1], "{names:?}");
}

#[test]
fn what_is_deleted_is_shown_first_and_the_rest_stays() {
    let lab = grid();
    let id = listed(&lab, &["--sort", "dice"])[0]["id"].as_str().unwrap().to_owned();
    let shown = lab.end(&["rm", "grid"]);
    assert!(shown.code == 0 && shown.out.contains("would be freed"), "{}", shown.out);
    assert_eq!(lab.run_folders("grid").len(), 4);
    let (scores, before) = (fs::read(lab.path("reports/grid/structures.csv")).unwrap(), lab.run_folders("grid"));
    let freed = lab.end(&["rm", "grid", "--part", "checkpoints", "--yes"]);
    assert!(freed.out.ends_with("freed\n"), "{}", freed.out);
    for run in lab.run_folders("grid") {
        assert!(run.join("checkpoints/best.safetensors").is_file() && !run.join("checkpoints/last/optim.bpk").exists());
    }
    // Nothing is trained again, and the scores are the same.
    lab.run("grid", &[]);
    assert_eq!(fs::read(lab.path("reports/grid/structures.csv")).unwrap(), scores);
    lab.run("tiny", &["--set", "name=\"grid\"", "--set", "split.every-nth={ n = 2 }"]);
    let other = lab.end(&["rm", "grid", "--keep-best", "1", "--yes"]);
    assert!(other.code == 4 && other.err.contains("were scored on other cases"), "{}", other.err);
    let extra = lab.run_folders("grid").into_iter().find(|run| !before.contains(run)).unwrap();
    assert_eq!(lab.end(&["rm", extra.to_str().unwrap(), "--yes"]).code, 0);
    assert!(lab.end(&["rm", "grid", "--keep-best", "1", "--yes"]).code == 0);
    let left = lab.run_folders("grid");
    assert!(left.len() == 1 && left[0].ends_with(&id), "{left:?}");
    assert_eq!(listed(&lab, &[]).len(), 1);
}

#[test]
fn runs_that_others_need_are_kept() {
    let lab = Lab::new();
    lab.write("experiments/mean.toml", &format!("{GRID}\n[ensemble]\nseeds = true\n"));
    lab.run("mean", &[]);
    let runs = listed(&lab, &[]);
    let member = lab.run_folders("mean").into_iter().find(|run| run.join("checkpoints").exists()).unwrap();
    let ended = lab.end(&["rm", member.to_str().unwrap(), "--yes"]);
    assert!(ended.out.contains("kept: run") && ended.out.contains("needs it"), "{}", ended.out);
    assert_eq!(listed(&lab, &[]), runs);
    lab.end(&["rm", "mean", "--yes"]);
    assert!(listed(&lab, &[]).is_empty());
}

#[test]
fn the_end_of_an_experiment_is_told_and_runs_in_progress_are_shown() {
    let lab = Lab::new();
    lab.write(
        "experiments/grid.toml",
        &format!("{GRID}\n[notify]\ncommand = \"cat > told-$SEGSPEC_EXPERIMENT.txt\"\n"),
    );
    let mut child = lab.command(&["run", "grid"]).spawn().unwrap();
    let mut shown = String::new();
    while child.try_wait().unwrap().is_none() {
        let now = lab.end(&["top"]).out;
        if now.contains("process") {
            shown = now;
        }
    }
    assert!(shown.contains("running") && shown.contains("grid"), "{shown}");
    let told = fs::read_to_string(lab.path("told-grid.txt")).unwrap();
    assert!(told.contains("Best trial") && told.contains("report: reports/grid/report.html"), "{told}");
    assert!(lab.end(&["top"]).out.contains("no run is in progress"));
    // A command that fails loses nothing.
    lab.write("experiments/grid.toml", &format!("{GRID}\n[notify]\ncommand = \"exit 3\"\n"));
    let ended = lab.run("grid", &[]);
    assert!(ended.err.contains("notify.command: exit status: 3"), "{}", ended.err);
}

#[test]
fn thousands_of_unfinished_runs_are_listed() {
    let lab = Lab::new();
    lab.run("tiny", &["--stop-after", "1"]);
    let run = lab.run_folder("tiny");
    for number in 0..1500 {
        let copy = lab.path(&format!("runs/many/{number}"));
        fs::create_dir_all(&copy).unwrap();
        for file in ["plan.toml", "manifest.json", "history.parquet"] {
            fs::copy(run.join(file), copy.join(file)).unwrap();
        }
    }
    assert_eq!(listed(&lab, &[]).len(), 1501);
    assert_eq!(listed(&lab, &["--state", "resumable"]).len(), 1501);
}
