//! Folders whose files are told apart by names: patterns, masks per structure, contrasts, free names.

use std::path::Path;

use segspec::volume::label_names::own;
use segspec::volume::{LabelMap, Segment, Segmentation, Segments, nrrd};

use super::Tree;
use super::files::{cases, elsewhere, labels, mask, place, volume};

const NAMES: [(&str, u16); 2] = [("liver", 1), ("spleen", 2)];

fn totalsegmentator(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("s{number:04}/ct.nii.gz"), &image);
        for (name, value) in NAMES {
            labels(root, &format!("s{number:04}/segmentations/{name}.nii.gz"), &mask(&label, value));
        }
        // In one case only.
        if number == 2 {
            for (name, z) in [("kidney_left", 0), ("kidney_right", 9)] {
                let mut kidney = mask(&label, 7);
                kidney.voxels.slice_mut(ndarray::s![z, ..4, ..4]).fill(1);
                labels(root, &format!("s0002/segmentations/{name}.nii.gz"), &kidney);
            }
        }
    }
    super::files::text(root, "meta.csv", "image_id;age\n");
}

fn kits(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("case_{number:05}/imaging.nii.gz"), &image);
        labels(root, &format!("case_{number:05}/segmentation.nii.gz"), &label);
    }
    super::files::text(root, "kits.json", "[]");
}

fn brats(root: &Path) {
    for (number, image, label) in cases() {
        let case = format!("BraTS-GLI-{number:05}-000");
        for contrast in ["t1c", "t1n", "t2f", "t2w"] {
            volume(root, &format!("{case}/{case}-{contrast}.nii.gz"), &image);
        }
        labels(root, &format!("{case}/{case}-seg.nii.gz"), &label);
    }
}

fn flat_nrrd(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("pat{number}.nrrd"), &image);
        labels(root, &format!("pat{number}-label.nrrd"), &label);
    }
}

fn slicer(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("pat{number}.nrrd"), &image);
        // Numbered in another order from case to case.
        let values = if number % 2 == 0 { [1, 2] } else { [2, 1] };
        let segment =
            |index: usize| Segment { name: NAMES[index].0.into(), value: values[index], color: Some([200, 40, 40]) };
        let voxels = label.voxels.mapv(|value| if value == 0 { 0 } else { values[usize::from(value) - 1] });
        let content = Segmentation::Labels(LabelMap { voxels, geometry: label.geometry });
        let file = place(root, &format!("pat{number}.seg.nrrd"));
        nrrd::write_segments(&file, &Segments { segments: vec![segment(0), segment(1)], content }).unwrap();
    }
}

fn spaces(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("Study {number} CT.nii.gz"), &image);
        labels(root, &format!("Study {number} label.nii.gz"), &label);
    }
}

fn digits(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("img{number}.nii.gz"), &image);
        labels(root, &format!("mask{number}.nii.gz"), &label);
    }
}

/// Images, labels, and binary labels of something else; images without labels.
pub fn fragments(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("images/{number:03}.nii.gz"), &image);
        labels(root, &format!("labels/{number:03}.nii.gz"), &label);
        labels(root, &format!("labels_fragments/{number:03}.nii.gz"), &mask(&label, 1));
        volume(root, &format!("test_images/{number:03}.nii.gz"), &image);
    }
}

fn other_modality(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("STS_{number:03}/PET_image.nii.gz"), &image);
        labels(root, &format!("STS_{number:03}/PET_mask.nii.gz"), &label);
        if number < 3 {
            volume(root, &format!("STS_{number:03}/CT_image.nii.gz"), &elsewhere(&image));
        }
    }
}

fn contrasts(root: &Path) {
    for (number, image, label) in cases() {
        let name = format!("subject{}_{}", number.div_ceil(2), ["T1w", "T2w"][number % 2]);
        volume(root, &format!("{name}.nii.gz"), &image);
        labels(root, &format!("{name}_seg.nii.gz"), &label);
    }
}

fn one_subject(root: &Path) {
    for (number, image, label) in cases().take(3) {
        let contrast = ["T1w", "T2w", "T2star"][number - 1];
        volume(root, &format!("images/{contrast}.nii.gz"), &image);
        labels(root, &format!("labels/{contrast}.nii.gz"), &label);
    }
}

