//! Which cases `segspec evaluate` pairs: subsets, missing predictions, trees, masks of one case; and names from files.

use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use segspec::volume::format::Options;
use segspec::volume::{
    Geometry, LabelMap, Segment, Segmentation, Segments, write_label_map, write_segmentation, write_segments,
};
use serde_json::Value;

use crate::evaluate_forms::{evaluate, rows};

/// Writes voxels of 1 × 1 × N mm.
fn label(root: &Path, path: &str, voxels: &[u16]) {
    let map = map(voxels);
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_label_map(&path, &map).unwrap();
}

fn map(voxels: &[u16]) -> LabelMap {
    let shape = [1, 1, voxels.len()];
    let voxels = Array3::from_shape_vec(shape, voxels.to_vec()).unwrap();
    LabelMap { voxels, geometry: Geometry::axis_aligned(shape, [1.0; 3]) }
}

fn text(root: &Path, path: &str, text: &str) {
    fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    fs::write(root.join(path), text).unwrap();
}

const SIDES: [&str; 4] = ["--reference", "r", "--prediction", "p"];

fn cases(folder: &Path, more: &[&str]) -> Vec<String> {
    let mut cases: Vec<String> =
        rows(&evaluate(folder, &[&SIDES[..], more, &["--json"]].concat(), 0)).into_iter().map(|row| row.0).collect();
    cases.dedup();
    cases
}

fn mean(folder: &Path, more: &[&str]) -> (Option<f64>, String) {
    let ended = evaluate(folder, &[&SIDES[..], more, &["--json"]].concat(), 0);
    let json: Value = serde_json::from_str(&ended.out).unwrap();
    (json["mean"]["dice"]["mean"].as_f64(), ended.err)
}

#[test]
fn subsets_are_chosen_and_missing_predictions_never_left_out_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for case in ["a", "b", "c", "d"] {
        label(place, &format!("r/{case}.nii.gz"), &[1, 1, 0, 0]);
    }
    label(place, "p/a.nii.gz", &[1, 1, 0, 0]);
    label(place, "p/b.nii.gz", &[1, 1, 1, 1]);
    label(place, "p/z.nii.gz", &[1, 1, 1, 1]);
    text(place, "list.txt", "b\n# a remark\n\na\n");
    for (chosen, expected) in [("a", &["a"][..]), ("b, a", &["a", "b"]), ("list.txt", &["a", "b"])] {
        assert_eq!(cases(place, &["--cases", chosen]), expected, "{chosen}");
    }
    let ended = evaluate(place, &SIDES, 4);
    assert!(ended.err.contains("2 of 4 references") && ended.err.contains("--missing empty"), "{}", ended.err);
    let (of_two, told) = mean(place, &["--missing", "skip"]);
    assert_eq!(of_two.map(|dice| (dice * 6.0).round()), Some(5.0));
    assert!(told.contains("2 of 4 references have no prediction (`c`, `d`) and are LEFT OUT"), "{told}");
    for word in ["empty", "zero"] {
        let (of_four, told) = mean(place, &["--missing", word]);
        assert_eq!(of_four.map(|dice| (dice * 12.0).round()), Some(5.0));
        assert!(told.contains("2 of 4 references have no prediction (`c`, `d`): scored as if"), "{told}");
    }
    for (chosen, code, word) in
        [("a,y", 4, "no reference is called `y`"), ("c", 4, "1 of 1 references"), (" ,", 2, "names no case")]
    {
        let ended = evaluate(place, &[&SIDES[..], &["--cases", chosen]].concat(), code);
        assert!(ended.err.contains(word), "{}", ended.err);
    }
    let json: Value =
        serde_json::from_str(&evaluate(place, &[&SIDES[..], &["--missing", "skip", "--json"]].concat(), 0).out)
            .unwrap();
    assert_eq!(json["missing_predictions"], serde_json::json!(["c", "d"]));
}

