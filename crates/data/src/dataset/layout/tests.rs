//! Listing intact and broken folders of every layout.

use std::fs;

use super::*;

fn spec(root: &str, layout: &str) -> Dataset {
    let text =
        format!("root = \"{root}\"\nmodality = \"mr\"\nlayout = {layout}\n[[structure]]\nname = \"a\"\nvalue = 1\n");
    toml::from_str(&text).unwrap()
}

/// A folder with empty files, which listing does not read.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join("set").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    root
}

fn names(opened: &Opened) -> Vec<&str> {
    opened.cases.iter().map(|case| case.name.as_str()).collect()
}

fn reason<'a>(opened: &'a Opened, case: &str) -> &'a str {
    opened.excluded.iter().find(|row| row.case == case).map_or("", |row| row.reason.as_str())
}

#[test]
fn msd_takes_what_is_listed_and_reports_the_rest() {
    let root = folder(&[
        "imagesTr/a.nii.gz",
        "imagesTr/._a.nii.gz",
        "imagesTr/nolabel.nii.gz",
        "imagesTr/extra.nii.gz",
        "imagesTs/test.nii.gz",
        "labelsTr/a.nii.gz",
        "labelsTr/noimage.nii.gz",
        "labelsTr/extra2.nii.gz",
    ]);
    let entry = |name: &str| format!(r#"{{"image": "./imagesTr/{name}.nii.gz", "label": "./labelsTr/{name}.nii.gz"}}"#);
    let training = ["a", "nolabel", "noimage"].map(entry).join(",");
    fs::write(root.path().join("set/dataset.json"), format!(r#"{{"training": [{training}]}}"#)).unwrap();
    let opened = open(&spec("set", "{ msd = {} }"), "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert_eq!(opened.excluded.len(), 4);
    assert!(reason(&opened, "nolabel").starts_with("label listed in dataset.json is missing"));
    assert!(reason(&opened, "noimage").starts_with("image listed in dataset.json is missing"));
    assert_eq!(reason(&opened, "extra"), "image without label, not listed in dataset.json");
    assert_eq!(reason(&opened, "extra2"), "label without image, not listed in dataset.json");
}

#[test]
fn nnunet_collects_channels_in_order() {
    let root = folder(&[
        "imagesTr/b_1_0001.nii.gz",
        "imagesTr/b_1_0000.nii.gz",
        "imagesTr/c_0000.nii.gz",
        "imagesTr/d.nii.gz",
        "labelsTr/b_1.nii.gz",
        "labelsTr/c.nii.gz",
        "labelsTr/e.nii.gz",
    ]);
    let opened = open(&spec("set", "{ nnunet = {} }"), "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["b_1"]);
    let files: Vec<_> = opened.cases[0].images.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(files, ["b_1_0000.nii.gz", "b_1_0001.nii.gz"]);
    assert_eq!(reason(&opened, "c"), "imagesTr/c_0001.nii.gz is missing");
    assert!(reason(&opened, "d").contains("has no channel suffix"));
    assert!(reason(&opened, "e").starts_with("label without image"));
}

#[test]
fn pairs_match_in_one_folder_and_in_folders_per_case() {
    let root = folder(&["a.nii.gz", "a_seg.nii.gz", "b.nii.gz", "c_seg.nii.gz", "readme.txt"]);
    let one = spec("set", r#"{ pairs = { image = "{case}.nii.gz", label = "{case}_seg.nii.gz" } }"#);
    let opened = open(&one, "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert!(reason(&opened, "b").starts_with("image without label"));
    assert!(reason(&opened, "c").starts_with("label without image"));

    let root = folder(&["p1/T1.nii.gz", "p1/T2.nii.gz", "p1/mask.nii.gz", "p2/T1.nii.gz", "p2/mask.nii.gz"]);
    let per_case = spec(
        "set",
        r#"{ pairs = { images = ["{case}/T1.nii.gz", "{case}/T2.nii.gz"], label = "{case}/mask.nii.gz" } }"#,
    );
    let opened = open(&per_case, "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["p1"]);
    assert_eq!(opened.cases[0].images.len(), 2);
    assert_eq!(reason(&opened, "p2"), "p2/T2.nii.gz is missing");
}

#[test]
fn a_star_stands_for_any_text_and_must_match_one_file() {
    let root = folder(&[
        "p1/20200101_scan.nii.gz",
        "p1/seg_final_v2.nii.gz",
        "p2/20210505_scan.nii.gz",
        "p2/seg_final.nii.gz",
        "p2/seg_final_old.nii.gz",
        "p3/x_scan.nii.gz",
        "p3/seg_.nii.gz",
    ]);
    let starred = spec("set", r#"{ pairs = { image = "{case}/*_scan.nii.gz", label = "{case}/seg_*.nii.gz" } }"#);
    let opened = open(&starred, "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["p1", "p3"]);
    assert!(reason(&opened, "p2").contains("both match `{case}/seg_*.nii.gz`"), "{}", reason(&opened, "p2"));
    let root = folder(&["p1/ct.nii.gz", "p1/masks/01_a_ok.nii.gz", "p2/ct.nii.gz", "p2/masks/07_a_x.nii.gz"]);
    let masks = spec("set", r#"{ masks = { image = "{case}/ct.nii.gz", mask = "{case}/m*/*_{structure}_*.nii.gz" } }"#);
    let opened = open(&masks, "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["p1", "p2"]);
    assert!(opened.cases[1].label.as_ref().unwrap().path().ends_with("p2/masks/07_a_x.nii.gz"));
}

#[test]
fn listed_cases_have_patients_folds_and_any_names() {
    let root = folder(&["some scan.nii.gz", "other/mask 1.nii.gz", "m/p2/a.nii.gz", "b.nii.gz"]);
    let list = "case,image,label,patient,fold\nfirst,some scan.nii.gz,other/mask 1.nii.gz,anna,0\n\
                second,b.nii.gz,m/p2/{structure}.nii.gz,bert,1\nthird,gone.nii.gz,b.nii.gz,anna,1\n";
    fs::write(root.path().join("set/cases.csv"), list).unwrap();
    let opened = open(&spec("set", r#"{ list = { file = "cases.csv" } }"#), "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["first", "second"]);
    assert!(matches!(&opened.cases[1].label, Some(Label::Masks(masks)) if masks.len() == 1));
    assert!(reason(&opened, "third").contains("an image of the list is missing"));
    assert_eq!(opened.groups.patients["first"], "anna");
    let folds = opened.split(&Split::FixedFolds { folds: vec![], validation: 0.0, seed: 0 }).unwrap();
    assert_eq!((folds[0].test.join(""), folds[1].test.join("")), ("first".into(), "second".into()));
}

#[test]
fn nnunet_takes_the_ending_that_dataset_json_states() {
    let root = folder(&["imagesTr/a_0000.png", "labelsTr/a.png", "imagesTr/b_0000.tif"]);
    let nnunet = spec("set", "{ nnunet = {} }");
    fs::write(root.path().join("set/dataset.json"), r#"{"file_ending": ".png"}"#).unwrap();
    assert_eq!(names(&open(&nnunet, "x", root.path(), &Cancel::new()).unwrap()), ["a"]);
    let root = folder(&["imagesTr/a_0000.nrrd", "labelsTr/a.nrrd"]);
    assert_eq!(names(&open(&nnunet, "x", root.path(), &Cancel::new()).unwrap()), ["a"]);
}

#[test]
fn nnunet_takes_the_files_that_dataset_json_lists() {
    let root = folder(&["x/a.nii.gz", "y/a.nii.gz", "x/b.nii.gz"]);
    let entry = |name: &str| format!(r#""{name}": {{"images": ["x/{name}.nii.gz"], "label": "y/{name}.nii.gz"}}"#);
    let json = format!(r#"{{"dataset": {{{}, {}}}}}"#, entry("a"), entry("b"));
    fs::write(root.path().join("set/dataset.json"), json).unwrap();
    let opened = open(&spec("set", "{ nnunet = {} }"), "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert!(reason(&opened, "b").contains("the label of the list is missing"), "{}", reason(&opened, "b"));
}

#[test]
fn exclusions_of_the_dataset_file_are_kept_with_their_reason() {
    let root = folder(&["i/a.nii.gz", "l/a.nii.gz", "i/b.nii.gz", "l/b.nii.gz"]);
    let mut pairs = spec("set", r#"{ pairs = { image = "i/{case}.nii.gz", label = "l/{case}.nii.gz" } }"#);
    pairs.exclude.insert("b".into(), "motion".into());
    let opened = open(&pairs, "x", root.path(), &Cancel::new()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert_eq!(reason(&opened, "b"), "excluded by the dataset file: motion");
    // A fixed split may still name the excluded case.
    let fixed = Split::Fixed { train: vec!["a".into()], validation: vec![], test: vec!["b".into()] };
    assert_eq!(opened.split(&fixed).unwrap()[0].test, Vec::<String>::new());
    pairs.exclude.insert("z".into(), "typo".into());
    let message = open(&pairs, "x", root.path(), &Cancel::new()).unwrap_err().to_string();
    assert!(message.contains("`exclude` names the unknown case `z`"), "{message}");
}

#[test]
fn a_useless_folder_is_an_error_that_names_it() {
    let root = folder(&["readme.txt"]);
    let message =
        |layout: &str, set: &str| open(&spec(set, layout), "x", root.path(), &Cancel::new()).unwrap_err().to_string();
    let missing = message("{ msd = {} }", "none");
    assert!(missing.contains("SEGSPEC_DATA") && missing.contains(&root.path().join("none").display().to_string()));
    assert!(message("{ msd = {} }", "set").contains("dataset.json: no such file"));
    assert!(message("{ nnunet = {} }", "set").contains("no cases in"));
    assert!(message(r#"{ pairs = { image = "a", label = "{case}" } }"#, "set").contains("pattern `a` has no {case}"));
    fs::write(root.path().join("set/dataset.json"), "{").unwrap();
    assert!(message("{ msd = {} }", "set").contains("is not an MSD or nnU-Net dataset.json"));
}

#[test]
fn the_hippocampus_set_has_200_cases() {
    let Some(root) = segspec_testing::data() else { return };
    let opened = open(&spec("hippocampus", "{ msd = {} }"), "hippocampus", &root, &Cancel::new()).unwrap();
    assert_eq!((opened.cases.len(), opened.excluded.len()), (200, 0));
}

#[test]
fn a_damaged_list_neither_panics_nor_leads_out_of_its_folder() {
    let root = folder(&["imagesTr/a.nii.gz", "imagesTr/b.nii.gz", "labelsTr/a.nii.gz", "labelsTr/b.nii.gz"]);
    fs::write(root.path().join("outside.nii.gz"), b"").unwrap();
    let entry = |name: &str| format!(r#"{{"image": "./imagesTr/{name}.nii.gz", "label": "./labelsTr/{name}.nii.gz"}}"#);
    let list = root.path().join("set/dataset.json");
    fs::write(&list, format!(r#"{{"training": [{}, {}]}}"#, entry("a"), entry("b"))).unwrap();
    let opened = || open(&spec("set", "{ msd = {} }"), "x", root.path(), &Cancel::new());
    let read = segspec_testing::damage::survive(&list, 2000, |_| opened());
    assert!((1..2000).contains(&read), "{read}");
    let outside = r#"{"training": [{"image": "../outside.nii.gz", "label": "./labelsTr/a.nii.gz"}]}"#;
    fs::write(&list, outside).unwrap();
    assert!(opened().is_err() || opened().unwrap().cases.is_empty());
}

#[test]
fn a_mask_of_unlabelled_voxels_outranks_labels() {
    use crate::volume::{Geometry, LabelMap, write_label_map};
    let root = folder(&["a/image.nii.gz", "b/image.nii.gz"]);
    let map = |values: [u16; 4]| LabelMap {
        voxels: ndarray::Array3::from_shape_vec((1, 2, 2), values.to_vec()).unwrap(),
        geometry: Geometry::axis_aligned([1, 2, 2], [1.0; 3]),
    };
    for (file, values) in [
        ("a/image.nii.gz", [5, 6, 7, 8]),
        ("a/label.nii.gz", [0, 1, 1, 0]),
        ("a/unsure.nii.gz", [0, 0, 3, 3]),
        ("b/image.nii.gz", [5, 6, 7, 8]),
        ("b/label.nii.gz", [0, 1, 1, 0]),
    ] {
        write_label_map(&root.path().join("set").join(file), &map(values)).unwrap();
    }
    let mut pairs = spec("set", r#"{ pairs = { image = "{case}/image.nii.gz", label = "{case}/label.nii.gz" } }"#);
    pairs.labels.ignore = Some(255);
    pairs.labels.ignore_mask = Some("{case}/unsure.nii.gz".into());
    let opened = open(&pairs, "x", root.path(), &Cancel::new()).unwrap();
    let read = |case: &Case| {
        let image = crate::dataset::read_image(case).unwrap();
        crate::dataset::read_label(case, &image.geometry).unwrap().voxels.into_iter().collect::<Vec<u16>>()
    };
    assert_eq!(read(&opened.cases[0]), [0, 1, 255, 255]);
    assert_eq!(read(&opened.cases[1]), [0, 1, 1, 0]);
}
