//! Typical folders.

use std::fs;

use ndarray::{Array3, Array4};

use super::*;
use crate::dataset::Label;
use crate::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
use crate::dataset::spec::Modality;
use crate::volume::{Geometry, LabelMap, Volume, write_label_map, write_volume};

/// Writes labels, or where the name says nothing of them, an image.
fn put(root: &Path, file: &str, geometry: &Geometry) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let geometry = geometry.clone();
    if find::is_label(file) {
        let voxels = Array3::from_shape_fn((4, 4, 4), |(z, y, _)| u16::from(z == 1 && y > 1));
        return write_label_map(&path, &LabelMap { voxels, geometry }).unwrap();
    }
    let voxels = Array4::from_shape_fn((1, 4, 4, 4), |(_, z, y, x)| (16 * z + 4 * y + x) as f32);
    write_volume(&path, &Volume { voxels, geometry }).unwrap();
}

fn grid() -> Geometry {
    Geometry::axis_aligned([4; 3], [1.0; 3])
}

fn proposed(files: &[&str]) -> (Layout, usize) {
    let root = tempfile::tempdir().unwrap();
    files.iter().for_each(|file| put(root.path(), file, &grid()));
    let proposal = recognise(root.path(), &Stated::default()).unwrap();
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
    let message = recognise(root.path(), &Stated::default()).unwrap_err().to_string();
    assert!(message.contains("no dataset recognised") && message.contains("seen: no file"), "{message}");
    assert!(recognise(&root.path().join("none"), &Stated::default()).is_err());
}

#[test]
fn a_phantom_is_known_with_its_structures_and_without_dataset_json_by_its_values() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("set");
    let recipe = PhantomRecipe { cases: 3, seed: 1, size: PhantomSize::Tiny, layout: PhantomLayout::Decathlon };
    phantom::write(&out, recipe, &|_, _| {}, &Cancel::new()).unwrap();
    let known = recognise(&out, &Stated::default()).unwrap();
    assert_eq!(known.dataset.layout, Layout::Msd {});
    assert_eq!((known.dataset.modality, known.dataset.structures.len(), known.cases), (Modality::Ct, 6, 3));
    assert!(known.guesses.is_empty(), "{:?}", known.guesses);
    fs::remove_file(out.join("dataset.json")).unwrap();
    let guessed = recognise(&out, &Stated::default()).unwrap();
    assert_eq!(guessed.dataset.layout, pair("imagesTr/{case}.nii.gz", "labelsTr/{case}.nii.gz"));
    assert_eq!((guessed.dataset.modality, guessed.dataset.structures[5].name.as_str()), (Modality::Ct, "value-6"));
    assert!(guessed.guesses.len() >= 2, "{:?}", guessed.guesses);
}

#[test]
fn real_folders_are_recognised() {
    let Some(data) = segspec_testing::data() else { return };
    let hippocampus = recognise(&data.join("hippocampus"), &Stated::default()).unwrap();
    assert_eq!((hippocampus.dataset.layout, hippocampus.cases), (Layout::Msd {}, 200));
    assert_eq!(hippocampus.dataset.modality, Modality::Mr);
    let pelvis = recognise(&data.join("pelvis"), &Stated::default()).unwrap();
    assert_eq!((pelvis.dataset.layout, pelvis.cases), (pair("images/{case}.nii.gz", "labels/{case}.nii.gz"), 3));
    assert_eq!(pelvis.dataset.modality, Modality::Ct);
    let sts = recognise(&data.join("sts"), &Stated::default()).unwrap();
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
        let found = recognise(&root.path().join("set"), &Stated::default()).unwrap();
        assert_eq!((found.layout, found.dataset.structures.len()), (name, structures), "{found:?}");
        assert_eq!(found.cases, 2, "{found:?}");
    }
}

#[test]
fn real_pictures_and_contrasts_are_recognised() {
    let Some(data) = segspec_testing::data() else { return };
    for (folder, cases) in [("em_isbi2012", 20), ("nuclei_dsb2018", 31)] {
        let found = recognise(&data.join(folder), &Stated::default()).unwrap();
        assert_eq!((found.cases, found.is_flat), (cases, true), "{folder}: {found:?}");
    }
    let found = recognise(&data.join("spinalcord_sct"), &Stated::default()).unwrap();
    assert_eq!((found.cases, found.patients), (2, 1), "{found:?}");
    assert!(found.guesses.iter().any(|guess| guess.contains("contrasts of one subject")), "{:?}", found.guesses);
}

