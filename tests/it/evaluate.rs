//! `segspec evaluate` as a person uses it: two folders of label files in, scores out.

use std::path::Path;
use std::process::Command;

use ndarray::Array3;
use segspec::volume::format::Options;
use segspec::volume::{Geometry, LabelMap, Segment, Segmentation, Segments, nifti::write_label_map, write_segments};
use serde_json::Value;

use crate::lab::{Ended, end};

/// Writes a label file of 1 × 2 × 3 voxels, 2 × 1 × 1 mm.
fn label(folder: &Path, name: &str, voxels: [u16; 6]) {
    let voxels = Array3::from_shape_vec([1, 2, 3], voxels.to_vec()).unwrap();
    let map = LabelMap { voxels, geometry: Geometry::axis_aligned([1, 2, 3], [2.0, 1.0, 1.0]) };
    std::fs::create_dir_all(folder).unwrap();
    write_label_map(&folder.join(name), &map).unwrap();
}

fn evaluate(folder: &Path, more: &[&str], code: i32) -> Ended {
    let base = ["evaluate", "--reference", "reference", "--prediction", "prediction"];
    let ended = end(Command::new(env!("CARGO_BIN_EXE_segspec")).current_dir(folder).args(base).args(more));
    assert_eq!(ended.code, code, "{}", ended.err);
    ended
}

fn example() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (reference, prediction) = (folder.path().join("reference"), folder.path().join("prediction"));
    label(&reference, "a.nii.gz", [1, 1, 1, 2, 0, 0]);
    label(&prediction, "a.nii", [1, 0, 0, 2, 2, 2]);
    label(&reference, "b.nii.gz", [1, 0, 0, 0, 0, 0]);
    label(&prediction, "b.nii.gz", [1, 0, 0, 0, 0, 0]);
    folder
}

