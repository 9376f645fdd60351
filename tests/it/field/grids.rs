//! Field files about grids, label values and names: what their EXPECT.md calls right.

use std::path::Path;

use serde_json::Value;

use super::field;
use crate::lab::{Ended, Lab};

/// The program in a folder of the field files. Results go elsewhere.
fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let lab = Lab::new();
    let mut command = lab.command(arguments);
    crate::lab::end(command.current_dir(folder).env("SEGSPEC_DATA", folder))
}

fn check(folder: &Path, dataset: &str) -> Value {
    let ended = run(folder, &["dataset", "check", &format!("datasets/{dataset}.toml"), "--json"]);
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{dataset}: {}", ended.err))
}

fn cases(checked: &Value) -> &[Value] {
    checked["cases"].as_array().unwrap()
}

/// Voxels of each value that a case is expected to have.
fn assert_voxels(case: &Value, expected: &[(u16, u64)]) {
    assert_eq!(case["excluded"], Value::Null, "{case}");
    for (value, voxels) in expected {
        let found = case["label_voxels"][value.to_string()].as_u64().unwrap_or(0);
        assert_eq!(found, *voxels, "value {value} of {}", case["case"]);
    }
}

fn assert_refused(case: &Value, words: &[&str]) {
    let reason = case["excluded"].as_str().unwrap_or_else(|| panic!("accepted: {case}"));
    assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
}

fn remarks(case: &Value) -> String {
    ["notes", "warnings"].map(|key| case[key].to_string()).concat()
}

#[test]
fn labels_off_by_rounding() {
    let Some(folder) = field("08-labels-off-by-rounding") else { return };
    for dataset in ["nib-int16-scaled", "nib-uint8-scaled", "float32-dust"] {
        let checked = check(&folder, dataset);
        assert_eq!(cases(&checked).len(), 3);
        cases(&checked).iter().for_each(|case| assert_voxels(case, &[(1, 64), (2, 48), (3, 24)]));
    }
    for (dataset, value) in [("interpolated", "is 0.5"), ("quantised", "is 0.9")] {
        let checked = check(&folder, dataset);
        let refused: Vec<&Value> = cases(&checked).iter().filter(|case| !case["excluded"].is_null()).collect();
        assert!(!refused.is_empty(), "{dataset}");
        refused.iter().for_each(|case| assert_refused(case, &["labelsTr/", "voxel [", value]));
    }
}

#[test]
fn sform_and_qform_disagree() {
    let Some(folder) = field("11-sform-and-qform-disagree") else { return };
    let shown = run(&folder, &["inspect", "data/same-both/imagesTr/a_0000.nii.gz"]);
    assert!(shown.out.contains("sform and qform differ, sform is used"), "{}", shown.out);
    for dataset in ["same-both", "label-sform-only", "same-both-r", "label-sform-only-r"] {
        cases(&check(&folder, dataset)).iter().for_each(|case| assert_voxels(case, &[(1, 144)]));
    }
    for case in cases(&check(&folder, "label-qform-only")) {
        assert_refused(case, &["image's own qform", "would move the label"]);
        assert!(!case["excluded"].to_string().contains("resample-labels"), "{case}");
    }
    for case in cases(&check(&folder, "label-qform-only-r")) {
        let told = remarks(case);
        assert!(told.contains("image's own qform"), "{told}");
        let kept = case["label_voxels"]["1"].as_u64().unwrap();
        assert!(kept == 144 || told.contains("lie outside the image"), "{kept} of 144: {told}");
    }
}

#[test]
fn nrrd_labels_with_layers() {
    let Some(folder) = field("12-nrrd-label-with-layers") else { return };
    cases(&check(&folder, "layers")).iter().for_each(|case| assert_refused(case, &["2 layers"]));
    let names = check(&folder, "layers-name");
    for case in cases(&names) {
        assert_eq!(case["structures"].as_array().unwrap().len(), 3);
        // Structures are bits: each has 64 voxels, shared ones included.
        for bit in 0..3_u16 {
            let voxels = case["label_voxels"].as_object().unwrap().iter();
            let of_bit = voxels.filter(|(value, _)| value.parse::<u16>().unwrap() >> bit & 1 == 1);
            assert_eq!(of_bit.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>(), 64);
        }
    }
    cases(&check(&folder, "layers-name-no-overlap"))
        .iter()
        .for_each(|case| assert_refused(case, &["8 voxels", "labels.overlap"]));
}

#[test]
fn segmentations_of_another_extent() {
    let Some(folder) = field("14-segmentation-of-smaller-extent") else { return };
    for dataset in ["set", "set-r", "big", "big-r"] {
        cases(&check(&folder, dataset)).iter().for_each(|case| assert_voxels(case, &[(1, 96), (2, 64)]));
    }
    for dataset in ["one", "one-r"] {
        for case in cases(&check(&folder, dataset)) {
            let is_empty = case["case"] == "b";
            assert_voxels(case, if is_empty { &[(1, 0), (2, 0)] } else { &[(1, 96), (2, 64)] });
            assert_eq!(remarks(case).contains("only background"), is_empty);
        }
    }
}

