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
    let opened = open(&spec("set", "{ msd = {} }"), "x", root.path()).unwrap();
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
    let opened = open(&spec("set", "{ nnunet = {} }"), "x", root.path()).unwrap();
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
    let opened = open(&one, "x", root.path()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert!(reason(&opened, "b").starts_with("image without label"));
    assert!(reason(&opened, "c").starts_with("label without image"));

    let root = folder(&["p1/T1.nii.gz", "p1/T2.nii.gz", "p1/mask.nii.gz", "p2/T1.nii.gz", "p2/mask.nii.gz"]);
    let per_case = spec(
        "set",
        r#"{ pairs = { images = ["{case}/T1.nii.gz", "{case}/T2.nii.gz"], label = "{case}/mask.nii.gz" } }"#,
    );
    let opened = open(&per_case, "x", root.path()).unwrap();
    assert_eq!(names(&opened), ["p1"]);
    assert_eq!(opened.cases[0].images.len(), 2);
    assert_eq!(reason(&opened, "p2"), "p2/T2.nii.gz is missing");
}

#[test]
fn exclusions_of_the_dataset_file_are_kept_with_their_reason() {
    let root = folder(&["i/a.nii.gz", "l/a.nii.gz", "i/b.nii.gz", "l/b.nii.gz"]);
    let mut pairs = spec("set", r#"{ pairs = { image = "i/{case}.nii.gz", label = "l/{case}.nii.gz" } }"#);
    pairs.exclude.insert("b".into(), "motion".into());
    let opened = open(&pairs, "x", root.path()).unwrap();
    assert_eq!(names(&opened), ["a"]);
    assert_eq!(reason(&opened, "b"), "excluded by the dataset file: motion");
    // A fixed split may still name the excluded case.
    let fixed = Split::Fixed { train: vec!["a".into()], validation: vec![], test: vec!["b".into()] };
    assert_eq!(opened.split(&fixed).unwrap()[0].test, Vec::<String>::new());
    pairs.exclude.insert("z".into(), "typo".into());
    let message = open(&pairs, "x", root.path()).unwrap_err().to_string();
    assert!(message.contains("`exclude` names the unknown case `z`"), "{message}");
}

#[test]
fn a_useless_folder_is_an_error_that_names_it() {
    let root = folder(&["readme.txt"]);
    let message = |layout: &str, set: &str| open(&spec(set, layout), "x", root.path()).unwrap_err().to_string();
    let missing = message("{ msd = {} }", "none");
    assert!(missing.contains("SEGSPEC_DATA") && missing.contains(&root.path().join("none").display().to_string()));
    assert!(message("{ msd = {} }", "set").contains("dataset.json: cannot be read"));
    assert!(message("{ nnunet = {} }", "set").contains("no cases in"));
    assert!(message(r#"{ pairs = { image = "a", label = "{case}" } }"#, "set").contains("pattern `a` has no {case}"));
    fs::write(root.path().join("set/dataset.json"), "{").unwrap();
    assert!(message("{ msd = {} }", "set").contains("is not an MSD or nnU-Net dataset.json"));
}

#[test]
fn the_hippocampus_set_has_200_cases() {
    let Some(root) = segspec_testing::data() else { return };
    let opened = open(&spec("hippocampus", "{ msd = {} }"), "hippocampus", &root).unwrap();
    assert_eq!((opened.cases.len(), opened.excluded.len()), (200, 0));
}

#[test]
fn a_damaged_list_neither_panics_nor_leads_out_of_its_folder() {
    let root = folder(&["imagesTr/a.nii.gz", "imagesTr/b.nii.gz", "labelsTr/a.nii.gz", "labelsTr/b.nii.gz"]);
    fs::write(root.path().join("outside.nii.gz"), b"").unwrap();
    let entry = |name: &str| format!(r#"{{"image": "./imagesTr/{name}.nii.gz", "label": "./labelsTr/{name}.nii.gz"}}"#);
    let list = root.path().join("set/dataset.json");
    fs::write(&list, format!(r#"{{"training": [{}, {}]}}"#, entry("a"), entry("b"))).unwrap();
    let opened = || open(&spec("set", "{ msd = {} }"), "x", root.path());
    let read = segspec_testing::damage::survive(&list, 2000, |_| opened());
    assert!((1..2000).contains(&read), "{read}");
    let outside = r#"{"training": [{"image": "../outside.nii.gz", "label": "./labelsTr/a.nii.gz"}]}"#;
    fs::write(&list, outside).unwrap();
    assert!(opened().is_err() || opened().unwrap().cases.is_empty());
}
