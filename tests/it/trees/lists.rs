//! Folders with a list: Decathlon, nnU-Net, MONAI, BIDS.

use std::path::Path;

use ndarray::{Axis, concatenate};
use segspec::volume::Volume;

use super::Tree;
use super::files::{cases, elsewhere, labels, mask, text, volume};

fn training(name: impl Fn(usize) -> String) -> String {
    let entry = |number: usize| {
        let name = name(number);
        format!(r#"{{"image": "./imagesTr/{name}.nii.gz", "label": "./labelsTr/{name}.nii.gz"}}"#)
    };
    (1..=4).map(entry).collect::<Vec<_>>().join(",")
}

fn decathlon(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("imagesTr/liver_{number}.nii.gz"), &image);
        labels(root, &format!("labelsTr/liver_{number}.nii.gz"), &label);
    }
    let (_, image, _) = cases().next().unwrap();
    volume(root, "imagesTs/liver_9.nii.gz", &image);
    let training = training(|number| format!("liver_{number}"));
    let json = format!(
        r#"{{"name": "Liver", "modality": {{"0": "CT"}}, "labels": {{"0": "background", "1": "liver", "2": "tumour"}},
        "numTraining": 4, "training": [{training}], "test": ["./imagesTs/liver_9.nii.gz"]}}"#
    );
    text(root, "dataset.json", &json);
}

fn decathlon_channels(root: &Path) {
    for (number, image, label) in cases() {
        let voxels = concatenate(Axis(0), &[image.voxels.view(), image.voxels.view()]).unwrap();
        let image = Volume { voxels, geometry: image.geometry };
        volume(root, &format!("imagesTr/p_{number}.nii.gz"), &image);
        labels(root, &format!("labelsTr/p_{number}.nii.gz"), &label);
    }
    let training = training(|number| format!("p_{number}"));
    let json = format!(
        r#"{{"modality": {{"0": "T2", "1": "ADC"}}, "labels": {{"0": "background", "1": "PZ", "2": "TZ"}}, "training": [{training}]}}"#
    );
    text(root, "dataset.json", &json);
}

/// Images of nnU-Net's names with this number of channels and ending.
fn nnunet(root: &Path, channels: usize, ending: &str) {
    for (number, image, label) in cases() {
        for channel in 0..channels {
            volume(root, &format!("imagesTr/p_{number:03}_{channel:04}{ending}"), &image);
        }
        labels(root, &format!("labelsTr/p_{number:03}{ending}"), &label);
    }
}

fn nnunet_2(root: &Path) {
    nnunet(root, 2, ".nii.gz");
    let (_, image, _) = cases().next().unwrap();
    volume(root, "imagesTs/q_0000.nii.gz", &image);
    let json = r#"{"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "core": 1, "edema": 2}, "numTraining": 4,
        "file_ending": ".nii.gz", "overwrite_image_reader_writer": "SimpleITKIO"}"#;
    text(root, "dataset.json", json);
}

fn nnunet_pet(root: &Path) {
    nnunet(root, 2, ".nii.gz");
    let json = r#"{"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".nii.gz"}"#;
    text(root, "dataset.json", json);
}

fn nnunet_1(root: &Path) {
    nnunet(root, 1, ".nii.gz");
    let training = training(|number| format!("p_{number:03}"));
    let json = format!(
        r#"{{"modality": {{"0": "CT"}}, "labels": {{"0": "background", "1": "a", "2": "b"}}, "training": [{training}]}}"#
    );
    text(root, "dataset.json", &json);
}

fn regions(root: &Path) {
    nnunet(root, 1, ".nii.gz");
    let json = r#"{"channel_names": {"0": "T1"}, "labels": {"background": 0, "whole": [1, 2], "core": [2]}, "file_ending": ".nii.gz",
        "regions_class_order": [1, 2]}"#;
    text(root, "dataset.json", json);
}