#[test]
fn few_patients_are_all_trained_on() {
    for (files, folds) in [(1, None), (2, None), (3, Some(3)), (7, Some(5))] {
        let root = tempfile::tempdir().unwrap();
        for number in 0..files {
            put(root.path(), &format!("images/{number}.nii"), &grid());
            put(root.path(), &format!("labels/{number}.nii"), &grid());
        }
        let found = recognise(root.path(), &Stated::default()).unwrap();
        let told = found.guesses.iter().any(|guess| guess.contains("nothing is scored"));
        assert_eq!(told, folds.is_none(), "{files}: {:?}", found.guesses);
        match found.dataset.split {
            Split::KFold { folds: count, .. } => assert_eq!(Some(count), folds, "{files}"),
            Split::Ratio { test, validation, .. } => assert_eq!((test, validation, folds), (0.0, 0.0, None), "{files}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Of folders with too much to read, the headers tell.
#[test]
fn headers_tell_grids_that_do_not_fit() {
    let root = tempfile::tempdir().unwrap();
    let mut moved = grid();
    moved.affine[0][3] += 0.5;
    let mut beside = grid();
    beside.affine[0][3] += 2.0;
    let dataset = dataset(root.path(), &DatasetJson::default(), &Find::new("", Layout::Msd {}));
    for (name, geometry, fits) in [("same", grid(), true), ("moved", moved, false), ("beside", beside, false)] {
        put(root.path(), &format!("{name}.nii"), &grid());
        put(root.path(), &format!("{name}_label.nii"), &geometry);
        let [image, label] = ["", "_label"].map(|word| root.path().join(format!("{name}{word}.nii")));
        let case = Case::new(name, vec![image], Some(Label::Map(label)));
        let told = usable::other_grid(&case, &dataset);
        assert_eq!(told.is_none(), fits, "{name}: {told:?}");
        assert!(told.is_none_or(|reason| reason.contains("different grids")), "{name}");
    }
}

#[test]
fn real_masks_without_an_image_and_a_real_single_patient() {
    let Some(data) = segspec_testing::data() else { return };
    let masks = recognise(&data.join("totalsegmentator/example_seg_fast"), &Stated::default());
    assert!(matches!(masks, Err(DataError::OnlyMasks { .. })), "{masks:?}");
    for folder in ["spinalcord_sct", "spleen_ivadomed", "totalsegmentator"] {
        let found = recognise(&data.join(folder), &Stated::default()).unwrap();
        assert!(found.dataset.split.scores_nothing(), "{folder}: {:?}", found.dataset.split);
    }
}

/// Writes files; what is no image gets `{}`, or a list of the cases beside it.
fn tree(root: &Path, files: &[&str]) {
    for file in files {
        if !file.ends_with(".json") {
            put(root, file, &grid());
            continue;
        }
        let text = match file.ends_with("list.json") {
            true => r#"{"training": [{"image": "ct.nii.gz", "label": "ct_seg.nii.gz"}]}"#,
            false => "{}",
        };
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), text).unwrap();
    }
}

#[test]
fn folders_above_datasets_are_refused_with_their_names() {
    let nnunet = ["D1/dataset.json", "D1/imagesTr/a_0000.nii.gz", "D1/labelsTr/a.nii.gz"];
    let other = ["D2/dataset.json", "D2/imagesTr/b_0000.nii.gz", "D2/labelsTr/b.nii.gz"];
    let bids = |name: &str| {
        ["dataset_description.json", "sub-01/anat/sub-01_T1w.nii.gz", "derivatives/x/sub-01/anat/sub-01_dseg.nii.gz"]
            .map(|file| format!("{name}/{file}"))
    };
    let [one, two] = [bids("ds1"), bids("ds2")];
    let words = |list: &'static [&str]| list.to_vec();
    let strings = |list: &[String]| list.iter().map(|file| file.clone().leak() as &str).collect::<Vec<_>>();
    let monai = |name: &str| ["list.json", "ct.nii.gz", "ct_seg.nii.gz"].map(|file| format!("{name}/{file}"));
    for (files, named) in [
        ([&nnunet[..], &other].concat(), words(&["D1", "D2"])),
        (nnunet.to_vec(), words(&["D1"])),
        ([strings(&one), strings(&two)].concat(), words(&["ds1", "ds2"])),
        ([strings(&monai("m1")), strings(&monai("m2"))].concat(), words(&["m1", "m2"])),
        ([&nnunet[..], &strings(&one)].concat(), words(&["D1", "ds1"])),
    ] {
        let root = tempfile::tempdir().unwrap();
        tree(root.path(), &files);
        let error = recognise(root.path(), &Stated::default()).unwrap_err();
        let DataError::Above { count, datasets, .. } = &error else { panic!("{error}") };
        assert_eq!(*count, named.len(), "{datasets}");
        let expected: Vec<String> = named.iter().map(|name| root.path().join(name).display().to_string()).collect();
        assert_eq!(datasets.split("\n  ").collect::<Vec<_>>(), expected);
    }
}

#[test]
fn folders_that_only_contain_a_dataset_are_read() {
    let nested = ["derivatives/D1/dataset.json", "derivatives/D1/imagesTr/a_0000.nii.gz"];
    let bids = ["dataset_description.json", "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_dseg.nii.gz"];
    let beside = ["images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz", "labels/b.nii.gz"];
    for (files, name) in [
        ([&bids[..], &nested].concat(), "BIDS"),
        ([&beside[..], &["old/dataset.json", "old/imagesTr/c.nii.gz"]].concat(), "images and labels by pattern"),
    ] {
        let root = tempfile::tempdir().unwrap();
        tree(root.path(), &files);
        let found = recognise(root.path(), &Stated::default()).unwrap();
        assert!(found.layout.starts_with(name), "{}", found.layout);
    }
}
