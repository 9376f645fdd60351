//! Models that nnU-Net trains: our predictions beside `nnUNetv2_predict`'s.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, json};
use crate::python;

/// Where models are kept from one run of the tests to the next: training them takes minutes.
fn kept() -> PathBuf {
    let usual = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("nnunet");
    std::env::var_os("SEGSPEC_NNUNET_MODELS").map_or_else(usual, PathBuf::from)
}

/// Imports the model of a scenario, predicts, and compares. None where nnU-Net is not installed.
fn compared(scenario: &str) -> Option<Vec<Value>> {
    let root = kept().join(scenario);
    std::fs::create_dir_all(kept()).unwrap();
    python::output(python::nnunet_script("nnunet_models.py").arg(kept()).arg(scenario))?;
    let made = json(&root.join("made.json"));
    let lab = Lab::new();
    let model = root.join(made["model"].as_str().unwrap());
    let ended = lab.end(&["import", "nnunet", model.to_str().unwrap(), "--name", scenario, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let runs: Value = serde_json::from_str(&ended.out).unwrap();
    let run = runs["runs"].as_array().unwrap().last().unwrap()["folder"].as_str().unwrap();
    let images = root.join("images");
    let ended = lab.end(&["predict", run, "--input", images.to_str().unwrap(), "--output", "out", "--probabilities"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let text = python::output(python::nnunet_script("nnunet_compare.py").arg(&root).arg(lab.path("out")))?;
    println!("{scenario}: {text}");
    Some(serde_json::from_str(&text).unwrap())
}

fn equal(scenario: &str) {
    let Some(rows) = compared(scenario) else { return };
    assert!(!rows.is_empty());
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap();
        assert!(row["labels"].as_array().unwrap().len() > 1, "{scenario}: nothing was segmented: {row}");
        assert!(number("same") >= 0.9999, "{scenario}: {row}");
        assert!(number("place") < 1e-5, "{scenario}: {row}");
        // Single voxels at the edge of windows, where half precision leaves the weights two digits, differ by more: docs/from-nnunet.md.
        assert!(number("expected_above_1e-3") <= 1e-4, "{scenario}: {row}");
    }
}

macro_rules! scenarios {
    ($($name:ident: $scenario:literal;)+) => {
        $(#[test]
        fn $name() {
            equal($scenario);
        })+
    };
}

scenarios! {
    flat_network: "2d";
    full_resolution_on_an_oblique_grid: "3d";
    permuted_anisotropic_axes: "anisotropic";
    residual_encoder: "residual";
    two_channels_normalised_within_the_nonzero_region: "channels";
    regions_and_an_ignored_label: "regions";
    mean_of_two_folds: "folds";
    cascade: "cascade";
}