#[test]
fn scores_are_printed_as_json_and_written_as_csv() {
    let folder = example();
    label(&folder.path().join("prediction"), "c.nii.gz", [0; 6]);
    let run = evaluate(folder.path(), &["--labels", "liver=1,spleen=2", "--json", "--csv", "out/scores.csv"], 0);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let [liver, spleen] = [&json["structures"][0], &json["structures"][1]];
    assert_eq!((liver["name"].as_str(), liver["n"].as_u64()), (Some("liver"), Some(2)));
    // liver: 2·1 / (3 + 1) and 1; spleen: 2·1 / (1 + 3), and nowhere in b
    assert_eq!((liver["dice"]["mean"].as_f64(), spleen["dice"]["mean"].as_f64()), (Some(0.75), Some(0.5)));
    assert_eq!((spleen["n_undefined"].as_u64(), json["mean"]["dice"]["mean"].as_f64()), (Some(1), Some(0.625)));
    assert_eq!(json["cases"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["cases"][0]["reference_ml"].as_f64(), Some(0.006));
    assert!(run.err.contains("c.nii.gz: no reference with this name"));
    let csv = std::fs::read_to_string(folder.path().join("out/scores.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
}

#[test]
fn without_labels_every_value_is_a_structure() {
    let folder = example();
    let run = evaluate(folder.path(), &[], 0);
    let text = run.out;
    let table = text.lines().take_while(|line| !line.starts_with('±'));
    let names: Vec<&str> = table.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.iter().filter(|name| ["1", "2", "mean"].contains(name)).count(), 3, "{text}");
}

#[test]
fn ignored_voxels_of_the_reference_count_nowhere() {
    let folder = example();
    let run = evaluate(folder.path(), &["--ignore", "2", "--json"], 0);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let cases = json["cases"].as_array().unwrap();
    let count = |case: usize, name: &str| cases[case][name].as_u64().unwrap();
    assert_eq!((cases.len(), cases[0]["structure"].as_str()), (2, Some("1")));
    let counts = ["true_positive", "false_positive", "false_negative", "true_negative"].map(|name| count(0, name));
    assert_eq!(counts, [1, 0, 2, 2]);
    evaluate(folder.path(), &["--ignore", "0"], 2);
}

#[test]
fn missing_and_damaged_predictions_end_with_code_4() {
    let folder = example();
    let prediction = folder.path().join("prediction");
    std::fs::write(prediction.join("b.nii.gz"), b"not an image").unwrap();
    let run = evaluate(folder.path(), &["--json"], 4);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((json["excluded"][0]["case"].as_str(), json["cases"].as_array().map(Vec::len)), (Some("b"), Some(2)));
    std::fs::remove_file(prediction.join("b.nii.gz")).unwrap();
    let run = evaluate(folder.path(), &[], 4);
    assert!(run.err.contains("b.nii.gz"));
}

#[test]
fn wrong_labels_are_a_usage_error() {
    let folder = example();
    evaluate(folder.path(), &["--labels", "liver"], 2);
}

/// Writes the voxels of a label file along other axes.
fn turned(folder: &Path, name: &str, voxels: [u16; 6]) {
    let voxels = Array3::from_shape_vec([1, 2, 3], voxels.to_vec()).unwrap().permuted_axes([2, 0, 1]);
    let affine = [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]];
    let geometry = Geometry { shape: [3, 1, 2], affine, has_spacing: true };
    std::fs::create_dir_all(folder).unwrap();
    write_label_map(&folder.join(name), &LabelMap { voxels: voxels.as_standard_layout().into_owned(), geometry })
        .unwrap();
}

fn dice(run: &Ended) -> Vec<(String, Option<f64>)> {
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let row = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["dice"]["mean"].as_f64());
    json["structures"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn voxels_stored_along_other_axes_are_the_same_voxels() {
    let folder = tempfile::tempdir().unwrap();
    label(&folder.path().join("reference"), "a.nii.gz", [1, 1, 1, 2, 0, 0]);
    turned(&folder.path().join("prediction"), "a.nii.gz", [1, 1, 1, 2, 0, 0]);
    let run = evaluate(folder.path(), &["--json"], 0);
    assert_eq!(dice(&run), [("1".into(), Some(1.0)), ("2".into(), Some(1.0))]);
}

/// A run's predictions are named by its `label_map.json`, a reference by its segments.
#[test]
fn names_pair_structures_whatever_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("reference");
    std::fs::create_dir_all(&reference).unwrap();
    let voxels = Array3::from_shape_vec([1, 2, 3], vec![1, 1, 1, 2, 0, 0]).unwrap();
    let map = LabelMap { voxels, geometry: Geometry::axis_aligned([1, 2, 3], [2.0, 1.0, 1.0]) };
    let segment = |name: &str, value| Segment { name: name.into(), value, color: None };
    let segments =
        Segments { segments: vec![segment("Liver", 1), segment("spleen", 2)], content: Segmentation::Labels(map) };
    write_segments(&reference.join("a.seg.nrrd"), &segments, &Options::default()).unwrap();
    let prediction = folder.path().join("prediction");
    label(&prediction, "a.nii.gz", [5, 5, 5, 1, 0, 0]);
    let table = |liver: &str| {
        let text = format!(
            r#"{{"version": 1, "overlapping": false, "structures": [{{"name": "spleen", "value": 1}}, {{"name": "{liver}", "value": 5}}]}}"#
        );
        std::fs::write(prediction.join("label_map.json"), text).unwrap();
    };
    table("liver");
    for further in [&["--json"][..], &["--json", "--labels", "liver=1,spleen=2"]] {
        let run = evaluate(folder.path(), further, 0);
        assert!(dice(&run).iter().all(|(_, dice)| *dice == Some(1.0)), "{:?}", dice(&run));
    }
    table("Leber");
    let run = evaluate(folder.path(), &["--json"], 0);
    assert_eq!(dice(&run).iter().filter(|(_, dice)| *dice == Some(1.0)).count(), 1);
    assert!(run.err.contains("only in the reference: `Liver`; only in the prediction: `Leber`"), "{}", run.err);
    // The reference's number for the liver is the prediction's for the spleen, which is asked for by its name.
    evaluate(folder.path(), &["--labels", "Leber=5,Milz=1"], 4);
}

#[test]
fn a_structure_that_is_in_no_file_is_told_and_not_counted() {
    let folder = example();
    let run = evaluate(folder.path(), &["--labels", "liver=1,kidney=9", "--json"], 0);
    assert!(run.err.contains("no file contains `kidney`"), "{}", run.err);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["mean"]["dice"]["mean"].as_f64(), Some(0.75));
}
