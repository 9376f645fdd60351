//! Every architecture goes the whole way, and can start from weights that are there already.

use std::fs;

use serde_json::Value;

use crate::lab::{Lab, TINY, end, json, manifest, results, weights};

/// `TINY` with another network.
fn with_model(table: &str) -> String {
    let (before, rest) = TINY.split_once("[model.unet]").unwrap();
    let (_, after) = rest.split_once("[train]").unwrap();
    format!("{before}{table}\n[train]{after}")
}

const STAGES: &str = "features = [4, 8]\nstrides = [[1, 1, 1], [2, 2, 2]]\nkernels = [[3, 3, 3], [3, 3, 3]]\n";

/// A small experiment of every architecture by its name. The V-Net has its paper's kernels of five voxels.
pub fn all() -> Vec<(&'static str, String)> {
    let wide = STAGES.replace("[4, 8]", "[8, 16]");
    let five = wide.replace("[3, 3, 3]", "[5, 5, 5]");
    let flat = "blocks = [1, 1, 1, 1]\nfeatures = ";
    let tables = [
        ("unet", format!("[model.unet]\n{wide}")),
        ("attention", format!("[model.attention-unet]\n{wide}norm = \"instance\"\n")),
        ("vnet", format!("[model.vnet]\n{five}dropout = 0.3\n")),
        ("multipass", format!("[model.multipass-unet]\npasses = 2\n[model.multipass-unet.unet]\n{wide}")),
        ("segformer", format!("[model.segformer]\ndecoder-features = 8\n{flat}[8, 8, 10, 16]\n")),
        ("classifier", format!("[model.classifier]\ntarget = \"per-structure\"\n{flat}[4, 4, 8, 8]\n")),
    ];
    let text = |(name, table): (&'static str, String)| {
        let text = with_model(&table);
        let is_flat = ["segformer", "classifier"].contains(&name);
        (name, if is_flat { text.replace("[16, 16, 16]", "[1, 32, 32]") } else { text })
    };
    tables.into_iter().map(text).collect()
}

#[test]
fn every_architecture_trains_predicts_and_comes_to_the_same_end_for_any_number_of_threads() {
    for (name, text) in all() {
        let run = |threads: &str| {
            let lab = Lab::new();
            let file = format!("experiments/{name}.toml");
            lab.write(&file, &text);
            let ended = end(lab.command(&["run", &file]).env("RAYON_NUM_THREADS", threads));
            assert_eq!(ended.code, 0, "{name}: {}", ended.err);
            let run = lab.run_folder(name);
            // Answers of a classifier are no images.
            let masks = if name == "classifier" { Vec::new() } else { results(&lab, name).remove(0).predictions };
            (weights(&run), masks)
        };
        let first = run("1");
        assert!(name == "classifier" || first.1.len() == 2, "{name}");
        assert!(first == run("2") && first == run("4"), "{name}: not the same numbers again");
    }
}

#[test]
fn each_pass_is_scored_and_stands_in_the_report() {
    let lab = Lab::new();
    let table = format!(
        "[model.multipass-unet]\npasses = 3\npass-weights = [1.0, 1.0, 2.0]\n[model.multipass-unet.unet]\n{STAGES}"
    );
    lab.write("experiments/passes.toml", &with_model(&table));
    lab.run("passes", &[]);
    let report = lab.end(&["report", "experiments/passes.toml", "--json"]);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let trials: Vec<&str> = report["trials"].as_array().unwrap().iter().filter_map(|t| t["trial"].as_str()).collect();
    assert_eq!(trials, ["pass 1", "pass 2", "pass 3"]);
    assert!(
        report["trials"].as_array().unwrap().iter().all(|trial| trial["structures"].as_array().unwrap().len() == 2)
    );
    let page = fs::read_to_string(lab.path("reports/passes/report.html")).unwrap();
    assert!(page.contains("pass 1") && page.contains("pass 3"));
}

