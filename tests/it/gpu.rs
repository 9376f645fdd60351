//! What the CPU gives, on every GPU of this machine, cards and drivers in software alike. Skipped, with the reason, where the program has no
//! GPU backend or the machine no device. `.ci/gpu` sets a device up and runs these.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use segspec::evaluate::DICE;
use segspec::volume::read_label_map;
use serde_json::Value;

use crate::architectures;
use crate::lab::{Lab, TINY, events, images, json as read, scores};
use crate::precision::{learn, settings};

/// Longest time of the self-test on a card.
const FULL: Duration = Duration::from_secs(120);

/// Longest time in which a driver in software compiles kernels that were tuned before.
const WARMING: Duration = Duration::from_secs(600);

/// A device other than the CPU.
struct Gpu {
    name: String,
    precisions: Vec<String>,
}

impl Gpu {
    /// A card, rather than a driver in software.
    fn is_card(&self) -> bool {
        self.name.starts_with("cuda")
    }

    fn has(&self, precision: &str) -> bool {
        self.precisions.iter().any(|known| known == precision)
    }
}

/// The GPUs, with a word to the person where there are none.
fn gpus() -> Vec<Gpu> {
    let found: Value = serde_json::from_str(&Lab::new().end(&["doctor", "--json"]).out).unwrap();
    let gpu = |device: &Value| {
        let precisions = device["precisions"].as_array()?.iter().filter_map(|name| Some(name.as_str()?.to_owned()));
        Some(Gpu { name: device["device"].as_str()?.to_owned(), precisions: precisions.collect() })
    };
    let all: Vec<Gpu> = found["examined"].as_array().unwrap().iter().filter_map(gpu).collect();
    let gpus: Vec<Gpu> = all.into_iter().filter(|gpu| gpu.name != "cpu").collect();
    if gpus.is_empty() {
        println!("skipped: {}", found["missing"]);
    }
    gpus
}

#[test]
fn every_operation_agrees_with_the_cpu() {
    for gpu in gpus() {
        let begun = Instant::now();
        let ended = Lab::new().end(&["doctor", "--full", "--device", &gpu.name]);
        println!("{}\n{} in {:?}", ended.out, gpu.name, begun.elapsed());
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(!gpu.is_card() || begun.elapsed() < FULL, "{}: {:?}", gpu.name, begun.elapsed());
    }
}

/// The loss of each of twenty steps.
fn twenty_steps(device: &str, settings: &[&str]) -> Vec<f64> {
    let lab = Lab::new();
    let set = [&["train.epochs=20", "train.steps-per-epoch=1", "train.validate-every=0"], settings].concat();
    let set: Vec<&str> = set.iter().flat_map(|text| ["--set", text]).collect();
    lab.run("tiny", &[&["--device", device], &set[..]].concat());
    losses(&lab, "tiny")
}

