//! Several devices share the steps of a training, which ends with the numbers of one. Tried on the CPU, which can be named several times.

use serde_json::Value;

use crate::lab::{Lab, TINY, end, json, manifest, results};

/// The tiny experiment, with further lines in `[train]` and another network in place of its U-Net.
fn lab(network: Option<&str>, train: &str) -> Lab {
    let lab = Lab::new();
    let text = match network {
        None => TINY.to_owned(),
        Some(table) => {
            let (before, rest) = TINY.split_once("[model.unet]").unwrap();
            let (_, after) = rest.split_once("[train]").unwrap();
            format!("{before}{table}\n[train]{after}")
        }
    };
    lab.write("experiments/x.toml", &format!("{text}{train}\n"));
    lab
}

/// A network that drops random feature maps: devices must drop what one would.
const DROPPING: &str = "[model.vnet]\nfeatures = [4, 8]\nstrides = [[1, 1, 1], [2, 2, 2]]\nkernels = [[3, 3, 3], [3, 3, 3]]\n\
                        norm = \"instance\"\ndropout = 0.4\n";

fn losses(lab: &Lab) -> Vec<f64> {
    let history = json(&lab.run_folder("x").join("training_history.json"));
    history["loss"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
}

#[test]
fn batches_dealt_to_devices_give_the_weights_of_one_bit_for_bit() {
    for network in [None, Some(DROPPING)] {
        let alone = lab(network, "accumulate = 3");
        alone.run("x", &[]);
        let expected = results(&alone, "x");
        for devices in ["cpu:0,cpu:1", "cpu:0,cpu:1,cpu:2"] {
            let shared = lab(network, "accumulate = 3");
            shared.run("x", &["--device", devices]);
            assert_eq!(manifest(&shared.run_folder("x"))["device"], devices);
            assert!(results(&shared, "x") == expected, "{devices} {network:?}");
        }
    }
}

/// Gradients of a batch are summed in another order than on one device: the last bits differ, and Adam's first steps, which are of one size
/// whatever the gradient, let them grow.
#[test]
fn parts_of_batches_give_the_losses_of_one_device_within_rounding() {
    for network in [None, Some(DROPPING)] {
        let of = |device: &str| {
            let lab = lab(network, "accumulate = 1\noptimizer = { sgd = { learning-rate = 1e-3 } }");
            lab.run("x", &["--device", device, "--set", "train.batch-size=5"]);
            (lab.run_folder("x").file_name().unwrap().to_owned(), losses(&lab))
        };
        let (id, alone) = of("cpu");
        for devices in ["cpu:0,cpu:1", "cpu:0,cpu:1,cpu:2"] {
            let (shared_id, shared) = of(devices);
            assert_eq!(shared_id, id);
            for (one, many) in alone.iter().zip(&shared) {
                assert!((one - many).abs() < 1e-5 * one.abs(), "{devices}: {shared:?} instead of {alone:?}");
            }
        }
    }
}

/// Fewer batches than devices: each is cut, one after the other, and random numbers go on where the batch before ended.
#[test]
fn accumulated_batches_are_cut_where_there_are_more_devices() {
    let of = |device: &str| {
        let lab = lab(Some(DROPPING), "accumulate = 2\noptimizer = { sgd = { learning-rate = 1e-3 } }");
        lab.run("x", &["--device", device, "--set", "train.batch-size=3"]);
        losses(&lab)
    };
    let (alone, shared) = (of("cpu"), of("cpu:0,cpu:1,cpu:2"));
    for (one, many) in alone.iter().zip(&shared) {
        assert!((one - many).abs() < 1e-5 * one.abs(), "{shared:?} instead of {alone:?}");
    }
}

#[test]
fn a_run_begun_on_two_devices_ends_on_one_and_on_one_thread_with_the_same_numbers() {
    let alone = lab(Some(DROPPING), "accumulate = 2");
    alone.run("x", &[]);
    let moved = lab(Some(DROPPING), "accumulate = 2");
    moved.run("x", &["--device", "cpu:0,cpu:1", "--stop-after", "1"]);
    moved.run("x", &["--device", "cpu", "--stop-after", "2"]);
    let mut last = moved.command(&["run", "experiments/x.toml", "--device", "cpu:0,cpu:1"]);
    let ended = end(last.env("RAYON_NUM_THREADS", "1"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(results(&moved, "x") == results(&alone, "x"));
    let warnings = manifest(&moved.run_folder("x"))["warnings"].to_string();
    assert!(warnings.contains("begun on cpu:0,cpu:1, resumed on cpu"), "{warnings}");
}

#[test]
fn workers_of_a_sweep_share_their_devices_too() {
    let sweep = "accumulate = 2\n\n[sweep]\ntrain.optimizer.adamw.learning-rate = [1e-3, 2e-3]";
    let (alone, shared) = (lab(None, sweep), lab(None, sweep));
    alone.run("x", &[]);
    shared.run("x", &["--device", "cpu:0,cpu:1"]);
    assert_eq!(results(&shared, "x").len(), 2);
    assert!(results(&shared, "x") == results(&alone, "x"));
}

#[test]
fn what_devices_cannot_share_is_refused_with_the_reason() {
    let two = ["--device", "cpu:0,cpu:1"];
    let refused = |lab: &Lab, further: &[&str], code: i32, parts: &[&str]| {
        let ended = lab.end(&[&["run", "experiments/x.toml"], further].concat());
        assert_eq!(ended.code, code, "{}", ended.err);
        for part in parts {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    };
    let batch_norm = lab(None, "accumulate = 2");
    let set = ["--set", "model.unet.norm=batch"];
    refused(&batch_norm, &[&two[..], &set].concat(), 3, &["2 devices", "batch norms", "norm = \"instance\""]);
    let little = lab(None, "");
    refused(&little, &["--device", "cpu:0,cpu:1,cpu:2"], 3, &["1 batch of 2 patches, enough for 2"]);
    refused(&little, &[&two[..], &["--jobs", "2"]].concat(), 2, &["--jobs", "share one run"]);
    refused(&little, &["--device", "cpu:0,cuda:0"], 2, &["mixes kinds"]);
    refused(&little, &["--device", "cpu,cpu"], 2, &["with their numbers"]);
}

#[test]
fn warming_writes_no_run_and_tells_what_it_made() {
    let lab = lab(None, "");
    let ended = lab.end(&["warm", "experiments/x.toml", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let warmed: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(warmed.as_array().unwrap().len(), 1);
    assert_eq!((&warmed[0]["device"], &warmed[0]["kernels"]), (&"cpu".into(), &Value::Null));
    assert!(warmed[0]["seconds"].as_f64().unwrap() > 0.0);
    assert!(!lab.path("runs/x").exists(), "a run was written");
    let ended = lab.end(&["warm", "experiments/x.toml", "--device", "cpu:0,cpu:1", "--set", "train.precision=f16"]);
    assert!(ended.code == 0 && ended.out.contains("one step and one prediction"), "{} {}", ended.out, ended.err);
}

#[test]
fn the_cpu_passes_its_own_test() {
    let lab = Lab::new();
    let ended = lab.end(&["doctor", "--full", "--device", "cpu"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        ended.out.contains("instance norm") && ended.out.contains("comparisons agree with the CPU"),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains("DIFFERS") && !ended.out.contains("FAILS"), "{}", ended.out);
    let ended = lab.end(&["doctor", "--device", "cpu"]);
    assert!(ended.code == 2 && ended.err.contains("--full"), "{}", ended.err);
}
