//! What `segspec evaluate` says where names, grids or orientations do not fit: nothing is silently wrong.

use std::fs;
use std::path::Path;

use ndarray::{Array3, s};
use segspec::volume::{Geometry, LabelMap, write_label_map};
use serde_json::Value;

use crate::evaluate_forms::evaluate;

/// Four cases with values 1 to 3 in blocks, on 8 x 8 x 8 voxels.
fn write(root: &Path, folder: &str, names: Option<&str>) {
    let mut voxels = Array3::zeros([8, 8, 8]);
    for (value, place) in (1..=3).zip([0, 3, 6]) {
        voxels.slice_mut(s![1..6, 1..6, place..place + 2]).fill(value);
    }
    let map = LabelMap { voxels, geometry: Geometry::axis_aligned([8, 8, 8], [1.0; 3]) };
    fs::create_dir_all(root.join(folder)).unwrap();
    for case in ["a", "b", "c", "d"] {
        write_label_map(&root.join(folder).join(format!("{case}.nii.gz")), &map).unwrap();
    }
    if let Some(names) = names {
        fs::write(root.join(folder).join("label_map.json"), names).unwrap();
    }
}

const NAMES: &str = r#"{"labels": {"background": 0, "liver": 1, "spleen": 2}}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn names_of_one_tool_hold_for_all_so_that_identical_tools_score_alike() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "r", None);
    write(root, "named", Some(NAMES));
    write(root, "plain", None);
    for order in [["named", "plain"], ["plain", "named"]] {
        let sides = ["evaluate", "--reference", "r", "--prediction", order[0], "--prediction", order[1], "--json"];
        let found = json(&evaluate(root, &sides[1..], 0).out);
        let board = &found["boards"][0];
        let text = board.to_string();
        assert!(!text.contains("\"1\"") && !text.contains("\"2\""), "values and names are no two structures: {text}");
        let dice: Vec<f64> =
            board["entries"].as_array().unwrap().iter().map(|row| row["mean"].as_f64().unwrap()).collect();
        assert_eq!(dice[0], dice[1], "{text}");
    }
}

#[test]
fn structures_that_no_prediction_names_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "r", None);
    write(root, "p", Some(NAMES));
    let sides = ["--reference", "r", "--prediction", "p"];
    let told = evaluate(root, &sides, 0).err;
    assert!(told.contains("`3` of the references is none of them") && told.contains("--labels"), "{told}");
    let told = evaluate(root, &[&sides[..], &["--labels", "liver=1,spleen=2"]].concat(), 0).err;
    assert!(!told.contains("is none of them"), "{told}");
    // A value that is to be ignored is no structure, whether the references name it or not.
    let ignoring = [&sides[..], &["--ignore", "3"]].concat();
    let told = evaluate(root, &ignoring, 0).err;
    assert_eq!(told, "");
    let reference = NAMES.replace("2}", "2, \"ignore\": 3}");
    fs::write(root.join("r/label_map.json"), reference).unwrap();
    assert_eq!(evaluate(root, &ignoring, 0).err, "");
    fs::remove_file(root.join("r/label_map.json")).unwrap();
    // Names on the command line that contradict those of the folder.
    fs::write(root.join("swap.json"), NAMES.replace("liver", "x").replace("spleen", "liver").replace('x', "spleen"))
        .unwrap();
    let told = evaluate(root, &[&sides[..], &["--prediction-names", "swap.json"]].concat(), 0).err;
    assert!(told.contains("calls value 1 `liver`, the names that were given `spleen`"), "{told}");
}

#[test]
fn options_that_match_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "r", None);
    write(root, "p", None);
    let sides = ["--reference", "r", "--prediction", "p"];
    for (more, word) in [
        (["--group-by", "xyz(.)"], "matches the name of no case, such as `a`"),
        (["--labels", "liver=1,foo=1"], "both have the value 1"),
    ] {
        let ended = evaluate(root, &[&sides[..], &more].concat(), 2);
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}

#[test]
fn a_prediction_of_a_part_is_refused_with_the_command_and_a_guessed_side_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "r", None);
    let whole = segspec::volume::read_label_map(&root.join("r/a.nii.gz")).unwrap();
    let mut geometry = Geometry::axis_aligned([6, 8, 8], [1.0; 3]);
    for axis in 0..3 {
        geometry.affine[axis][3] = whole.geometry.affine[axis][3] + whole.geometry.affine[axis][0];
    }
    let part = LabelMap { voxels: whole.voxels.slice(s![1..7, .., ..]).to_owned(), geometry };
    fs::create_dir_all(root.join("p")).unwrap();
    write_label_map(&root.join("p/a.nii.gz"), &part).unwrap();
    let sides = ["--reference", "r/a.nii.gz", "--prediction", "p/a.nii.gz"];
    let ended = evaluate(root, &sides, 4);
    assert!(ended.err.contains("different sizes") && ended.err.contains("--on REFERENCE --resample"), "{}", ended.err);

    // Without qform and sform: the voxels of the same box, with a guessed side.
    let mut centred = whole.clone();
    (0..3).for_each(|axis| centred.geometry.affine[axis][3] = -3.5);
    write_label_map(&root.join("c.nii.gz"), &centred).unwrap();
    let mut bytes = Vec::new();
    let file = fs::File::open(root.join("c.nii.gz")).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
    bytes[252..256].fill(0);
    fs::write(root.join("c.nii"), bytes).unwrap();
    let told = evaluate(root, &["--reference", "c.nii.gz", "--prediction", "c.nii"], 0).err;
    assert!(told.contains("left and right are a guess"), "{told}");
    // Nothing on both sides.
    let empty = LabelMap { voxels: Array3::zeros([8, 8, 8]), geometry: whole.geometry };
    write_label_map(&root.join("none.nii.gz"), &empty).unwrap();
    let told = evaluate(root, &["--reference", "none.nii.gz", "--prediction", "none.nii.gz"], 0).err;
    assert!(told.contains("no file contains any structure"), "{told}");
}
