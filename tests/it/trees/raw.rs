//! Raw datasets of both versions of nnU-Net, with everything that their `dataset.json` and `splits_final.json` may state.

use std::path::Path;

use super::files::{cases, labels, text, volume};
use super::pictures::{colours, grey, slices};
use super::{Run, Tree};

/// Four cases with this number of channels, and a `dataset.json`.
fn raw(root: &Path, channels: usize, json: &str) {
    for (number, image, label) in cases() {
        for channel in 0..channels {
            volume(root, &format!("imagesTr/p_{number:03}_{channel:04}.nii.gz"), &image);
        }
        labels(root, &format!("labelsTr/p_{number:03}.nii.gz"), &label);
    }
    text(root, "dataset.json", json);
}

const PLAIN: &str = r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1, "b": 2}, "numTraining": 4,
    "file_ending": ".nii.gz"}"#;

pub fn two_channels(root: &Path) {
    raw(root, 2, &PLAIN.replace(r#""0": "CT""#, r#""0": "T1", "1": "FLAIR""#));
}

/// nnU-Net 1 whose list has the channel numbers, and channels as a list.
fn numbered_list(root: &Path) {
    let entry = |number: usize| {
        format!(r#"{{"image": "./imagesTr/p_{number:03}_0000.nii.gz", "label": "./labelsTr/p_{number:03}.nii.gz"}}"#)
    };
    let training = (1..=4).map(entry).collect::<Vec<_>>().join(",");
    let json = format!(
        r#"{{"modality": ["FLAIR", "T1"], "labels": {{"0": "background", "1": "a", "2": "b"}}, "licence": "CC0",
        "license": "CC0", "reference": null, "numTraining": 4, "training": [{training}]}}"#
    );
    raw(root, 2, &json);
}

/// nnU-Net 1 whose list and files differ.
fn other_list(root: &Path) {
    let entry = |number: usize| {
        format!(r#"{{"image": "./imagesTr/p_{number:03}.nii.gz", "label": "./labelsTr/p_{number:03}.nii.gz"}}"#)
    };
    let training = [1, 2, 3, 7].map(entry).join(",");
    let json = format!(
        r#"{{"modality": {{"0": "CT"}}, "labels": {{"0": "background", "1": "a", "2": "b"}}, "numTraining": 3,
        "training": [{training}]}}"#
    );
    raw(root, 1, &json);
}