/// Trees of files that hold the same voxels, and the cases that they make up.
#[test]
fn trees_are_read_as_what_they_are() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a str);
    let rows: [Row; 7] = [
        (
            &["a/segmentation.nii.gz", "b/segmentation.nii.gz"],
            &["a.nrrd", "b.nrrd"],
            &["a", "b"],
            "one label file each",
        ),
        (
            &["a/labels/final.nii.gz", "b/labels/final.nii.gz"],
            &["b/out.nii", "a/out.nii"],
            &["a", "b"],
            "one label file",
        ),
        (
            &["s1/a.nii", "s1/b.nii", "s2/a.nii"],
            &["s1/a.nii", "s1/b.nii", "s2/a.nii"],
            &["s1/a", "s1/b", "s2/a"],
            "label files",
        ),
        (&["s1/a/x.nii", "s2/a/x.nii"], &["s1/a/y.nii", "s2/a/y.nii"], &["s1", "s2"], "one label file each"),
        (&["a.nii", "b.nii"], &["fold0/a.nii", "fold1/b.nii"], &["a", "b"], "label files"),
        (&["a/x.nii", "a/y.nii", "b/x.nii"], &["b/x.nii", "a/x.nii", "a/y.nii"], &["a", "b"], "a mask per structure"),
        (&["t/a/x.nii", "t/a/y.nii", "t/b/x.nii"], &["a/m/x.nii", "b/m/x.nii"], &["a", "b"], "a mask per structure"),
    ];
    for (reference, prediction, expected, form) in rows {
        let folder = tempfile::tempdir().unwrap();
        for (side, files) in [("r", reference), ("p", prediction)] {
            // Files of several structures are no masks.
            let voxels = if form == "label files" { [1, 2, 0] } else { [1, 1, 0] };
            files.iter().for_each(|file| label(folder.path(), &format!("{side}/{file}"), &voxels));
        }
        let ended = evaluate(folder.path(), &[&SIDES[..], &["--json"]].concat(), 0);
        let json: Value = serde_json::from_str(&ended.out).unwrap();
        let mut found: Vec<&str> =
            json["cases"].as_array().unwrap().iter().filter_map(|row| row["case"].as_str()).collect();
        found.dedup();
        assert_eq!(found, expected, "{reference:?}");
        assert!(json["read_as"]["reference"].as_str().unwrap().contains(form), "{}", json["read_as"]);
    }
}

/// An image beside the label of each case is no label.
#[test]
fn images_in_the_folders_of_cases_are_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    for case in ["a", "b"] {
        let values: Vec<u16> = (0..600).collect();
        label(folder.path(), &format!("r/{case}/imaging.nii.gz"), &values);
        label(
            folder.path(),
            &format!("r/{case}/segmentation.nii.gz"),
            &values.iter().map(|it| it % 3).collect::<Vec<_>>(),
        );
        label(folder.path(), &format!("p/{case}.nii.gz"), &values.iter().map(|it| it % 3).collect::<Vec<_>>());
    }
    assert_eq!(mean(folder.path(), &[]).0, Some(1.0));
}

/// Two label maps in the folder of each case: which one is meant is not guessed.
#[test]
fn several_label_maps_of_a_case_are_refused_until_it_is_said_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for case in ["a", "b"] {
        for side in ["r", "p"] {
            for file in ["fine", "coarse"] {
                label(folder.path(), &format!("{side}/{case}/{file}.nii.gz"), &[1, 2, 3]);
            }
        }
    }
    let files = ["a/coarse", "a/fine", "b/coarse", "b/fine"];
    // Each file has its counterpart.
    assert_eq!(cases(folder.path(), &[]), files);
    assert_eq!(cases(folder.path(), &["--layout", "files"]), files);
    let ended = evaluate(folder.path(), &[&SIDES[..], &["--layout", "masks"]].concat(), 4);
    assert!(ended.err.contains("one value besides 0"), "{}", ended.err);
    label(folder.path(), "flat/a.nii.gz", &[1, 2, 3]);
    label(folder.path(), "flat/b.nii.gz", &[1, 2, 3]);
    let ended = evaluate(folder.path(), &["--reference", "r", "--prediction", "flat"], 4);
    assert!(ended.err.contains("case `a` may be") && ended.err.contains("--layout files"), "{}", ended.err);
}