fn by_content(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("p{number}/ct.nii.gz"), &image);
        labels(root, &format!("p{number}/organs.nii.gz"), &label);
    }
}

fn flat_masks(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("p{number}/scan.nii.gz"), &image);
        for (name, value) in NAMES {
            labels(root, &format!("p{number}/{name}_mask.nii.gz"), &mask(&label, value));
        }
    }
}

fn single(root: &Path) {
    let (_, image, label) = cases().next().unwrap();
    volume(root, "scan.nii.gz", &image);
    labels(root, "tumour.nii.gz", &label);
}

fn free_names(root: &Path) {
    for ((_, image, label), name) in cases().zip(["t1/t1w_a", "t2/second", "x/third scan", "y/4"]) {
        volume(root, &format!("{name}.nii.gz"), &image);
        labels(root, &format!("{name}_seg-manual.nii.gz"), &label);
    }
}

fn one_without_label(root: &Path) {
    kits(root);
    let (_, image, _) = cases().next().unwrap();
    volume(root, "case_00009/imaging.nii.gz", &image);
}

/// Labels beside their names, as `segspec convert` writes both.
pub fn labels_and_names(root: &Path, path: &str, label: &LabelMap, names: &[(&str, u16)]) {
    labels(root, path, label);
    let segment = |(name, value): &(&str, u16)| Segment { name: (*name).into(), value: *value, color: None };
    let content = Segmentation::Labels(label.clone());
    let segments = Segments { segments: names.iter().map(segment).collect(), content };
    own::write(&root.join(path), &segments).unwrap().unwrap();
}

fn converted(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("p{number}.nii.gz"), &image);
        let names = [("left-kidney", 1), ("right-kidney", 2)];
        labels_and_names(root, &format!("p{number}-labels.nii.gz"), &label, &names);
    }
}

/// One file of names for a folder, which does not name every value.
fn names_of_folder(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("images/{number:03}.nii.gz"), &image);
        labels(root, &format!("labels/{number:03}.nii.gz"), &label);
    }
    super::files::text(
        root,
        "labels/label_map.json",
        r##"{"structures": [{"name": "liver", "value": 1, "color": "#0a141e"}]}"##,
    );
}

fn nnunet_with_names(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("imagesTr/p{number}_0000.nii.gz"), &image);
        labels(root, &format!("labelsTr/p{number}.nii.gz"), &label);
    }
    super::files::text(root, "label_map.json", r#"{"liver": 1, "spleen": 2}"#);
}

/// Folders of equally named files, in other languages.
fn two_folders(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("Aufnahmen/Fäll {number}.nii.gz"), &image);
        labels(root, &format!("Masken/Fäll {number}.nii.gz"), &label);
    }
}

/// The labels' folder comes first.
fn two_folders_in_cases(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("p{number}/obraz/a.nii.gz"), &image);
        labels(root, &format!("p{number}/maska/a.nii.gz"), &label);
    }
}

/// An image and masks called like organs, more than are images, one of them empty in the first case.
fn organs(root: &Path) {
    for (number, image, label) in cases() {
        volume(root, &format!("s{number}/ct.nii.gz"), &image);
        for (name, value) in NAMES {
            labels(root, &format!("s{number}/{name}.nii.gz"), &mask(&label, value));
        }
        labels(root, &format!("s{number}/cyst.nii.gz"), &mask(&label, if number == 1 { 9 } else { 2 }));
    }
}

