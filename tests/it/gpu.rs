//! What the CPU gives, on an NVIDIA GPU. Skipped where the program has no CUDA or the machine no card.

use segspec::evaluate::DICE;
use serde_json::Value;

use crate::lab::{Lab, json as read, scores};
use crate::precision::learn;

/// Whether there is a card, with a word to the person where there is none.
fn card(lab: &Lab) -> bool {
    let found: Value = serde_json::from_str(&lab.end(&["doctor", "--json"]).out).unwrap();
    let there = found["devices"].as_array().unwrap().contains(&"cuda:0".into());
    if !there {
        println!("skipped: {}", found["missing"]);
    }
    there
}

#[test]
fn organs_are_found_as_well_as_on_the_cpu() {
    if !card(&Lab::new()) {
        return;
    }
    let (_, expected) = learn("cpu", "f32");
    for precision in ["f32", "bf16", "f16"] {
        let (lab, found) = learn("cuda:0", precision);
        println!("Dice {expected:.4} on the CPU, {found:.4} on the card in {precision}");
        assert!((found - expected).abs() < 0.01, "{precision}: {found} instead of {expected}");
        let manifest = read(&lab.run_folder("tiny").join("manifest.json"));
        assert!(
            std::path::Path::new(manifest["kernel_cache"].as_str().unwrap()).is_file(),
            "{}",
            manifest["kernel_cache"]
        );
    }
}

/// The same weights on both, so that nothing but the forward pass may differ.
#[test]
fn what_the_cpu_trained_predicts_alike() {
    let lab = Lab::new();
    if !card(&lab) {
        return;
    }
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let dice = |folder: &std::path::Path| scores(folder).iter().filter_map(|row| row[DICE]).collect::<Vec<_>>();
    let expected = dice(&run);
    // As if nothing had been predicted.
    let mut manifest = read(&run.join("manifest.json"));
    manifest["predictions"] = serde_json::json!({});
    std::fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::remove_dir_all(run.join("predictions")).unwrap();
    lab.run("tiny", &["--device", "cuda:0"]);
    for (found, expected) in dice(&run).iter().zip(&expected) {
        assert!((found - expected).abs() < 5e-3, "{found} instead of {expected}");
    }
}
