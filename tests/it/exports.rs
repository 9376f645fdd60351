//! Predictions in other formats, and conversions that keep names, colours and overlaps.

use std::fs;

use segspec::volume::{Segmentation, read_segments, read_volume};
use serde_json::Value;

use crate::lab::{Lab, TINY, images, json, prediction};

/// A trained run on the tiny phantom, for these structures.
fn trained(structures: &str) -> Lab {
    let lab = Lab::new();
    lab.write("experiments/x.toml", &TINY.replace("[\"liver\", \"spleen\"]", structures));
    lab.run("x", &[]);
    lab
}

fn ok(lab: &Lab, arguments: &[&str]) -> String {
    let ended = lab.end(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended.out
}

fn inspect(lab: &Lab, path: &str) -> Value {
    serde_json::from_str(&ok(lab, &["inspect", path, "--json"])).unwrap()
}

fn names(lab: &Lab, path: &str) -> Vec<String> {
    let segments = read_segments(&lab.path(path)).unwrap().segments;
    segments.into_iter().map(|segment| segment.name).collect()
}

#[test]
fn predictions_come_in_other_formats_with_names_and_colours() {
    let lab = trained("[\"liver\", \"spleen\"]");
    let run = lab.run_folder("x");
    let case = images(&run)[0].file_name().unwrap().to_str().unwrap().to_owned();
    let image = format!("data/set/imagesTr/{case}");
    ok(&lab, &["convert", &image, "dicom", "--modality", "ct"]);
    let run = run.to_str().unwrap();
    ok(&lab, &["predict", run, "--input", &image, "--output", "plain"]);
    let plain = read_segments(&lab.path(&format!("plain/{case}"))).unwrap();
    for (format, input) in [("seg.nrrd", image.as_str()), ("dcm", "dicom"), (".nrrd", &image), ("glb", &image)] {
        let out = ok(&lab, &["predict", run, "--input", input, "--output", format, "--format", format, "--json"]);
        let file = serde_json::from_str::<Value>(&out).unwrap()["cases"][0]["files"][0].as_str().unwrap().to_owned();
        assert!(lab.path(&file).is_file(), "{file}");
        if format == "glb" {
            let text = String::from_utf8_lossy(&fs::read(lab.path(&file)).unwrap()).into_owned();
            assert!(text.contains("liver"), "the scene names no structure");
            continue;
        }
        let found = read_segments(&lab.path(&file)).unwrap();
        let voxels = |content: &Segmentation| match content {
            Segmentation::Labels(map) => map.voxels.iter().filter(|&&value| value != 0).count(),
            Segmentation::Masks { masks, .. } => masks.iter().filter(|&&value| value != 0).count(),
        };
        assert_eq!(voxels(&found.content), voxels(&plain.content), "{format}");
        if format != ".nrrd" {
            assert_eq!(names(&lab, &file), ["liver", "spleen"], "{format}");
            assert!(found.segments.iter().all(|segment| segment.color.is_some()));
        }
    }
    let refused = lab.end(&["predict", run, "--input", &image, "--output", "d", "--format", "dcm"]);
    assert!(refused.code == 2 && refused.err.contains("not a DICOM series"), "{}", refused.err);
    let unknown = lab.end(&["predict", run, "--input", &image, "--output", "d", "--format", "doc"]);
    assert!(unknown.code == 2 && unknown.err.contains("seg.nrrd"), "{}", unknown.err);
}

/// The README's example: a run's prediction for the hospital's viewer.
#[test]
fn conversions_of_predictions_keep_what_the_label_map_says() {
    let lab = trained("[\"liver\", \"spleen\"]");
    let run = lab.run_folder("x");
    let file = images(&run)[0].clone();
    let case = file.file_name().unwrap().to_str().unwrap().to_owned();
    ok(&lab, &["convert", &format!("data/set/imagesTr/{case}"), "dicom", "--modality", "ct"]);
    let source = file.to_str().unwrap();
    ok(&lab, &["convert", source, "out.dcm", "--on", "dicom"]);
    ok(&lab, &["convert", source, "out.seg.nrrd"]);
    ok(&lab, &["convert", source, "out.nii.gz", "--labels", "--colours", "out.ctbl"]);
    for converted in ["out.dcm", "out.seg.nrrd"] {
        assert_eq!(names(&lab, converted), ["liver", "spleen"]);
    }
    let bytes = fs::read(lab.path("out.dcm")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["10200004", "78961009", "AUTOMATIC", "segspec "] {
        assert!(holds(text), "the segmentation object lacks {text}");
    }
    // Names of other tools' label maps.
    ok(&lab, &["convert", "out.nii.gz", "named.seg.nrrd", "--names", "out.ctbl"]);
    assert_eq!(names(&lab, "named.seg.nrrd"), ["liver", "spleen"]);
    lab.write("wrong.json", "{\"labels\": {\"liver\": [1, 2]}}");
    let refused = lab.end(&["convert", "out.nii.gz", "x.seg.nrrd", "--names", "wrong.json"]);
    assert!(
        refused.code == 4 && refused.err.contains("wrong.json") && refused.err.contains("`liver`"),
        "{}",
        refused.err
    );
}

#[test]
fn overlapping_predictions_go_through_every_format_and_come_back() {
    let lab = trained("[\"kidneys-and-liver\", \"liver\"]");
    let run = lab.run_folder("x");
    assert!(prediction(&run).join("label_map.json").is_file());
    let file = images(&run)[0].clone();
    let case = file.file_name().unwrap().to_str().unwrap().to_owned();
    let expected = read_volume(&file).unwrap();
    assert_eq!(expected.voxels.dim().0, 2, "a mask per structure");
    ok(&lab, &["convert", &format!("data/set/imagesTr/{case}"), "dicom", "--modality", "ct"]);
    ok(&lab, &["convert", file.to_str().unwrap(), "a.seg.nrrd"]);
    ok(&lab, &["convert", "a.seg.nrrd", "a.dcm", "--on", "dicom"]);
    ok(&lab, &["convert", "a.dcm", "back.nii.gz", "--on", "dicom"]);
    let named = json(&lab.path("back.label_map.json"));
    assert_eq!(named["structures"][0]["name"], "kidneys-and-liver");
    let back = read_volume(&lab.path("back.nii.gz")).unwrap();
    assert!(back.voxels == expected.voxels, "masks changed on the way");
    ok(&lab, &["convert", "back.nii.gz", "again.seg.nrrd"]);
    assert_eq!(names(&lab, "again.seg.nrrd"), ["kidneys-and-liver", "liver"]);
    assert_eq!(inspect(&lab, "again.seg.nrrd")[0]["segments"].as_array().map(Vec::len), Some(2));
}

#[test]
fn runs_and_experiments_are_found_by_short_names() {
    let lab = trained("[\"liver\", \"spleen\"]");
    let folder = lab.run_folder("x");
    let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let image = images(&folder)[0].clone();
    let image = format!("data/set/imagesTr/{}", image.file_name().unwrap().to_str().unwrap());
    ok(&lab, &["predict", &id[..5], "--input", &image, "--output", "out"]);
    ok(&lab, &["report", &id[..4], "--output", "one"]);
    let again = lab.end(&["run", "x", "--resume"]);
    assert!(again.code == 0 && again.err.contains("already finished") && again.err.contains("--resume is not needed"));
    for (arguments, code, text) in [
        (&["predict", "zzzz", "--input", "a", "--output", "b"][..], 4, "no such run folder"),
        (&["predict", "data", "--input", "a", "--output", "b"], 4, "is not a run folder"),
        (&["train", "x"], 2, "segspec run FILE"),
        (&["run", "y"], 3, "y"),
    ] {
        let ended = lab.end(arguments);
        assert!(ended.code == code && ended.err.contains(text), "{arguments:?}: {}", ended.err);
    }
}

/// The final network of a project is trained on every case.
#[test]
fn a_split_without_test_cases_trains_and_scores_nothing() {
    let lab = Lab::new();
    lab.write("experiments/all.toml", &format!("{TINY}\n[split.ratio]\ntest = 0.0\n"));
    let ended = lab.end(&["run", "experiments/all.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("nothing is scored"), "{}", ended.err);
    let run = lab.run_folder("all");
    assert!(images(&run).is_empty());
    let image = fs::read_dir(lab.path("data/set/imagesTr")).unwrap().next().unwrap().unwrap().path();
    ok(&lab, &["predict", run.to_str().unwrap(), "--input", image.to_str().unwrap(), "--output", "out"]);
    let again = lab.end(&["run", "experiments/all.toml"]);
    assert!(again.code == 0 && again.err.contains("already finished"), "{}", again.err);
}