fn ignored(root: &Path) {
    nnunet(root, 1, ".nii.gz");
    let json =
        r#"{"channel_names": {"0": "T1"}, "labels": {"background": 0, "a": 1, "ignore": 2}, "file_ending": ".nii.gz"}"#;
    text(root, "dataset.json", json);
}

fn nrrd(root: &Path) {
    nnunet(root, 1, ".nrrd");
    text(
        root,
        "dataset.json",
        r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".nrrd"}"#,
    );
}

fn splits(root: &Path) {
    nnunet_1(root);
    let fold = |train: &str, val: &str| format!(r#"{{"train": [{train}], "val": [{val}]}}"#);
    let [a, b] = [r#""p_001", "p_002""#, r#""p_003", "p_004""#];
    text(root, "splits_final.json", &format!("[{}, {}]", fold(a, b), fold(b, a)));
}

fn own_list(root: &Path) {
    let mut entries = Vec::new();
    for (number, image, label) in cases() {
        volume(root, &format!("scans/s{number}/ct.nii.gz"), &image);
        labels(root, &format!("truth/t{number}.nii.gz"), &label);
        entries.push(format!(
            r#""c{number}": {{"images": ["scans/s{number}/ct.nii.gz"], "label": "truth/t{number}.nii.gz"}}"#
        ));
    }
    let json = format!(
        r#"{{"channel_names": {{"0": "CT"}}, "labels": {{"background": 0, "a": 1, "b": 2}}, "file_ending": ".nii.gz", "dataset": {{{}}}}}"#,
        entries.join(",")
    );
    text(root, "dataset.json", &json);
}

fn monai(root: &Path) {
    let mut entries = Vec::new();
    for (number, image, label) in cases() {
        volume(root, &format!("a/img{number}.nii.gz"), &image);
        labels(root, &format!("b/lbl{number}.nii.gz"), &label);
        let fold = number % 2;
        entries
            .push(format!(r#"{{"image": "a/img{number}.nii.gz", "label": "b/lbl{number}.nii.gz", "fold": {fold}}}"#));
    }
    let (_, image, _) = cases().next().unwrap();
    volume(root, "c/test1.nii.gz", &image);
    text(
        root,
        "dataset_0.json",
        &format!(r#"{{"training": [{}], "testing": [{{"image": "c/test1.nii.gz"}}]}}"#, entries.join(",")),
    );
}

fn bids(root: &Path) {
    text(root, "dataset_description.json", "{}");
    for (number, image, label) in cases() {
        let subject = format!("sub-{number:02}");
        for contrast in ["T1w", "T2w"] {
            volume(root, &format!("{subject}/anat/{subject}_{contrast}.nii.gz"), &image);
        }
        volume(root, &format!("{subject}/anat/{subject}_FLAIR.nii.gz"), &elsewhere(&image));
        labels(root, &format!("derivatives/manual/{subject}/anat/{subject}_dseg.nii.gz"), &label);
    }
    text(root, "derivatives/manual/dseg.tsv", "index\tname\n0\tbackground\n1\tgrey matter\n2\twhite matter\n");
}

fn bids_sessions(root: &Path) {
    for (number, image, label) in cases() {
        let (subject, session) = (format!("sub-{:02}", number.div_ceil(2)), format!("ses-{}", number % 2));
        let name = format!("{subject}/{session}/anat/{subject}_{session}");
        volume(root, &format!("{name}_T1w.nii.gz"), &image);
        labels(root, &format!("derivatives/x/{name}_T1w_dseg.nii.gz"), &label);
    }
}

fn bids_label_per_contrast(root: &Path) {
    for (number, image, label) in cases() {
        let subject = format!("sub-{:02}", number.div_ceil(2));
        let contrast = ["T1w", "T2w"][number % 2];
        let image = if contrast == "T1w" { image } else { elsewhere(&image) };
        let mut label = label;
        label.geometry = image.geometry.clone();
        volume(root, &format!("{subject}/anat/{subject}_{contrast}.nii.gz"), &image);
        labels(root, &format!("derivatives/labels/{subject}/anat/{subject}_{contrast}_seg-manual.nii.gz"), &label);
    }
}

fn bids_masks(root: &Path) {
    for (number, image, label) in cases() {
        let subject = format!("sub-{number:02}");
        volume(root, &format!("{subject}/anat/{subject}_T1w.nii.gz"), &image);
        for (name, value) in [("GM", 1), ("WM", 2)] {
            let file = format!("derivatives/s/{subject}/{subject}_label-{name}_mask.nii.gz");
            labels(root, &file, &mask(&label, value));
        }
    }
}

pub const TREES: [Tree; 15] = [
    Tree {
        name: "decathlon",
        write: decathlon,
        layout: "Decathlon",
        structures: &["liver", "tumour"],
        left_out: &[("imagesTs/", "test images")],
        lines: &["modality = \"ct\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "decathlon-channels",
        write: decathlon_channels,
        layout: "Decathlon",
        structures: &["PZ", "TZ"],
        channels: &["T2", "ADC"],
        lines: &["modality = \"mr\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "nnunet-2",
        write: nnunet_2,
        layout: "nnU-Net raw",
        structures: &["core", "edema"],
        channels: &["T1", "T2"],
        left_out: &[("imagesTs/", "test images"), ("dataset.json: overwrite", "by content")],
        ..Tree::PLAIN
    },
    Tree {
        name: "nnunet-modalities",
        write: nnunet_pet,
        layout: "nnU-Net raw",
        structures: &["a", "b"],
        channels: &["CT", "PET"],
        lines: &["modality = \"ct\"", "name = \"PET\"\nmodality = \"pet\""],
        ..Tree::PLAIN
    },
    Tree { name: "nnunet-1", write: nnunet_1, layout: "nnU-Net raw", structures: &["a", "b"], ..Tree::PLAIN },
    Tree {
        name: "nnunet-regions",
        write: regions,
        layout: "nnU-Net raw",
        structures: &["value-1", "core"],
        left_out: &[("dataset.json: regions_class_order", "outputs of their own")],
        lines: &["\"whole\" = [\"value-1\", \"core\"]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "nnunet-ignore",
        write: ignored,
        layout: "nnU-Net raw",
        structures: &["a"],
        lines: &["ignore = 2"],
        ..Tree::PLAIN
    },
    Tree { name: "nnunet-nrrd", write: nrrd, layout: "nnU-Net raw", structures: &["a", "b"], ..Tree::PLAIN },
    Tree {
        name: "nnunet-splits",
        write: splits,
        layout: "nnU-Net raw",
        structures: &["a", "b"],
        lines: &["[split.fixed-folds]", "[\"p_003\", \"p_004\"]"],
        ..Tree::PLAIN
    },
    Tree { name: "nnunet-list", write: own_list, layout: "own list", structures: &["a", "b"], ..Tree::PLAIN },
    Tree {
        name: "monai",
        write: monai,
        layout: "MONAI",
        left_out: &[("dataset_0.json: testing", "1 entries"), ("c/test1", "image")],
        lines: &["[split.fixed-folds]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "bids",
        write: bids,
        layout: "BIDS",
        structures: &["grey matter", "white matter"],
        channels: &["T1w", "T2w"],
        left_out: &[("*_FLAIR", "not on the grid"), ("dataset_description.json", "")],
        lines: &["modality = \"mr\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "bids-sessions",
        write: bids_sessions,
        layout: "BIDS",
        patients: 2,
        lines: &["patient = \"sub-01\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "bids-label-per-contrast",
        write: bids_label_per_contrast,
        layout: "one label per contrast",
        patients: 2,
        lines: &["sub-01_T1w", "sub-02_T2w"],
        ..Tree::PLAIN
    },
    Tree { name: "bids-masks", write: bids_masks, layout: "BIDS", structures: &["GM", "WM"], ..Tree::PLAIN },
];
