//! Killed with SIGKILL at random moments, also while a checkpoint is written, every kind of training ends with the same weights, history,
//! predictions and scores. The whole matrix: `cargo test --release --test it -- --ignored resume_matrix`; otherwise a few rows, others
//! every day.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rand::Rng;
use segspec::random;
use serde_json::{Value, json};

use crate::cascades::{CLASSIFIER, SLICE_TRAINING, with_classifier};
use crate::lab::{Lab, TINY, events, json as read, sorted};

/// Rows of the matrix in the usual test run.
const ROWS: usize = 4;

/// Kills per row.
const KILLS: u64 = 5;

/// An experiment: its name, its text, further arguments.
struct Row {
    name: &'static str,
    text: String,
    arguments: &'static [&'static str],
}

/// The state is saved after nearly every step, so that many kills fall into a save.
const OFTEN: &str = "checkpoint-minutes = 0.0005\n";

fn rows() -> Vec<Row> {
    let base = format!("{TINY}{OFTEN}").replace("steps-per-epoch = 3", "steps-per-epoch = 8");
    let with = |more: &str| format!("{base}{more}\n");
    let plain = |name: &'static str, more: &str| Row { name, text: with(more), arguments: &[] };
    let classifier = || {
        let (head, _) = TINY.split_once("[model.unet]").unwrap();
        format!("{head}[model.classifier]\n{CLASSIFIER}[train]\n{SLICE_TRAINING}{OFTEN}")
    };
    vec![
        plain("sgd", "optimizer.sgd = { learning-rate = 1e-2 }"),
        plain("adamw-plateau", "schedule.plateau = { metric = \"training-loss\", patience-epochs = 0, factor = 0.5 }"),
        plain("early-stopping", "early-stopping = { metric = \"validation-dice\", patience-epochs = 1 }"),
        plain("ema", "ema = { decay = 0.9 }"),
        plain("restarts", "schedule.cosine-restarts = { first-cycle-epochs = 1, cycle-factor = 2 }\nwarmup-steps = 3"),
        plain("bf16", "precision = \"bf16\""),
        plain("f16", "precision = \"f16\""),
        plain("accumulate", "accumulate = 3"),
        Row {
            name: "tiles",
            text: base.replace("steps-per-epoch = 8", "steps-per-epoch = \"tiles\"\nsampling.foreground = 0.0"),
            arguments: &[],
        },
        plain("threads-1", "loader-threads = 1"),
        plain("threads-2", "loader-threads = 2"),
        plain("threads-4", "loader-threads = 4"),
        Row {
            name: "folds",
            text: with("[split.k-fold]\nfolds = 2\nvalidation = 0.34"),
            arguments: &["--fold", "all"],
        },
        Row { name: "ensemble", text: with("[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true"), arguments: &[] },
        Row { name: "cascade", text: format!("{}{OFTEN}", with_classifier("sensitivity = 0.5")), arguments: &[] },
        Row { name: "classifier", text: classifier(), arguments: &[] },
    ]
}

fn lab(row: &Row) -> Lab {
    let lab = Lab::new();
    lab.write(&format!("experiments/{}.toml", row.name), &row.text);
    lab
}

/// Every number of every run: weights, predicted files, history, tables of scores.
fn numbers(lab: &Lab, name: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for run in lab.run_folders(name) {
        let manifest = read(&run.join("manifest.json"));
        let id = run.file_name().unwrap().to_string_lossy().into_owned();
        let predictions = manifest["predictions"].as_object().unwrap();
        assert!(!predictions.is_empty(), "{id} has no prediction");
        for (key, it) in predictions {
            let of = |name: &str| it[name].clone();
            found.insert(format!("{id}/{key}"), json!([of("weights"), of("epoch"), of("files")]));
            for (evaluation, scores) in it["evaluations"].as_object().unwrap() {
                found.insert(format!("{id}/{key}/{evaluation}"), scores.clone());
            }
        }
        if let Ok(text) = fs::read_to_string(run.join("training_history.json")) {
            let mut history: Value = serde_json::from_str(&text).unwrap();
            let columns = history.as_object_mut().unwrap();
            ["seconds", "waited_seconds"].iter().for_each(|key| drop(columns.remove(*key)));
            found.insert(format!("{id}/history"), history);
        }
        for table in segspec::files::below(&run.join("predictions")).unwrap() {
            let is_table = ["scores.csv", "slices.csv", "cascade.csv"].iter().any(|name| table.ends_with(name));
            if is_table {
                let place = table.strip_prefix(lab.path("runs")).unwrap().display().to_string();
                found.insert(place, fs::read_to_string(&table).unwrap().into());
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Whether a checkpoint is being written: something lies beside the whole one.
fn is_saving(lab: &Lab, name: &str) -> bool {
    let usual = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name == "last" || name == "best.safetensors" || name.starts_with("epoch-")
    };
    lab.run_folders(name).iter().any(|run| entries(&run.join("checkpoints")).iter().any(|path| !usual(path)))
}

/// Entries of a folder that may change meanwhile.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Steps of all runs that were logged as begun, and epochs: grows while a run goes on.
fn progress(lab: &Lab, name: &str) -> usize {
    let of = |run: &PathBuf| events(run, "epoch").len() + events(run, "training").len() + events(run, "finished").len();
    lab.run_folders(name).iter().map(of).sum()
}

fn resumes(row: &Row) {
    let file = format!("experiments/{}.toml", row.name);
    let arguments = [&["run", &file], row.arguments].concat();
    let whole = lab(row);
    assert_eq!(whole.end(&arguments).code, 0, "{}", row.name);
    let expected = numbers(&whole, row.name);
    let killed = lab(row);
    let (mut alive, mut saving) = (0, 0);
    for kill in 0..KILLS {
        let seen = progress(&killed, row.name);
        let delay = random::stream(11, row.name, 0, kill).random_range(0..120);
        // Every other kill waits for a save in progress.
        let in_save = kill % 2 == 1;
        let moment = |lab: &Lab| match in_save {
            true => is_saving(lab, row.name),
            false => progress(lab, row.name) > seen,
        };
        let delay = if in_save { Duration::ZERO } else { Duration::from_millis(delay) };
        let was_alive = killed.kill_at(&arguments, moment, delay);
        alive += usize::from(was_alive);
        saving += usize::from(was_alive && in_save && is_saving(&killed, row.name));
    }
    assert!(alive > 0, "{}: no kill fell into the run", row.name);
    let ended = killed.end(&arguments);
    assert_eq!(ended.code, 0, "{}: {}", row.name, ended.err);
    let found = numbers(&killed, row.name);
    for (key, value) in &expected {
        assert_eq!(found.get(key), Some(value), "{}: {key}", row.name);
    }
    assert_eq!(found.len(), expected.len(), "{}", row.name);
    println!(
        "{}: {alive} kills, {saving} of them left an unfinished checkpoint; {} values equal",
        row.name,
        found.len()
    );
    assert!(sorted(&killed.path("runs").join(row.name)).iter().all(|run| !run.join("lock").exists()));
}

#[test]
fn a_few_rows_of_the_resume_matrix() {
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let mut rows = rows();
    for _ in 0..ROWS {
        let place = random::stream(12, "row", day, rows.len() as u64).random_range(0..rows.len());
        resumes(&rows.swap_remove(place));
    }
}

#[test]
#[ignore = "a minute and a half: docs/testing.md"]
fn the_whole_resume_matrix() {
    rows().iter().for_each(resumes);
}