#[test]
fn a_run_starts_from_another_runs_weights() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let before = lab.run_folder("tiny");
    let from = format!("pretrained.from-run={}", before.strip_prefix(lab.path("")).unwrap().display());
    // No step is large enough to change a weight.
    let still = [
        "--set",
        &from,
        "--set",
        "name=tuned",
        "--set",
        "train.optimizer.adamw.learning-rate=1e-30",
        "--set",
        "seed=9",
    ];
    lab.run("tiny", &still);
    let after = lab.run_folder("tuned");
    let report = json(&after.join("pretrained.json"));
    assert_eq!((report["missing"].as_array().unwrap().len(), report["unused"].as_array().unwrap().len()), (0, 0));
    let weights = |run: &std::path::Path| fs::read(run.join("checkpoints/best.safetensors")).unwrap();
    assert!(weights(&before) == weights(&after), "the weights are those of the first run");
    assert_ne!(manifest(&before)["run_id"], Value::from("none"));

    // Where the file lies changes no id; what it holds does.
    let id = |further: &[&str]| lab.dry_run("tiny", further)[0]["id"].as_str().unwrap().to_owned();
    fs::copy(before.join("checkpoints/best.safetensors"), lab.path("moved.safetensors")).unwrap();
    assert_eq!(id(&still), id(&["--set", "pretrained.file=moved.safetensors", still[4], still[5], still[6], still[7]]));
    assert_ne!(id(&still), id(&still[2..]));
}

#[test]
fn weights_that_do_not_fit_end_with_code_4_and_say_why() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let from = format!("pretrained.from-run={}", run.strip_prefix(lab.path("")).unwrap().display());
    let wider = ["run", "experiments/tiny.toml", "--set", &from, "--set", "model.unet.features=[4,16]"];
    let ended = lab.end(&wider);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(
        ended.err.contains("parameters are not in the file") && ended.err.contains("partial = true"),
        "{}",
        ended.err
    );
    let ended = lab.end(&[&wider[..], &["--set", "pretrained.partial=true"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let missing = lab.end(&["run", "experiments/tiny.toml", "--set", "pretrained.file=nowhere.pt"]);
    assert_eq!(missing.code, 4, "{}", missing.err);
    assert!(missing.err.contains("nowhere.pt"), "{}", missing.err);
}

/// Networks that cannot be built are refused by `check`, and by planning where a value of the command line asks for them.
#[test]
fn networks_that_cannot_be_built_are_found_before_anything_is_computed() {
    let lab = Lab::new();
    let one = "features = [4]\nstrides = [[1, 1, 1]]\nkernels = [[3, 3, 3]]\n";
    let shrinks = STAGES.replace("[[1, 1, 1],", "[[2, 2, 2],");
    let cases = [
        ("vnet", format!("[model.vnet]\n{one}"), "stage"),
        ("attention", format!("[model.attention-unet]\n{one}"), "stage"),
        ("passes", format!("[model.multipass-unet]\npasses = 2\n[model.multipass-unet.unet]\n{shrinks}"), "size"),
        ("segformer", "[model.segformer]\nfeatures = [8, 9, 10, 16]\nblocks = [1, 1, 1, 1]\n".into(), "features"),
    ];
    for (name, table, word) in cases {
        let file = format!("experiments/{name}.toml");
        lab.write(&file, &with_model(&table));
        for command in ["check", "run"] {
            let ended = lab.end(&[command, &file]);
            assert_eq!(ended.code, 3, "{command} {name}: {}{}", ended.out, ended.err);
            assert!(ended.err.contains(word) && !ended.err.contains("panicked"), "{name}: {}", ended.err);
        }
        assert!(lab.run_folders(name).is_empty());
    }
}

#[test]
fn a_list_that_does_not_fit_the_planned_stages_is_refused_before_training() {
    let lab = Lab::new();
    let network = r#"model={ vnet = { blocks = "auto", decoder-blocks = [5, 3, 2, 1] } }"#;
    for command in [&["run", "experiments/tiny.toml", "--dry-run"][..], &["run", "experiments/tiny.toml"]] {
        let ended = lab.end(&[command, &["--set", network]].concat());
        assert_eq!(ended.code, 3, "{}", ended.err);
        let said = ended.out + &ended.err;
        assert!(said.contains("`decoder-blocks` has 4 entries, but these images allow"), "{said}");
    }
    assert!(lab.run_folders("tiny").is_empty());
}