/// Labels that segspec cannot express.
fn odd_labels(root: &Path) {
    let odd = r#""a": 1, "b": "2", "outside": [0, 2], "same": 1"#;
    raw(root, 1, &PLAIN.replace(r#""a": 1, "b": 2"#, odd));
}

fn ignored_in_region(root: &Path) {
    raw(root, 1, &PLAIN.replace(r#""b": 2"#, r#""all": [1, 2], "ignore": 2"#));
}

fn regions_and_ignore(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("imagesTr/p_{number:03}_0000.nii.gz"), &image);
        let mut label = label;
        label.voxels[[0, 0, 0]] = 3;
        labels(root, &format!("labelsTr/p_{number:03}.nii.gz"), &label);
    }
    let regions = r#""whole": [1, 2], "core": [2], "ignore": 3"#;
    text(root, "dataset.json", &PLAIN.replace(r#""a": 1, "b": 2"#, regions).replace(r#""CT""#, r#""noNorm""#));
}

fn colour_pictures(root: &Path) {
    for (number, image, label) in slices() {
        colours(&root.join(format!("imagesTr/p_{number}_0000.png")), &image);
        std::fs::create_dir_all(root.join("labelsTr")).unwrap();
        grey(&root.join(format!("labelsTr/p_{number}.png")), label.mapv(|value| value as u8));
    }
    let channels = r#""0": "R", "1": "G", "2": "B""#;
    text(root, "dataset.json", &PLAIN.replace(r#""0": "CT""#, channels).replace(".nii.gz", ".png"));
}

fn folds(folds: &[(&[u8], &[u8])]) -> String {
    let names = |numbers: &[u8]| {
        let quoted: Vec<String> = numbers.iter().map(|number| format!(r#""p_{number:03}""#)).collect();
        format!("[{}]", quoted.join(", "))
    };
    let fold = |(train, val): &(&[u8], &[u8])| format!(r#"{{"train": {}, "val": {}}}"#, names(train), names(val));
    format!("[{}]", folds.iter().map(fold).collect::<Vec<_>>().join(", "))
}

fn folds_of_preprocessed(root: &Path) {
    raw(root, 1, PLAIN);
    let name = root.file_name().unwrap().to_string_lossy();
    let preprocessed = root.parent().unwrap().join("nnUNet_preprocessed");
    text(&preprocessed, &format!("{name}/splits_final.json"), &folds(&[(&[1, 3], &[2, 4]), (&[2, 4], &[1, 3])]));
}

fn one_fold(root: &Path) {
    raw(root, 1, PLAIN);
    text(root, "splits_final.json", &folds(&[(&[1, 2, 3], &[4])]));
    text(root, "splits_final.pkl", "");
}

fn folds_of_others(root: &Path) {
    raw(root, 1, PLAIN);
    text(root, "splits_final.json", &folds(&[(&[1, 2], &[3, 9]), (&[3, 9], &[1, 2])]));
}

fn folds_of_some(root: &Path) {
    raw(root, 1, &PLAIN.replace(r#""numTraining": 4"#, r#""numTraining": 5"#));
    text(root, "splits_final.json", &folds(&[(&[1], &[2, 3]), (&[2, 3], &[1])]));
}

const AB: &[&str] = &["a", "b"];

pub const TREES: [Tree; 10] = [
    Tree {
        name: "raw-numbered-list",
        write: numbered_list,
        layout: "nnU-Net raw",
        structures: AB,
        channels: &["FLAIR", "T1"],
        lines: &["licence = \"CC0\"", "layout = { nnunet = {} }"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-other-list",
        write: other_list,
        layout: "nnU-Net raw",
        structures: AB,
        lines: &[
            "1 case listed in dataset.json, without files: p_007",
            "1 case taken, not listed in dataset.json: p_004",
            "states 3 training cases",
        ],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-odd-labels",
        write: odd_labels,
        layout: "nnU-Net raw",
        structures: AB,
        lines: &[
            "the region `outside` of dataset.json contains the background, 0",
            "`a` and `same` of dataset.json have the same value, 1",
        ],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-ignored-in-region",
        write: ignored_in_region,
        layout: "nnU-Net raw",
        structures: &["a"],
        lines: &["`all` of dataset.json is left out: it contains 2, the value of `ignore`", "ignore = 2"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-regions-and-ignore",
        write: regions_and_ignore,
        layout: "nnU-Net raw",
        structures: &["value-1", "core"],
        lines: &["\"whole\" = [\"value-1\", \"core\"]", "ignore = 3", "`noNorm`, which means no normalisation"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-colour-pictures",
        write: colour_pictures,
        layout: "nnU-Net raw",
        structures: AB,
        channels: &["R", "G", "B"],
        lines: &["modality = \"rgb\""],
        run: Run::Pictures,
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-folds-of-preprocessed",
        write: folds_of_preprocessed,
        layout: "nnU-Net raw",
        structures: AB,
        lines: &["[split.fixed-folds]", "[\"p_002\", \"p_004\"]"],
        arguments: &["--splits", "data/nnUNet_preprocessed"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-one-fold",
        write: one_fold,
        layout: "nnU-Net raw",
        structures: AB,
        left_out: &[("splits_final.pkl", "pickle of Python")],
        lines: &["[split.fixed]", "train = [\"p_001\", \"p_002\", \"p_003\"]", "test = [\"p_004\"]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-folds-of-others",
        write: folds_of_others,
        layout: "nnU-Net raw",
        structures: AB,
        left_out: &[("splits_final.json", "names 1 case that is not there: p_009")],
        lines: &["[split.k-fold]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "raw-folds-of-some",
        write: folds_of_some,
        layout: "nnU-Net raw",
        structures: AB,
        lines: &[
            "[split.fixed-folds]",
            "1 case is in no fold of splits_final.json and not used: p_004",
            "states 5 training cases (`numTraining`): there are 4",
        ],
        ..Tree::PLAIN
    },
];
