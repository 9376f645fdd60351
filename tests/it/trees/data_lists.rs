//! Data lists of MONAI with parts, folds and several images per case; BIDS with several derivatives.

use std::path::Path;

use super::Tree;
use super::files::{cases, labels, text, volume};

/// `dataset.json` as a data list: two images per case, folds, names of the values.
fn several_images(root: &Path) {
    let mut entries = Vec::new();
    for (number, image, label) in cases() {
        for contrast in ["t1", "t2"] {
            volume(root, &format!("scans/{contrast}_{number}.nii.gz"), &image);
        }
        labels(root, &format!("truth/l_{number}.nii.gz"), &label);
        entries.push(format!(
            r#"{{"image": ["scans/t1_{number}.nii.gz", "scans/t2_{number}.nii.gz"], "label": ["truth/l_{number}.nii.gz"], "fold": {}}}"#,
            number % 2
        ));
    }
    let json = format!(
        r#"{{"modality": {{"0": "T1", "1": "T2"}}, "labels": {{"0": "background", "1": "x", "2": "y"}}, "training": [{}]}}"#,
        entries.join(",")
    );
    text(root, "dataset.json", &json);
}

/// Training and validation cases, and bare paths of test images.
fn with_validation(root: &Path) {
    let mut entries = Vec::new();
    for (number, image, label) in cases() {
        volume(root, &format!("scans/s_{number}.nii.gz"), &image);
        labels(root, &format!("truth/l_{number}.nii.gz"), &label);
        entries.push(format!(r#"{{"image": "scans/s_{number}.nii.gz", "label": "truth/l_{number}.nii.gz"}}"#));
    }
    let (_, image, _) = cases().next().unwrap();
    volume(root, "new/n_1.nii.gz", &image);
    let (training, validation) = (entries[..3].join(","), &entries[3]);
    let json = format!(r#"{{"training": [{training}], "validation": [{validation}], "testing": ["new/n_1.nii.gz"]}}"#);
    text(root, "datalist.json", &json);
}

/// Three parts, all with labels.
fn with_testing(root: &Path) {
    with_validation(root);
    let entry =
        |number: usize| format!(r#"{{"image": "scans/s_{number}.nii.gz", "label": "truth/l_{number}.nii.gz"}}"#);
    let [a, b, c, d] = [1, 2, 3, 4].map(entry);
    text(root, "datalist.json", &format!(r#"{{"training": [{a}, {b}], "validation": [{c}], "testing": [{d}, {a}]}}"#));
}

/// Cases whose files have one name, in folders.
fn by_folder(root: &Path) {
    let mut entries = Vec::new();
    for (number, image, label) in cases() {
        volume(root, &format!("p{number}/t1.nii.gz"), &image);
        labels(root, &format!("p{number}/seg.nii.gz"), &label);
        entries.push(format!(r#"{{"image": "p{number}/t1.nii.gz", "label": "p{number}/seg.nii.gz"}}"#));
    }
    text(root, "list.json", &format!(r#"{{"training": [{}]}}"#, entries.join(",")));
}

fn several_derivatives(root: &Path) {
    text(root, "dataset_description.json", "{}");
    for (number, image, label) in cases() {
        let subject = format!("sub-{number:02}");
        volume(root, &format!("{subject}/anat/{subject}_T1w.nii.gz"), &image);
        let of = |rater: &str| format!("derivatives/{rater}/{subject}/anat/{subject}_dseg.nii.gz");
        labels(root, &of("manual"), &label);
        if number < 3 {
            labels(root, &of("auto"), &label);
        }
    }
    text(root, "derivatives/auto/dseg.tsv", "index\tname\n1\twrong\n2\tnames\n");
    text(root, "derivatives/manual/dseg.tsv", "index\tname\tcolor\n1\tgrey matter\t#FF0000\n2\twhite matter\tn/a\n");
}

fn processed_images(root: &Path) {
    for (number, image, label) in cases() {
        let subject = format!("sub-{number:02}");
        volume(root, &format!("derivatives/prep/{subject}/anat/{subject}_space-MNI_T1w.nii.gz"), &image);
        labels(root, &format!("derivatives/manual/{subject}/anat/{subject}_space-MNI_dseg.nii.gz"), &label);
    }
}

pub const TREES: [Tree; 6] = [
    Tree {
        name: "list-several-images",
        write: several_images,
        layout: "MONAI",
        structures: &["x", "y"],
        channels: &["T1", "T2"],
        lines: &["dataset.json", "[split.fixed-folds]", "modality = \"mr\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "list-with-validation",
        write: with_validation,
        layout: "MONAI",
        left_out: &[("datalist.json: testing", "1 entries"), ("new/n_1", "image")],
        lines: &["[split.fixed]", "train = [\"s_1\", \"s_2\", \"s_3\"]", "test = [\"s_4\"]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "list-with-testing",
        write: with_testing,
        layout: "MONAI",
        left_out: &[("datalist.json: testing", "1 case that an earlier part lists"), ("new/n_1", "image")],
        lines: &["train = [\"s_1\", \"s_2\"]", "validation = [\"s_3\"]", "test = [\"s_4\"]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "list-by-folder",
        write: by_folder,
        layout: "MONAI",
        lines: &["case = \"p1\"", "cases are called by their folders"],
        ..Tree::PLAIN
    },
    Tree {
        name: "bids-several-derivatives",
        write: several_derivatives,
        layout: "BIDS",
        structures: &["grey matter", "white matter"],
        left_out: &[("derivatives/auto/anat/dseg.nii.gz", "another kind of label")],
        lines: &["color = \"#ff0000\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "bids-processed-images",
        write: processed_images,
        layout: "BIDS",
        lines: &["modality = \"mr\""],
        ..Tree::PLAIN
    },
];