#[test]
fn picture_labels_of_0_and_255() {
    let Some(folder) = field("17-png-labels-0-255") else { return };
    for case in cases(&check(&folder, "pairs1")) {
        assert_refused(case, &["255 (80 voxels)", "`value = 255`", "mask-values"]);
    }
    for dataset in ["pairs255", "rgb255"] {
        let checked = check(&folder, dataset);
        assert_eq!(cases(&checked).len(), 6);
        cases(&checked).iter().for_each(|case| assert_voxels(case, &[(255, 80)]));
    }
    // Without spacing, `auto` keeps the voxels, and says so.
    let lab = Lab::new();
    for (name, values) in [("255", "value = 255"), ("1", "value = 1\n[labels]\nmask-values = \"nonzero\"")] {
        let text = format!(
            "root = \"data/pairs\"\nmodality = \"microscopy\"\n[layout.pairs]\nimage = \"imagesTr/{{case}}.png\"\n\
             label = \"labelsTr/{{case}}.png\"\n[split.every-nth]\nn = 3\n[[structure]]\nname = \"vessel\"\n{values}\n"
        );
        lab.write(&format!("datasets/pictures{name}.toml"), &text);
        lab.write("experiments/pictures.toml", &format!("dataset = \"pictures{name}\"\n[model.unet]\n"));
        let arguments = ["run", "experiments/pictures.toml", "--dry-run"];
        let ended = crate::lab::end(lab.command(&arguments).env("SEGSPEC_DATA", &folder));
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!([&ended.out, &ended.err].iter().any(|text| text.contains("no voxel spacing")), "{}", ended.err);
    }
}

#[test]
fn segment_values_differ_between_cases() {
    let Some(folder) = field("18-segment-values-differ-between-cases") else { return };
    let named = check(&folder, "name");
    for case in cases(&named) {
        let expected: &[(u16, u64)] = if case["case"] == "e" { &[(1, 0), (2, 64)] } else { &[(1, 216), (2, 64)] };
        assert_voxels(case, expected);
        match case["case"].as_str().unwrap() {
            "c" => assert!(remarks(case).contains("tumour"), "{}", remarks(case)),
            "d" => assert!(remarks(case).contains("taken as `liver`"), "{}", remarks(case)),
            _ => {}
        }
    }
    let exchanged = check(&folder, "value");
    let b = cases(&exchanged).iter().find(|case| case["case"] == "b").unwrap();
    assert_refused(b, &["calls value 1 `spleen`", "the dataset `liver`"]);
    for prediction in ["pred", "pred2"] {
        for further in [&[][..], &["--dataset", "datasets/name.toml"]] {
            let prediction = format!("data/ev/{prediction}");
            let base = ["evaluate", "--reference", "data/ev/ref", "--prediction", &prediction, "--json"];
            let ended = run(&folder, &[&base[..], further].concat());
            assert_eq!(ended.code, 0, "{}", ended.err);
            let json: Value = serde_json::from_str(&ended.out).unwrap();
            assert_eq!(json["mean"]["dice"]["mean"].as_f64(), Some(1.0), "{prediction}: {json}");
            let names: Vec<&str> =
                json["structures"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
            assert!(names.contains(&"liver") && names.contains(&"spleen"), "{names:?}");
        }
    }
}

#[test]
fn predictions_on_other_grids() {
    let Some(folder) = field("20-predictions-on-other-grids") else { return };
    let evaluate = |name: &str| {
        let prediction = format!("data/{name}");
        run(&folder, &["evaluate", "--reference", "data/ref", "--prediction", &prediction, "--json"])
    };
    for name in ["ras", "perm", "float", "four", "int64"] {
        let ended = evaluate(name);
        let json: Value = serde_json::from_str(&ended.out).unwrap();
        let dice: Vec<f64> =
            json["structures"].as_array().unwrap().iter().filter_map(|it| it["dice"]["mean"].as_f64()).collect();
        assert_eq!((ended.code, dice), (0, vec![1.0, 1.0]), "{name}: {}", ended.err);
    }
    for (name, words) in
        [("cropped", "different sizes"), ("shift", "0.800 mm apart"), ("noheader", "differ in position")]
    {
        let ended = evaluate(name);
        assert!(ended.code == 4 && ended.err.contains(words), "{name}: {}", ended.err);
    }
    let ended = evaluate("named");
    assert!(ended.code == 4 && ended.err.contains("no prediction for 1 reference"), "{}", ended.err);
}