#[test]
fn masks_of_one_case_are_read_by_known_names_or_by_layout() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    for (side, second) in [("r", &[0, 0, 1, 1]), ("p", &[0, 0, 1, 0])] {
        label(place, &format!("{side}/liver.nii.gz"), &[1, 1, 0, 0]);
        label(place, &format!("{side}/spleen.nii.gz"), second);
    }
    label(place, "map.nii.gz", &[5, 5, 9, 0]);
    text(place, "names.json", r#"{"labels": {"background": 0, "liver": 5, "spleen": 9}}"#);
    let found = |arguments: &[&str]| rows(&evaluate(place, &[arguments, &["--json"]].concat(), 0));
    let of = |row: &(String, String, Option<f64>)| (row.1.clone(), row.2.map(|dice| (dice * 3.0).round()));
    let expected = [("liver".to_owned(), Some(3.0)), ("spleen".to_owned(), Some(2.0))];
    let masks = found(&[&SIDES[..], &["--layout", "masks"]].concat());
    assert_eq!(masks.iter().map(of).collect::<Vec<_>>(), expected);
    // Without the word, each file is a case, as ever.
    assert_eq!(cases(place, &[]), ["liver", "spleen"]);
    assert_eq!(cases(place, &["--layout", "files"]), ["liver", "spleen"]);
    let one = found(&["--reference", "r", "--prediction", "map.nii.gz", "--names", "names.json"]);
    assert_eq!(one.iter().map(of).collect::<Vec<_>>(), expected);
    let ended = evaluate(place, &["--reference", "r", "--prediction", "map.nii.gz"], 4);
    assert!(ended.err.contains("`liver`, `spleen`") && ended.err.contains("--names"), "{}", ended.err);
}

/// Each form of names, for one side or both, and against the names of the files.
#[test]
fn names_come_from_files_of_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    label(place, "r/a.nii.gz", &[1, 1, 2, 0]);
    label(place, "p/a.nii.gz", &[4, 4, 3, 0]);
    let files = [
        ("ours.json", r#"{"labels": {"background": 0, "liver": 1, "spleen": 2}}"#),
        (
            "theirs.json",
            r#"{"overlapping": false, "structures": [{"name": "Liver", "value": 4}, {"name": "spleen", "value": 3}]}"#,
        ),
        ("theirs.txt", "4 255 0 0 1 1 1 \"liver\"\n3 0 255 0 1 1 1 \"spleen\"\n"),
        ("theirs.ctbl", "4 Liver 255 0 0 255\n3 spleen 0 255 0 255\n"),
    ];
    files.iter().for_each(|(name, content)| text(place, name, content));
    for theirs in ["theirs.json", "theirs.txt", "theirs.ctbl"] {
        let (dice, _) = mean(place, &["--names", "ours.json", "--prediction-names", theirs]);
        assert_eq!(dice, Some(1.0), "{theirs}");
        let (dice, _) = mean(place, &["--reference-names", "ours.json", "--prediction-names", theirs]);
        assert_eq!(dice, Some(1.0), "{theirs}");
        let (dice, _) = mean(place, &["--labels", "liver=1,spleen=2", "--prediction-names", theirs]);
        assert_eq!(dice, Some(1.0), "{theirs}");
    }
    // One file for both: the numbers differ.
    assert_eq!(mean(place, &["--names", "ours.json"]).0, Some(0.0));
    let ended = evaluate(place, &[&SIDES[..], &["--names", "none.json"]].concat(), 4);
    assert!(ended.err.contains("none.json"), "{}", ended.err);
}

