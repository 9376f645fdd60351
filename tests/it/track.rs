//! Trackers: what the real TensorBoard and a real MLflow server read of runs.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::lab::{Lab, json, sorted};
use crate::python;

/// What TensorBoard reads; none where it is not installed.
fn tensorboard(run: &Path) -> Option<Value> {
    let text = python::output(python::script("tensorboard_read.py").arg(run.join("tensorboard")))?;
    Some(serde_json::from_str(&text).unwrap())
}

/// The values of a column of `training_history.json` with their steps, as 32-bit floats, as TensorBoard keeps them.
fn history(run: &Path, column: &str) -> Vec<(i64, f32)> {
    let history = json(&run.join("training_history.json"));
    let steps = history["step"].as_array().unwrap().iter().map(|step| step.as_i64().unwrap());
    let values = history[column].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32);
    steps.zip(values).collect()
}

fn curve(found: &Value, tag: &str) -> Vec<(i64, f32)> {
    let points = found["scalars"][tag].as_array().unwrap_or_else(|| panic!("no {tag} in {found}"));
    points.iter().map(|point| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap() as f32)).collect()
}

#[test]
fn tensorboard_shows_a_stopped_and_resumed_run_as_one() {
    let lab = Lab::new();
    lab.run("tiny", &["--track", "tensorboard", "--set", "track.tensorboard.steps=1", "--stop-after", "1"]);
    let run = lab.run_folder("tiny");
    // What a killed process leaves: steps after its last checkpoint, and a torn record.
    let first = sorted(&run.join("tensorboard")).remove(0);
    OpenOptions::new().append(true).open(first).unwrap().write_all(&[7; 21]).unwrap();
    lab.run("tiny", &["--track", "tensorboard", "--set", "track.tensorboard.steps=1"]);
    assert_eq!(lab.run_folder("tiny"), run, "a tracker is part of no id");
    assert_eq!(sorted(&run.join("tensorboard")).len(), 2);
    let Some(found) = tensorboard(&run) else { return };
    for (tag, column) in
        [("train/loss", "loss"), ("validation/dice", "validation_dice"), ("validation/iou", "validation_iou")]
    {
        assert_eq!(curve(&found, tag), history(&run, column), "{tag}");
    }
    let steps: Vec<i64> = curve(&found, "step/loss").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, (1..=9).collect::<Vec<_>>());
    assert_eq!(found["scalars"]["validation/dice/liver"].as_array().unwrap().len(), 3);
    let report = fs::read_to_string(crate::lab::evaluation(&run).join("report/structures.csv")).unwrap();
    let dice = curve(&found, "test/dice/liver")[0].1;
    assert!(report.contains(&dice.to_string()[..5]), "{dice} is not in {report}");
    for case in ["best", "worst"] {
        assert_eq!(found["images"][format!("cases/{case}")][0][2], "89504e47", "{found}");
    }
    assert_eq!((&found["group"], &found["status"]), (&json!(run.file_name().unwrap().to_str().unwrap()), &json!(1)));
    assert_eq!((&found["hparams"]["model"], &found["hparams"]["train.batch-size"]), (&json!("unet"), &json!(2.0)));
    assert!(found["texts"]["plan"][0].as_str().unwrap().contains("batch-size = 2"));
}

#[test]
fn a_run_that_was_not_tracked_is_told_later() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let untracked = lab.end(&["track", "sync", "tiny"]);
    assert!(untracked.code == 4 && untracked.err.contains("--to tensorboard"), "{}", untracked.err);
    // A finished run with a tracker of its own catches up when it is run again; `sync` leaves what is there.
    lab.run("tiny", &["--track", "tensorboard"]);
    let ended = lab.end(&["track", "sync", "tiny", "--to", "tensorboard"]);
    assert!(ended.code == 0 && ended.out.contains("has its events already"), "{}{}", ended.out, ended.err);
    fs::remove_dir_all(run.join("tensorboard")).unwrap();
    let ended = lab.end(&["track", "sync", "tiny", "--to", "tensorboard"]);
    assert!(ended.code == 0 && ended.out.contains("wrote"), "{}{}", ended.out, ended.err);
    assert_eq!(sorted(&run.join("tensorboard")).len(), 1);
    let Some(found) = tensorboard(&run) else { return };
    assert_eq!(curve(&found, "train/loss"), history(&run, "loss"));
    assert_eq!((found["scalars"]["test/dice"].as_array().unwrap().len(), &found["status"]), (1, &json!(1)));
}