pub const TREES: [Tree; 22] = [
    Tree {
        name: "names-beside-labels",
        write: converted,
        structures: &["left-kidney", "right-kidney"],
        lines: &["[\"left-kidney\", \"right-kidney\"]", "{case}-labels.nii.gz", "color = \"#"],
        ..Tree::PLAIN
    },
    Tree {
        name: "names-of-a-folder",
        write: names_of_folder,
        structures: &["liver", "value-2"],
        lines: &["color = \"#0a141e\""],
        ..Tree::PLAIN
    },
    Tree {
        name: "names-of-nnunet",
        write: nnunet_with_names,
        layout: "nnU-Net raw",
        structures: &["liver", "spleen"],
        ..Tree::PLAIN
    },
    Tree {
        name: "two-folders-by-content",
        write: two_folders,
        lines: &["Aufnahmen/{case}.nii.gz", "Masken/{case}.nii.gz", "labels by their content"],
        ..Tree::PLAIN
    },
    Tree {
        name: "two-folders-in-cases",
        write: two_folders_in_cases,
        lines: &["{case}/obraz/a.nii.gz", "{case}/maska/a.nii.gz"],
        ..Tree::PLAIN
    },
    Tree {
        name: "organs-by-content",
        write: organs,
        layout: "mask or surface",
        structures: &["liver", "spleen", "cyst"],
        lines: &["{case}/ct.nii.gz", "{case}/{structure}.nii.gz", "overlap = true"],
        ..Tree::PLAIN
    },
    Tree {
        name: "totalsegmentator",
        write: totalsegmentator,
        layout: "mask or surface per structure",
        structures: &["liver", "spleen", "kidney_right", "kidney_left"],
        left_out: &[("meta.csv", "")],
        lines: &["{case}/segmentations/{structure}.nii.gz", "[\"kidney_left\", \"kidney_right\"]"],
        ..Tree::PLAIN
    },
    Tree {
        name: "kits19",
        write: kits,
        left_out: &[("kits.json", "")],
        lines: &["{case}/imaging.nii.gz"],
        ..Tree::PLAIN
    },
    Tree {
        name: "brats",
        write: brats,
        channels: &["t1c", "t1n", "t2f", "t2w"],
        lines: &["modality = \"mr\""],
        ..Tree::PLAIN
    },
    Tree { name: "flat-nrrd", write: flat_nrrd, lines: &["{case}-label.nrrd"], ..Tree::PLAIN },
    Tree {
        name: "slicer",
        write: slicer,
        structures: &["liver", "spleen"],
        lines: &["by-name = true", "color = \"#c82828\""],
        ..Tree::PLAIN
    },
    Tree { name: "names with spaces", write: spaces, lines: &["modality = \"ct\""], ..Tree::PLAIN },
    Tree { name: "digits", write: digits, lines: &["img{case}.nii.gz", "mask{case}.nii.gz"], ..Tree::PLAIN },
    Tree {
        name: "fragments",
        write: fragments,
        lines: &["labels/{case}.nii.gz"],
        left_out: &[("labels_fragments/", "labels of another kind"), ("test_images/", "test data")],
        ..Tree::PLAIN
    },
    Tree {
        name: "other-modality",
        write: other_modality,
        lines: &["{case}/PET_image.nii.gz", "modality = \"pet\""],
        left_out: &[("STS_001/CT_image", "another contrast")],
        ..Tree::PLAIN
    },
    Tree {
        name: "contrasts",
        write: contrasts,
        patients: 2,
        lines: &["group-by", "contrasts of the same"],
        ..Tree::PLAIN
    },
    Tree {
        name: "one-subject",
        write: one_subject,
        cases: 3,
        patients: 1,
        lines: &["contrasts of one subject, not patients", "[split.ratio]\ntest = 0.0", "nothing is scored"],
        ..Tree::PLAIN
    },
    Tree { name: "labels-by-content", write: by_content, lines: &["labels by their content"], ..Tree::PLAIN },
    Tree {
        name: "flat-masks",
        write: flat_masks,
        layout: "mask or surface",
        structures: &["liver", "spleen"],
        lines: &["{case}/{structure}_mask.nii.gz"],
        ..Tree::PLAIN
    },
    Tree { name: "single", write: single, cases: 1, patients: 1, lines: &["[split.ratio]\ntest = 0.0"], ..Tree::PLAIN },
    Tree { name: "free-names", write: free_names, layout: "without a common pattern", ..Tree::PLAIN },
    Tree {
        name: "one-without-label",
        write: one_without_label,
        left_out: &[("case case_00009", "without label"), ("case_00009/imaging", "case_00009"), ("kits.json", "")],
        ..Tree::PLAIN
    },
];
