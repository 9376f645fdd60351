//! Keys of `[train]` from the file to the weights: accumulation, averages, groups, plateaus, early stopping; and ignored voxels.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::cascades::{predict, predictions};
use crate::lab::{Lab, Results, TINY, events, is_finished, json, results, scores, wait_for};
use crate::resume::interrupt;

/// Runs the tiny experiment with more lines in `[train]`, behind which other tables may follow.
fn run_with(lines: &str) -> Lab {
    let lab = Lab::new();
    lab.write("experiments/x.toml", &format!("{TINY}{lines}\n"));
    lab.run("x", &[]);
    lab
}

fn history(lab: &Lab, column: &str) -> Vec<f64> {
    let history = json(&lab.run_folder("x").join("training_history.json"));
    history[column].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn weights(lab: &Lab) -> Value {
    crate::lab::weights(&lab.run_folder("x"))
}

const CROSS_ENTROPY: &str = "\n[[loss]]\ncross-entropy = {}\n";

/// Instance norms and a mean over voxels: nothing but rounding tells two batches of 2 from one of 4.
#[test]
fn accumulated_batches_are_one_larger_batch() {
    let run = |batch: usize, accumulate: usize| {
        let lab = Lab::new();
        let text = TINY.replace("batch-size = 2", &format!("batch-size = {batch}\naccumulate = {accumulate}"));
        lab.write("experiments/x.toml", &format!("{text}{CROSS_ENTROPY}"));
        lab.run("x", &[]);
        ["loss", "validation_iou"].map(|column| history(&lab, column)).concat()
    };
    let large = run(4, 1);
    for (batch, accumulate) in [(2, 2), (1, 4)] {
        let accumulated = run(batch, accumulate);
        assert_eq!(large.len(), accumulated.len());
        for (one, many) in large.iter().zip(&accumulated) {
            assert!((one - many).abs() < 2e-3 * one.abs().max(0.1), "{one} and {many}");
        }
    }
    let small = run(2, 1);
    assert!((small[0] - large[0]).abs() > 1e-4, "other patches give another loss");
}

#[test]
fn an_average_that_forgets_at_once_is_the_last_step() {
    let last = "[predict]\nweights = \"last\"";
    let plain = weights(&run_with(last));
    assert_eq!(weights(&run_with(&format!("ema = {{ decay = 1e-30 }}\n{last}"))), plain);
    assert_ne!(weights(&run_with(&format!("ema = {{ decay = 0.5 }}\n{last}"))), plain);
}

/// `segspec predict` loads the average of the weights (EMA), not those of the last step.
#[test]
fn prediction_uses_the_averaged_weights() {
    let last = "[predict]\nweights = \"last\"";
    let runs = ["", "ema = { decay = 0.5 }\n"].map(|ema| {
        let lab = run_with(&format!("{ema}{last}"));
        let run = lab.run_folder("x");
        let own = predictions(&run);
        assert!(predict(&lab, &[&run], &run, "out") == own, "`{ema}`");
        own
    });
    assert!(runs[0] != runs[1], "the average changes no voxel: the test shows nothing");
}

/// Bytes of each tensor of a safetensors file.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let place = |entry: &Value, end: usize| 8 + length + entry["data_offsets"][end].as_u64().unwrap() as usize;
    let entries = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    entries.map(|(name, entry)| (name.clone(), bytes[place(entry, 0)..place(entry, 1)].to_vec())).collect()
}