#[test]
fn a_server_that_is_away_costs_a_warning() {
    let lab = Lab::new();
    let nowhere = ["--track", "mlflow"];
    let ended = lab.run("tiny", &nowhere);
    assert!(ended.err.contains("MLFLOW_TRACKING_URI"), "{}", ended.err);
    let mut command = lab.command(&["run", "experiments/tiny.toml", "--set", "seed=3", "--track", "mlflow"]);
    let ended = crate::lab::end(command.env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        ended.err.contains("http://127.0.0.1:9 cannot be reached") && ended.err.contains("segspec track sync"),
        "{}",
        ended.err
    );
    let ended = lab.end(&["track", "sync", "runs/tiny", "--to", "mlflow", "--url", "http://127.0.0.1:9"]);
    assert_eq!(ended.code, 7, "{}", ended.err);
    let ended = lab.end(&["check", "experiments/tiny.toml", "--set", "track.mlflow.url=\"localhost:5000\""]);
    assert!(ended.code == 3 && ended.err.contains("http://"), "{}", ended.err);
    let ended = lab.end(&["check", "experiments/tiny.toml", "--set", "track.mlflow.url=\"http://me:secret@host\""]);
    assert!(ended.code == 3 && ended.err.contains("MLFLOW_TRACKING_PASSWORD"), "{}", ended.err);
}

/// A server, stopped when dropped.
struct Server {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// None, with a word to the person, where mlflow is not installed.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = python::script("mlflow_server.py");
        command.arg("serve").arg(folder.path()).arg(&port).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut process) = command.spawn() else {
            println!("skipped: no Python (set SEGSPEC_PYTHON)");
            return None;
        };
        let mut word = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut word).unwrap();
        if word.trim() != "ready" {
            println!("skipped: no MLflow server starts here: {word}");
            assert_eq!(process.wait().unwrap().code(), Some(77), "{word}");
            return None;
        }
        Some(Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder })
    }

    fn runs(&self) -> Vec<Value> {
        let text = python::output(python::script("mlflow_server.py").arg("read").arg(&self.url)).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
fn a_real_mlflow_server_knows_each_run_once() {
    let Some(server) = Server::start() else { return };
    let lab = Lab::new();
    lab.write(
        "experiments/pair.toml",
        "extends = [\"tiny.toml\"]\nname = \"pair\"\n[sweep]\nseeds = [1, 2]\n[track.mlflow]\nweights = true",
    );
    let segspec = |arguments: &[&str]| {
        let mut command = lab.command(arguments);
        let ended = crate::lab::end(command.env("MLFLOW_TRACKING_URI", &server.url).env("NO_PROXY", "127.0.0.1"));
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended
    };
    // Stopped, resumed, run again, sent again.
    segspec(&["run", "experiments/pair.toml", "--stop-after", "1"]);
    let states: Vec<Value> = server.runs().iter().map(|run| run["status"].clone()).collect();
    assert_eq!(states, [json!("RUNNING"), json!("RUNNING")]);
    segspec(&["run", "experiments/pair.toml"]);
    let runs = server.runs();
    segspec(&["run", "experiments/pair.toml"]);
    let again = segspec(&["track", "sync", "pair"]);
    assert_eq!(again.out.matches("sent 0 values, 0 parameters, 0 files").count(), 2, "{}", again.out);
    assert_eq!(server.runs(), runs, "repeated calls add nothing");

    assert_eq!(runs.len(), 2);
    for folder in lab.run_folders("pair") {
        let id = folder.file_name().unwrap().to_str().unwrap();
        let run = runs.iter().find(|run| run["tags"]["segspec.run"] == id).unwrap();
        assert_eq!((&run["experiment"], &run["status"]), (&json!("pair"), &json!("FINISHED")));
        let seed = json(&folder.join("manifest.json"))["seed"].to_string();
        assert_eq!((&run["params"]["seed"], &run["params"]["train.epochs"]), (&json!(seed), &json!("3")));
        for (metric, column) in [("train/loss", "loss"), ("validation/dice", "validation_dice")] {
            let sent: Vec<(i64, f32)> = run["metrics"][metric]
                .as_array()
                .unwrap()
                .iter()
                .map(|point| (point[0].as_i64().unwrap(), point[1].as_f64().unwrap() as f32))
                .collect();
            assert_eq!(sent, history(&folder, column), "{metric}");
        }
        assert_eq!(run["metrics"]["test/dice"][0][0], 9);
        let files = run["files"].as_array().unwrap();
        for (name, path) in [
            ("best.safetensors", folder.join("checkpoints/best.safetensors")),
            ("report/report.html", crate::lab::evaluation(&folder).join("report/report.html")),
        ] {
            let size = fs::metadata(path).unwrap().len();
            assert!(files.contains(&json!([name, size])), "{name} in {files:?}");
        }
        assert_eq!(run["datasets"], json!(["tiny"]));
    }
}