/// nnU-Net's regions: names of several values.
#[test]
fn regions_are_scored_as_unions() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    label(place, "r/a.nii.gz", &[1, 2, 3, 0]);
    label(place, "p/a.nii.gz", &[1, 1, 3, 0]);
    text(place, "dataset.json", r#"{"labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}}"#);
    let ended = evaluate(place, &[&SIDES[..], &["--names", "dataset.json", "--json"]].concat(), 0);
    let found: Vec<(String, f64)> =
        rows(&ended).into_iter().map(|row| (row.1, (row.2.unwrap() * 3.0).round())).collect();
    let of = |name: &str| found.iter().find(|row| row.0 == name).map(|row| row.1);
    assert_eq!(["whole", "core", "enhancing"].map(of), [Some(3.0), Some(2.0), Some(3.0)], "{found:?}");
}

/// Three voxels of liver, of which one is also tumour.
#[test]
fn overlapping_structures_are_scored_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let layers = |liver: [u8; 4], tumour: [u8; 4]| {
        Array4::from_shape_fn([2, 1, 1, 4], |(mask, _, _, x)| if mask == 0 { liver[x] } else { tumour[x] })
    };
    let names = r#"{"overlapping": true, "structures": [{"name": "liver", "mask": 0}, {"name": "tumour", "mask": 1}]}"#;
    let geometry = Geometry::axis_aligned([1, 1, 4], [1.0; 3]);
    for (side, masks) in [("r", layers([1, 1, 1, 0], [0, 0, 1, 0])), ("p", layers([1, 1, 1, 1], [0, 1, 1, 0]))] {
        let content = Segmentation::Masks { masks: masks.clone(), geometry: geometry.clone() };
        fs::create_dir_all(place.join(side)).unwrap();
        for form in ["channels", "layers", "masks"] {
            fs::create_dir_all(place.join(side).join(form)).unwrap();
        }
        write_segmentation(&place.join(side).join("channels/a.nii.gz"), &content).unwrap();
        text(place, &format!("{side}/channels/label_map.json"), names);
        let segment = |(name, value): (&str, u16)| Segment { name: name.into(), value, color: None };
        let segments = Segments { segments: [("Liver", 1), ("Tumour", 2)].map(segment).to_vec(), content };
        write_segments(&place.join(side).join("layers/a.seg.nrrd"), &segments, &Options::default()).unwrap();
        for (name, mask) in ["liver", "tumour"].into_iter().zip(masks.axis_iter(Axis(0))) {
            let values: Vec<u16> = mask.iter().map(|inside| u16::from(*inside)).collect();
            label(place, &format!("{side}/masks/a/{name}.nii.gz"), &values);
        }
    }
    // Without overlap: the tumour is cut out of the liver.
    label(place, "p/plain/a.nii.gz", &[1, 2, 2, 1]);
    text(
        place,
        "p/plain/label_map.json",
        r#"{"overlapping": false, "structures": [{"name": "liver", "value": 1}, {"name": "tumour", "value": 2}]}"#,
    );
    let dice = |reference: &str, prediction: &str, more: &[&str]| {
        let sides = ["--reference", reference, "--prediction", prediction, "--json"];
        let rows = rows(&evaluate(place, &[&sides[..], more].concat(), 0));
        let of = |name: &str| rows.iter().find(|row| row.1.eq_ignore_ascii_case(name)).and_then(|row| row.2).unwrap();
        [of("liver"), of("tumour")].map(|dice| (dice * 1e6).round() / 1e6)
    };
    for ours in ["channels", "layers", "masks"] {
        for theirs in ["channels", "layers", "masks"] {
            for more in [&[][..], &["--labels", "liver=1,tumour=2"]] {
                let found = dice(&format!("r/{ours}"), &format!("p/{theirs}"), more);
                assert_eq!(found, [0.857143, 0.666667], "{ours} {theirs} {more:?}");
            }
        }
        // liver: 1 common of 3 and 2; tumour: 1 of 1 and 2.
        assert_eq!(dice(&format!("r/{ours}"), "p/plain", &[]), [0.4, 0.666667], "{ours}");
    }
}