fn losses(lab: &Lab, experiment: &str) -> Vec<f64> {
    let history = read(&lab.run_folder(experiment).join("training_history.json"));
    history["loss"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
}

/// Step by step, in the precision of 32 bits; with 16, the losses of a network that learns as well.
#[test]
fn twenty_steps_have_the_losses_of_the_cpu() {
    let gpus = gpus();
    let expected = if gpus.is_empty() { Vec::new() } else { twenty_steps("cpu", &[]) };
    for gpu in gpus {
        for (precision, allowed) in [("f32", 1e-3), ("f16", 5e-3), ("bf16", 3e-2)] {
            if !gpu.has(precision) {
                println!("skipped: {} has no {precision}", gpu.name);
                continue;
            }
            let found = twenty_steps(&gpu.name, &[&format!("train.precision={precision}")]);
            let pairs = expected.iter().zip(&found);
            let worst = pairs.fold(0.0f64, |worst, (one, other)| worst.max((one - other).abs()));
            println!("{} in {precision}: losses differ by at most {worst:.1e}", gpu.name);
            assert!(found.len() == 20 && worst < allowed, "{}: {found:?} instead of {expected:?}", gpu.name);
        }
    }
}

#[test]
fn gradient_checkpointing_changes_no_loss() {
    for gpu in gpus() {
        let [kept, again] =
            ["false", "true"].map(|is_on| twenty_steps(&gpu.name, &[&format!("train.gradient-checkpointing={is_on}")]));
        for (one, other) in kept.iter().zip(&again) {
            assert!((one - other).abs() < 1e-3, "{}: {again:?} instead of {kept:?}", gpu.name);
        }
    }
}

#[test]
fn an_ensemble_is_predicted_and_scored() {
    for gpu in gpus() {
        let lab = Lab::new();
        lab.write("experiments/mean.toml", &format!("{TINY}\n[sweep]\nseeds = [0, 1]\n[ensemble]\nseeds = true\n"));
        lab.run("mean", &["--device", &gpu.name]);
        assert_eq!(lab.run_folders("mean").len(), 3, "two members and their mean on {}", gpu.name);
        for run in lab.run_folders("mean") {
            assert!(scores(&run).iter().any(|row| row[DICE].is_some()), "{} on {}", run.display(), gpu.name);
        }
    }
}

/// Forgets the predictions of a run, as if nothing had been predicted.
fn forget_predictions(run: &Path) {
    let mut manifest = read(&run.join("manifest.json"));
    manifest["predictions"] = serde_json::json!({});
    fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
    fs::remove_dir_all(run.join("predictions")).unwrap();
}

/// Voxels of a run's predictions, case after case.
fn voxels(run: &Path) -> Vec<u16> {
    images(run).iter().flat_map(|file| read_label_map(file).unwrap().voxels.into_iter()).collect()
}

/// The same weights on both, so that nothing but the forward pass may differ.
#[test]
fn what_the_cpu_trained_predicts_alike() {
    for gpu in gpus() {
        let (lab, expected_dice) = learn("cpu", "f32");
        let run = lab.run_folder("tiny");
        let expected = voxels(&run);
        forget_predictions(&run);
        let set = settings("f32");
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        lab.run("tiny", &[&["--device", gpu.name.as_str()], &set[..]].concat());
        let found = voxels(&run);
        let same = expected.iter().zip(&found).filter(|(one, other)| one == other).count();
        let part = same as f64 / expected.len() as f64;
        println!(
            "{}: {part:.5} of {} voxels are the CPU's, which have a Dice of {expected_dice:.3}",
            gpu.name,
            expected.len()
        );
        assert!(found.len() == expected.len() && part >= 0.999, "{}: {part}", gpu.name);
    }
}

#[test]
fn organs_are_found_as_well_as_on_the_cpu() {
    let gpus: Vec<Gpu> = gpus().into_iter().filter(Gpu::is_card).collect();
    let expected = if gpus.is_empty() { 0.0 } else { learn("cpu", "f32").1 };
    for gpu in gpus {
        for precision in gpu.precisions.iter().map(String::as_str) {
            let (lab, found) = learn(&gpu.name, precision);
            println!("Dice {expected:.4} on the CPU, {found:.4} on {} in {precision}", gpu.name);
            assert!((found - expected).abs() < 0.01, "{precision}: {found} instead of {expected}");
            let manifest = read(&lab.run_folder("tiny").join("manifest.json"));
            assert!(Path::new(manifest["kernel_cache"].as_str().unwrap()).is_file(), "{}", manifest["kernel_cache"]);
        }
    }
}

/// In f16, where a device has it: the scale of the loss is a part of the state that must come back.
#[test]
fn a_run_that_was_killed_goes_on_with_the_same_losses() {
    for gpu in gpus() {
        let precision = if gpu.has("f16") { "train.precision=f16" } else { "train.precision=f32" };
        let arguments =
            ["run", "experiments/tiny.toml", "--device", &gpu.name, "--set", precision, "--set", "train.epochs=8"];
        let (whole, cut) = (Lab::new(), Lab::new());
        assert_eq!(whole.end(&arguments).code, 0);
        let seen = |lab: &Lab| lab.run_folders("tiny").iter().any(|run| events(run, "epoch").len() > 2);
        let is_cut = cut.kill_within(WARMING, &arguments, seen, Duration::from_millis(1));
        assert!(is_cut, "{}: it ended before it was killed", gpu.name);
        assert_eq!(cut.end(&arguments).code, 0);
        let resumed = events(&cut.run_folder("tiny"), "training");
        assert!(resumed.iter().any(|event| event["resumed-at-step"].as_u64() > Some(0)), "{resumed:?}");
        for (one, other) in losses(&whole, "tiny").iter().zip(losses(&cut, "tiny")) {
            assert!((one - other).abs() < 1e-3, "{}: {other} instead of {one}", gpu.name);
        }
    }
}

/// Maps of 14 GB, more than devices have memory for, and no more than a spec may ask for: no crash, but an error with the keys to lower.
#[test]
fn a_step_that_does_not_fit_is_an_error_with_the_keys_to_lower() {
    for gpu in gpus() {
        let lab = Lab::new();
        let set = ["train.patch-size=[96,96,96]", "train.batch-size=2", "model.unet.features=[2048,8]"];
        let set: Vec<&str> = set.iter().flat_map(|text| ["--set", text]).collect();
        let ended = lab.end(&[&["run", "experiments/tiny.toml", "--device", &gpu.name], &set[..]].concat());
        assert!(
            ended.code == 5 && ended.err.contains("train.batch-size"),
            "{}: {} {}",
            gpu.name,
            ended.code,
            ended.err
        );
    }
}

/// Steps and whole predictions; that their numbers are right is seen in the table of `doctor --full`.
#[test]
fn every_architecture_trains_and_predicts() {
    for gpu in gpus() {
        for (name, text) in architectures::all() {
            let lab = Lab::new();
            lab.write(&format!("experiments/{name}.toml"), &text);
            lab.run(name, &["--device", &gpu.name, "--set", "train.epochs=1", "--set", "train.validate-every=0"]);
            let run = lab.run_folder(name);
            assert!(losses(&lab, name)[0].is_finite(), "{name} on {}", gpu.name);
            if name != "classifier" {
                assert!(scores(&run).iter().any(|row| row[DICE].is_some()), "{name} on {}", gpu.name);
            }
        }
    }
}

/// A run finds what `warm` left in the cache: that the device passed its trial, and its kernels, which make the run the faster one.
#[test]
fn a_run_finds_what_was_warmed() {
    for gpu in gpus() {
        let lab = Lab::new();
        let kernels = lab.path("kernels");
        let ended = |arguments: &[&str]| {
            let mut command = lab.command(&[arguments, &["experiments/tiny.toml", "--device", &gpu.name]].concat());
            let ended = crate::lab::end(command.env("SEGSPEC_KERNEL_CACHE", &kernels));
            assert_eq!(ended.code, 0, "{}", ended.err);
            ended.err
        };
        let begun = Instant::now();
        assert!(ended(&["warm"]).contains("before its first use"), "the trial");
        let (warming, begun) = (begun.elapsed(), Instant::now());
        let said = ended(&["run"]);
        println!("{}: a run of nine steps took {:?} after {warming:?} of warming", gpu.name, begun.elapsed());
        assert!(!gpu.is_card() || begun.elapsed() < warming, "{:?} after {warming:?}", begun.elapsed());
        assert!(!said.contains("before its first use") && said.contains("compiling kernels"), "{said}");
    }
}
