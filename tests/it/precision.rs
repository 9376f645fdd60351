//! Mixed precision on the CPU, by conversion: 16 bits find the same organs as 32, and an overflow costs a step, not the run.

use std::fs;
use std::path::Path;

use segspec::evaluate::DICE;
use serde_json::{Value, json};

use crate::lab::{Lab, json as read, results, scores};
use crate::resume::unfinish;

/// Enough steps for organs to be found, and for differences of the last bits to have no say in the result.
const STEPS: [&str; 8] = [
    "train.epochs=8",
    "train.steps-per-epoch=40",
    "train.validate-every=0",
    "train.patch-size=[16,24,24]",
    "model.unet.features=[8,16,16]",
    "model.unet.strides=[[1,1,1],[1,2,2],[2,2,2]]",
    "model.unet.kernels=[[3,3,3],[3,3,3],[3,3,3]]",
    "structures=[\"liver\", \"spine\"]",
];

/// The settings as arguments.
pub fn settings(precision: &str) -> Vec<String> {
    let all = STEPS.iter().map(|text| (*text).to_owned()).chain([format!("train.precision={precision}")]);
    all.flat_map(|text| ["--set".to_owned(), text]).collect()
}

/// What a device learns in a precision: the workspace and the mean Dice.
pub fn learn(device: &str, precision: &str) -> (Lab, f64) {
    let lab = Lab::new();
    let set = settings(precision);
    lab.run("tiny", &["--device", device].into_iter().chain(set.iter().map(String::as_str)).collect::<Vec<_>>());
    let dice: Vec<f64> = scores(&lab.run_folder("tiny")).iter().filter_map(|row| row[DICE]).collect();
    (lab, dice.iter().sum::<f64>() / dice.len() as f64)
}

/// Number types of all tensors in a safetensors file.
fn dtypes(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let tensors = header.as_object().unwrap().values();
    tensors.filter_map(|tensor| Some(tensor.get("dtype")?.as_str()?.to_owned())).collect()
}

#[test]
fn organs_are_found_as_well_in_16_bits_as_in_32() {
    let (_, full) = learn("cpu", "f32");
    assert!(full > 0.7, "{full}");
    for precision in ["bf16", "f16"] {
        let (_, half) = learn("cpu", precision);
        println!("Dice {full:.4} in f32, {half:.4} in {precision}");
        assert!((half - full).abs() < 0.01, "{precision}: {half} instead of {full}");
    }
}

/// The factor of the loss is set far too high in a checkpoint: every step of the next epoch overflows.
#[test]
fn an_overflow_halves_the_factor_skips_the_step_and_goes_on() {
    let lab = Lab::new();
    let set = ["precision=f16", "steps-per-epoch=30", "validate-every=0", "keep-every=1"];
    let set: Vec<String> = set.iter().map(|text| format!("train.{text}")).collect();
    let set: Vec<&str> = set.iter().flat_map(|text| ["--set", text.as_str()]).collect();
    lab.run("tiny", &set);
    let run = lab.run_folder("tiny");
    let weights = |epoch: usize| fs::read(run.join(format!("checkpoints/epoch-{epoch}.safetensors"))).unwrap();
    let (last, path) = (weights(3), run.join("checkpoints/last/state.json"));
    let mut state = read(&path);
    assert_eq!(state["loss_scale"], json!({ "factor": 65536.0, "good_steps": 90 }));
    state["history"].as_array_mut().unwrap().truncate(1);
    state["step"] = 30.into();
    state["loss_scale"] = json!({ "factor": 2f64.powi(62), "good_steps": 0 });
    fs::write(&path, state.to_string()).unwrap();
    unfinish(&run);
    lab.run("tiny", &set);
    // Nothing was learnt in the second epoch, in the third it went on.
    assert!(weights(2) == last && weights(3) != last);
    let state = read(&path);
    let skipped: Vec<u64> =
        state["history"].as_array().unwrap().iter().map(|epoch| epoch["skipped_steps"].as_u64().unwrap()).collect();
    assert!(skipped[..2] == [0, 30] && skipped[2] < 30, "{skipped:?}");
    assert_eq!(state["loss_scale"]["factor"], 2f64.powi(62 - 30 - skipped[2] as i32));
    assert!(read(&run.join("training_history.json"))["loss"][2].as_f64().unwrap().is_finite());
    assert_eq!(read(&run.join("training_history.json"))["skipped_steps"][1], 30);
}

#[test]
fn saved_weights_are_in_32_bits_and_checkpointing_changes_no_number() {
    let lab = Lab::new();
    let set = ["--set", "train.precision=bf16"];
    lab.run("tiny", &set);
    let run = lab.run_folder("tiny");
    let found = dtypes(&run.join("checkpoints/best.safetensors"));
    assert!(found.len() > 10 && found.iter().all(|dtype| dtype == "F32"), "{found:?}");
    let whole = results(&lab, "tiny");
    lab.run("tiny", &[&set[..], &["--fresh", "--set", "train.gradient-checkpointing=true"]].concat());
    assert!(results(&lab, "tiny") == whole);
}