#[test]
fn costs_are_measured_without_leaving_a_run() {
    let lab = Lab::new();
    lab.write(
        "experiments/costs.toml",
        &format!("{TINY}\n[sweep]\nseeds = [0, 1]\nmodel.unet.residual = [false, true]\n"),
    );
    let ended = lab.end(&["bench", "experiments/costs.toml", "--steps", "2", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let costs: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let costs = costs.as_array().unwrap();
    assert_eq!(costs.len(), 2, "one for each network, whatever the seeds");
    for cost in costs {
        let number = |key: &str| cost[key].as_f64().unwrap();
        assert!(number("step-seconds") > 0.0 && number("windows-per-second") > 0.0 && number("loader-reserve") > 0.0);
        let product = number("patches-per-second") * number("step-seconds");
        assert!((product - number("patches-per-step")).abs() < 1e-6);
    }
    assert!(costs[0]["parameters"].as_u64() < costs[1]["parameters"].as_u64());
    assert!(lab.run_folders("costs").is_empty());
}

#[test]
fn a_frozen_group_waits_and_then_learns() {
    let lab = run_with("keep-every = 1\n\n[[train.group]]\nparameters = \"encoder\"\nfreeze-epochs = 2");
    let epoch = |number: usize| tensors(&lab.run_folder("x").join(format!("checkpoints/epoch-{number}.safetensors")));
    let (first, second, third) = (epoch(1), epoch(2), epoch(3));
    assert!(first.keys().any(|name| name.starts_with("Unet.encoder.")), "{:?}", first.keys());
    for (name, values) in &first {
        let frozen = name.starts_with("Unet.encoder.");
        assert_eq!(second[name] == *values, frozen, "{name} in the second epoch");
        assert_ne!(third[name], second[name], "{name} in the third epoch");
    }
}

#[test]
fn a_group_without_parameters_is_an_error_that_names_those_there_are() {
    let lab = Lab::new();
    lab.write("experiments/x.toml", &format!("{TINY}\n[[train.group]]\nparameters = \"backbone\"\n"));
    let ended = lab.end(&["run", "experiments/x.toml"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(!lab.path("runs/x").exists(), "found before a run is begun");
    assert!(
        ended.err.contains("`backbone`") && ended.err.contains("encoder, upsamples, decoder, heads"),
        "{}",
        ended.err
    );
}

/// Adam, batch norms, an average, groups, accumulated batches, a plateau that falls after every epoch, and early stopping after five
/// of twelve epochs: nothing is ever better by a million.
const WATCHED: &str = r#"
accumulate = 2
optimizer.adam = { weight-decay = 1e-4 }
ema = { decay = 0.9 }
schedule.plateau = { factor = 0.5, patience-epochs = 0, minimum-delta = 0.9 }
early-stopping = { metric = "training-loss", patience-epochs = 4, minimum-delta = 1e6 }

[[train.group]]
parameters = "encoder"
learning-rate-factor = 0.5
freeze-epochs = 1
"#;

fn watched() -> Lab {
    let lab = Lab::new();
    let spec = TINY
        .replace("steps-per-epoch = 3", "steps-per-epoch = 12")
        .replace("epochs = 3", "epochs = 12")
        .replace("[4, 8]", "[4, 8]\nnorm = \"batch\"");
    lab.write("experiments/x.toml", &format!("{spec}{WATCHED}"));
    lab
}

#[test]
fn a_plateau_lowers_the_rate_and_early_stopping_ends_the_training() {
    let lab = watched();
    let ended = lab.run("x", &[]);
    assert!(ended.err.contains("stopped early after epoch 5: no improvement since epoch 1"), "{}", ended.err);
    let run = lab.run_folder("x");
    assert_eq!(history(&lab, "learning_rate"), [1e-3, 1e-3, 5e-4, 2.5e-4, 1.25e-4]);
    let stopped = &json(&run.join("training_history.json"))["stopped_early"];
    assert_eq!(*stopped, serde_json::json!([false, false, false, false, true]));
    assert_eq!((events(&run, "stopped-early").len(), is_finished(&run)), (1, true));
    assert!(lab.dry_run("x", &[]).iter().all(|run| run["status"] == "finished"), "{:?}", lab.dry_run("x", &[]));
    let before = results(&lab, "x");
    lab.run("x", &[]);
    assert!(results(&lab, "x") == before);
    lab.end(&["report", "experiments/x.toml"]);
    let page = fs::read_dir(lab.path("reports/x")).unwrap().map(|entry| entry.unwrap().path());
    let pages: String = page.filter_map(|file| fs::read_to_string(file).ok()).collect();
    assert!(pages.contains("stopped early after epoch 5"));
}

/// Stopped within epochs and killed between them, it ends as if it had not been.
#[test]
#[cfg(unix)]
fn every_state_of_a_training_survives_being_stopped() {
    let whole = watched();
    whole.run("x", &[]);
    let expected: Vec<Results> = results(&whole, "x");
    let lab = watched();
    let arguments = ["run", "experiments/x.toml"];
    let finished = |lab: &Lab| lab.run_folders("x").iter().map(|run| events(run, "epoch").len()).sum::<usize>();
    let mut steps = Vec::new();
    for delay in [5, 30, 60] {
        let seen = finished(&lab);
        let mut child = lab.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(wait_for(|| finished(&lab) > seen || child.try_wait().unwrap().is_some()));
        std::thread::sleep(Duration::from_millis(delay));
        interrupt(&child);
        child.wait().unwrap();
        let state = json(&lab.run_folder("x").join("checkpoints/last/state.json"));
        steps.push(state["step"].as_u64().unwrap());
        assert_eq!(state["averaged"], state["step"]);
    }
    assert!(steps.iter().any(|step| step % 12 > 0), "never within an epoch: {steps:?}");
    lab.kill_at(&arguments, |lab| finished(lab) > 4, Duration::ZERO);
    lab.run("x", &[]);
    assert!(results(&lab, "x") == expected, "stopped after {steps:?}");
}

/// The ribs are not a structure but ignored: they count in no score, and change what is learnt.
#[test]
fn ignored_voxels_count_in_no_loss_and_no_score() {
    let run = |labels: &str| {
        let lab = Lab::new();
        let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
        let ribs = "[[structure]]\nname = \"ribs\"\nvalue = 6\n\n[labels.merge]";
        assert!(dataset.contains(ribs));
        let dataset = dataset.replace(ribs, &format!("[labels]\n{labels}\n\n[labels.merge]"));
        lab.write("datasets/tiny.toml", &dataset);
        lab.write("experiments/x.toml", &format!("{TINY}{CROSS_ENTROPY}"));
        lab.run("x", &[]);
        lab
    };
    let (background, ignoring) = (run("background = [6]"), run("ignore = 6"));
    let loss = |lab: &Lab| history(lab, "loss")[0];
    assert!((loss(&background) - loss(&ignoring)).abs() > 1e-6);
    let rows = |lab: &Lab| scores(&lab.run_folder("x"));
    for (all, counted) in rows(&background).iter().zip(&rows(&ignoring)) {
        let voxels = |score: &segspec::evaluate::Score| {
            let counts = score.counts;
            counts.reference() + counts.false_positive + counts.true_negative
        };
        assert!(voxels(counted) < voxels(all), "{}", counted.case);
        assert_eq!(
            all.counts.reference(),
            counted.counts.reference(),
            "{}: the structure itself is the same",
            counted.case
        );
    }
}

/// Three cases of about 20×28×28 voxels have 24 tiles of 16³; fewer show the spleen. A stopped run goes on with the tiles that are left.
#[test]
#[cfg(unix)]
fn an_epoch_of_tiles_has_each_tile_once() {
    let with = |drop_background: f64| {
        let lab = Lab::new();
        let spec = TINY.replace("steps-per-epoch = 3", "steps-per-epoch = \"tiles\"").replace("\"liver\", ", "");
        let sampling = format!("sampling = {{ foreground = 0.0, drop-background = {drop_background} }}\n");
        lab.write("experiments/x.toml", &format!("{spec}{sampling}"));
        lab
    };
    let (all, filtered) = (with(0.0), with(0.9));
    let ended = all.run("x", &[]);
    filtered.run("x", &[]);
    let (steps, fewer) = (history(&all, "step"), history(&filtered, "step"));
    assert!(ended.err.contains("3 epochs of 12 steps"), "{}", ended.err);
    assert_eq!(steps, [12.0, 24.0, 36.0]);
    assert!(fewer[0] >= 3.0 && fewer[0] < 12.0 && fewer[2] == 3.0 * fewer[0], "{fewer:?}");
    let stopped = with(0.9);
    let epochs = |lab: &Lab| lab.run_folders("x").iter().map(|run| events(run, "epoch").len()).sum::<usize>();
    stopped.kill_at(&["run", "experiments/x.toml"], |lab| epochs(lab) > 0, Duration::ZERO);
    stopped.run("x", &[]);
    assert!(results(&stopped, "x") == results(&filtered, "x"));
}
