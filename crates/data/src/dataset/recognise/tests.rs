//! Typical folders.

use std::fs;

use super::*;
use crate::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
use crate::dataset::spec::Modality;

fn proposed(files: &[&str]) -> (Layout, usize) {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    let proposal = recognise(root.path(), Stated::default()).unwrap();
    (proposal.dataset.layout, proposal.cases)
}

fn pair(image: &str, label: &str) -> Layout {
    Layout::Pairs { image: Some(image.into()), images: vec![], label: label.into() }
}

#[test]
fn two_folders_with_the_same_or_with_added_words() {
    let same = proposed(&["images/a_1.nii.gz", "images/b_2.nii.gz", "labels/a_1.nii.gz", "labels/b_2.nii.gz"]);
    assert_eq!(same, (pair("images/{case}.nii.gz", "labels/{case}.nii.gz"), 2));
    let added = proposed(&["img/a.nii", "img/b.nii", "masks/a_mask.nii", "masks/b_mask.nii", "masks/c_mask.nii"]);
    assert_eq!(added, (pair("img/{case}.nii", "masks/{case}_mask.nii"), 2));
}

#[test]
fn one_folder_and_a_folder_per_case() {
    let one = proposed(&["a.nii.gz", "a_seg.nii.gz", "b.nii.gz", "b_seg.nii.gz"]);
    assert_eq!(one, (pair("{case}.nii.gz", "{case}_seg.nii.gz"), 2));
    let each = proposed(&["p1/image.nii.gz", "p1/label.nii.gz", "p2/image.nii.gz", "p2/label.nii.gz"]);
    assert_eq!(each, (pair("{case}/image.nii.gz", "{case}/label.nii.gz"), 2));
}

#[test]
fn several_images_per_case_become_channels() {
    let files = [
        "p1/p1_t1.nii.gz",
        "p1/p1_t2.nii.gz",
        "p1/p1_seg.nii.gz",
        "p2/p2_t1.nii.gz",
        "p2/p2_t2.nii.gz",
        "p2/p2_seg.nii.gz",
    ];
    let (layout, cases) = proposed(&files);
    let images = vec!["{case}/{case}_t1.nii.gz".to_owned(), "{case}/{case}_t2.nii.gz".to_owned()];
    assert_eq!(layout, Layout::Pairs { image: None, images, label: "{case}/{case}_seg.nii.gz".into() });
    assert_eq!(cases, 2);
}

#[test]
fn nnunet_names_and_folders_without_images() {
    let (layout, cases) = proposed(&["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"]);
    assert_eq!((layout, cases), (Layout::Nnunet {}, 1));
    let root = tempfile::tempdir().unwrap();
    let message = recognise(root.path(), Stated::default()).unwrap_err().to_string();
    assert!(message.contains("no dataset recognised") && message.contains("seen: no file"), "{message}");
    assert!(recognise(&root.path().join("none"), Stated::default()).is_err());
}

#[test]
fn a_phantom_is_known_with_its_structures_and_without_dataset_json_by_its_values() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("set");
    let recipe = PhantomRecipe { cases: 2, seed: 1, size: PhantomSize::Tiny, layout: PhantomLayout::Decathlon };
    phantom::write(&out, recipe, &|_, _| {}, &Cancel::new()).unwrap();
    let known = recognise(&out, Stated::default()).unwrap();
    assert_eq!(known.dataset.layout, Layout::Msd {});
    assert_eq!((known.dataset.modality, known.dataset.structures.len(), known.cases), (Modality::Ct, 6, 2));
    assert!(known.guesses.is_empty(), "{:?}", known.guesses);
    fs::remove_file(out.join("dataset.json")).unwrap();
    let guessed = recognise(&out, Stated::default()).unwrap();
    assert_eq!(guessed.dataset.layout, pair("imagesTr/{case}.nii.gz", "labelsTr/{case}.nii.gz"));
    assert_eq!((guessed.dataset.modality, guessed.dataset.structures[5].name.as_str()), (Modality::Ct, "value-6"));
    assert!(guessed.guesses.len() >= 2, "{:?}", guessed.guesses);
}

#[test]
fn real_folders_are_recognised() {
    let Some(data) = segspec_testing::data() else { return };
    let hippocampus = recognise(&data.join("hippocampus"), Stated::default()).unwrap();
    assert_eq!((hippocampus.dataset.layout, hippocampus.cases), (Layout::Msd {}, 200));
    assert_eq!(hippocampus.dataset.modality, Modality::Mr);
    let pelvis = recognise(&data.join("pelvis"), Stated::default()).unwrap();
    assert_eq!((pelvis.dataset.layout, pelvis.cases), (pair("images/{case}.nii.gz", "labels/{case}.nii.gz"), 3));
    assert_eq!(pelvis.dataset.modality, Modality::Ct);
    let sts = recognise(&data.join("sts"), Stated::default()).unwrap();
    assert_eq!(sts.dataset.layout, pair("{case}/PET_image.nii.gz", "{case}/PET_mask.nii.gz"));
    assert_eq!(sts.dataset.modality, Modality::Pet);
}

#[test]
fn every_layout_of_phantoms_is_recognised() {
    for (layout, name, structures) in [
        (PhantomLayout::DicomStl, "a mask or surface per structure", 2),
        (PhantomLayout::DicomSeg, "images and labels by pattern", 5),
        (PhantomLayout::TotalSegmentator, "a mask or surface per structure", 16),
        (PhantomLayout::Flare, "images and labels by pattern", 9),
        (PhantomLayout::UwMadison, "UW-Madison GI Tract", 3),
    ] {
        let root = tempfile::tempdir().unwrap();
        let recipe = PhantomRecipe { cases: 2, seed: 1, size: PhantomSize::Tiny, layout };
        phantom::write(&root.path().join("set"), recipe, &|_, _| {}, &Cancel::new()).unwrap();
        let found = recognise(&root.path().join("set"), Stated::default()).unwrap();
        assert_eq!((found.layout, found.dataset.structures.len()), (name, structures), "{found:?}");
        assert_eq!(found.cases, 2, "{found:?}");
    }
}

#[test]
fn real_pictures_and_contrasts_are_recognised() {
    let Some(data) = segspec_testing::data() else { return };
    for (folder, cases) in [("em_isbi2012", 20), ("nuclei_dsb2018", 31)] {
        let found = recognise(&data.join(folder), Stated::default()).unwrap();
        assert_eq!((found.cases, found.is_flat), (cases, true), "{folder}: {found:?}");
    }
    let found = recognise(&data.join("spinalcord_sct"), Stated::default()).unwrap();
    assert_eq!((found.cases, found.patients), (2, 1), "{found:?}");
    assert!(found.guesses.iter().any(|guess| guess.contains("contrasts of one subject")), "{:?}", found.guesses);
}
