//! One id for each stage: what changes it, and what is computed again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, TINY, end, is_finished, json, prediction, results, sorted};

/// The stages of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Training,
    Prediction,
    Evaluation,
}

use Stage::{Evaluation, Prediction, Training};

/// Ids of the only run of an experiment.
fn ids(lab: &Lab, further: &[&str]) -> [String; 3] {
    let run = &lab.dry_run("tiny", further)[0];
    ["id", "prediction", "evaluation"].map(|key| run[key].as_str().unwrap().to_owned())
}

/// The first stage whose id differs; everything to its right then differs, too.
fn first_changed(before: &[String; 3], after: &[String; 3]) -> Option<Stage> {
    let stages = [Training, Prediction, Evaluation];
    let first = stages.into_iter().zip(before.iter().zip(after)).find(|(_, (a, b))| a != b).map(|(stage, _)| stage);
    let rest = first.map_or(3, |first| stages.iter().position(|stage| *stage == first).unwrap());
    assert!(before[rest..].iter().zip(&after[rest..]).all(|(a, b)| a != b), "{before:?} {after:?}");
    first
}

/// Keys of the experiment: what each changes first.
#[test]
fn every_key_changes_the_stage_that_it_decides_and_those_after_it() {
    let lab = Lab::new();
    lab.write("experiments/tiny.toml", &format!("{TINY}\n[augment]\nmirror = [\"depth\"]\n"));
    let before = ids(&lab, &[]);
    let rows: &[(&str, Option<Stage>)] = &[
        ("name=\"other\"", None),
        ("description=\"for people\"", None),
        ("run-root=\"elsewhere\"", None),
        ("train.loader-threads=7", None),
        ("train.gradient-checkpointing=true", None),
        ("train.keep-every=2", None),
        ("evaluate.success-dice=[0.8]", None),
        ("evaluate.tolerance-mm=2.0", Some(Evaluation)),
        ("evaluate.structure-tolerances-mm={ liver = 3.0 }", Some(Evaluation)),
        ("evaluate.structure-tolerances-mm={}", None),
        // No structure of this dataset has instances.
        ("evaluate.instance-iou=0.5", None),
        ("memory-target-gb=16.0", None),
        ("seed=1", Some(Training)),
        ("structures=[\"spleen\", \"liver\"]", Some(Training)),
        ("preprocess.spacing-mm=[8.0, 8.0, 8.0]", Some(Training)),
        ("preprocess.crop=\"body\"", Some(Training)),
        ("augment.mirror=[]", Some(Training)),
        ("model.unet.features=[4, 4]", Some(Training)),
        ("model.unet.norm=\"group\"", Some(Training)),
        ("loss=[{ dice = { weight = 1.0 } }]", Some(Training)),
        ("train.epochs=4", Some(Training)),
        ("train.batch-size=1", Some(Training)),
        ("train.patch-size=[16, 16, 32]", Some(Training)),
        ("train.sampling.foreground=0.5", Some(Training)),
        ("train.optimizer.adamw.learning-rate=2e-3", Some(Training)),
        ("train.schedule={ constant = {} }", Some(Training)),
        ("train.validate-every=2", Some(Training)),
        ("train.validation.overlap=0.25", Some(Training)),
        ("train.best.metric=\"iou\"", Some(Training)),
        ("train.best.structure=\"liver\"", Some(Training)),
        ("split={ every-nth = { n = 2, validation = 0.3 } }", Some(Training)),
        ("predict.mirror=true", Some(Prediction)),
        ("predict.overlap=0.25", Some(Prediction)),
        ("predict.blend=\"constant\"", Some(Prediction)),
        ("predict.threshold=0.4", Some(Prediction)),
        ("predict.weights=\"last\"", Some(Prediction)),
        ("predict.largest-component=[\"liver\"]", Some(Prediction)),
    ];
    for (set, expected) in rows {
        assert_eq!(first_changed(&before, &ids(&lab, &["--set", set])), *expected, "{set}");
    }
}

/// What the dataset's file says of its cases, and the cases themselves.
#[test]
fn the_dataset_changes_what_it_decides() {
    let rows: &[(&str, &str, Option<Stage>)] = &[
        ("[labels.merge]", "[labels]\nresample-labels = true\n\n[labels.merge]", Some(Training)),
        ("[labels.merge]", "[labels]\nbackground = [9]\n\n[labels.merge]", None),
        ("[labels.merge]", "[labels]\nignore = 9\n\n[labels.merge]", Some(Training)),
        ("[labels.merge]", "[labels]\nsurface-coordinates = \"lps\"\n\n[labels.merge]", Some(Training)),
        ("modality = \"ct\"", "modality = \"ct\"\nresample-channels = true", Some(Training)),
        ("modality = \"ct\"", "modality = \"ct\"\nspacing-mm = [2.0, 1.0, 1.0]", Some(Training)),
        ("[split.every-nth]", "[dicom]\nseries = \"axial\"\n\n[split.every-nth]", Some(Training)),
        ("[split.every-nth]", "[dicom]\nfill-gaps = true\n\n[split.every-nth]", Some(Training)),
        ("[split.every-nth]", "[dicom]\nstack = \"b-value 800\"\n\n[split.every-nth]", Some(Training)),
        ("name = \"liver\"\nvalue = 1", "name = \"liver\"\nvalue = 1\ncolor = \"#ff0000\"", None),
        ("root = \"set\"", "root = \"set\"\ndescription = \"synthetic\"\nlicence = \"CC0\"", None),
    ];
    let lab = Lab::new();
    let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let before = ids(&lab, &[]);
    for (from, to, expected) in rows {
        assert!(dataset.contains(from), "{from}");
        lab.write("datasets/tiny.toml", &dataset.replacen(from, to, 1));
        assert_eq!(first_changed(&before, &ids(&lab, &[])), *expected, "{to}");
    }
    // Another name of a structure is the same structure.
    lab.write("datasets/tiny.toml", &dataset.replace("\"spleen\"", "\"Milz\""));
    lab.write("experiments/tiny.toml", &TINY.replace("\"spleen\"", "\"Milz\""));
    assert_eq!(first_changed(&before, &ids(&lab, &[])), None, "a structure renamed");
}

/// A scored case's label decides its scores alone; its image, what is predicted; a training case decides everything.
#[test]
fn files_change_the_stages_that_read_them() {
    let lab = Lab::new();
    let before = ids(&lab, &[]);
    let plan = |key: &str| -> BTreeSet<String> {
        let shown = lab.end(&["show", "experiments/tiny.toml", "--plan", "--json"]);
        let plan: Value = serde_json::from_str(&shown.out).unwrap();
        let cases = plan["data"]["case"].as_array().unwrap().iter().filter(|case| case["role"] == key);
        cases.map(|case| case["name"].as_str().unwrap().to_owned()).collect()
    };
    let one = |role: &str| plan(role).into_iter().next().unwrap();
    let rows = [
        ("imagesTr", one("train"), Training),
        ("labelsTr", one("train"), Training),
        ("imagesTr", one("validation"), Training),
        ("imagesTr", one("test"), Prediction),
        ("labelsTr", one("test"), Evaluation),
    ];
    for (folder, case, expected) in rows {
        let file = lab.path(&format!("data/set/{folder}/{case}.nii.gz"));
        let original = fs::read(&file).unwrap();
        let mut image = segspec::volume::nifti::read_volume(&file).unwrap();
        // Nothing becomes something: no label loses its last voxel, none gets an unknown value.
        image.voxels[[0, 0, 0, 0]] = 1.0;
        segspec::volume::write_volume(&file, &image).unwrap();
        assert_eq!(first_changed(&before, &ids(&lab, &[])), Some(expected), "{folder} of {case}");
        fs::write(&file, original).unwrap();
    }
    assert_eq!(first_changed(&before, &ids(&lab, &[])), None, "the old files are back");
}

/// Times at which the files of a stage were written.
fn written(files: &[PathBuf]) -> Vec<std::time::SystemTime> {
    files.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap()).collect()
}

#[test]
fn another_prediction_lies_beside_the_first_and_trains_nothing() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let first = prediction(&run);
    let weights = [run.join("checkpoints/last/model.bpk"), run.join("checkpoints/best.safetensors")];
    let (trained, predicted) = (written(&weights), written(&[first.join("phantom_000.nii.gz")]));
    for set in ["predict.overlap=0.25", "predict.largest-component=[\"liver\"]", "predict.weights=\"last\""] {
        let ended = lab.run("tiny", &["--set", set]);
        assert!(!ended.err.contains("training:"), "{}", ended.err);
    }
    assert_eq!(lab.run_folder("tiny"), run);
    assert_eq!(sorted(&run.join("predictions")).len(), 4);
    assert_eq!((written(&weights), written(&[first.join("phantom_000.nii.gz")])), (trained, predicted));
    let listed = lab.end(&["ls", "tiny"]).out;
    assert!(listed.contains("prediction") && listed.matches("finished").count() == 4, "{listed}");
    // A report of the experiment as it is written shows its own prediction.
    let report = lab.end(&["report", "experiments/tiny.toml", "--json"]);
    let of_first: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(of_first["trials"].as_array().unwrap().len(), 1, "{}", report.out);
}

#[test]
fn renamed_structures_are_renamed_in_the_tables_and_nothing_is_computed_again() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let image = prediction(&run).join("phantom_000.nii.gz");
    let before = written(&[run.join("checkpoints/last/model.bpk"), image.clone()]);
    let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    lab.write("datasets/tiny.toml", &dataset.replace("\"spleen\"", "\"Milz\""));
    lab.write("experiments/tiny.toml", &TINY.replace("\"spleen\"", "\"Milz\""));
    let ended = lab.run("tiny", &[]);
    assert!(ended.out.contains("Milz") && !ended.out.contains("spleen"), "{}", ended.out);
    assert_eq!(written(&[run.join("checkpoints/last/model.bpk"), image]), before);
    let map = json(&prediction(&run).join("label_map.json"));
    assert_eq!(map["structures"][1]["name"], "Milz");
}

/// The folder alone, somewhere else, with the experiment and dataset files gone: the same weights, the same scores.
#[test]
fn a_copied_run_folder_runs_alone() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = results(&lab, "tiny");
    let run = lab.run_folder("tiny");
    let id = run.file_name().unwrap().to_owned();
    let other = lab.path("elsewhere/runs/tiny").join(&id);
    copy(&run, &other, &|name| name == "plan.toml");
    fs::rename(lab.path("data"), lab.path("moved")).unwrap();
    for gone in ["experiments", "datasets", "runs"] {
        fs::rename(lab.path(gone), lab.path(&format!("gone-{gone}"))).unwrap();
    }
    let arguments = ["run-plan", other.to_str().unwrap()];
    let ended = lab.end(&arguments);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("SEGSPEC_DATA"), "{}", ended.err);
    let ended = end(lab.command(&arguments).env("SEGSPEC_DATA", lab.path("moved")));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(is_finished(&other));
    fs::create_dir_all(lab.path("runs")).unwrap();
    fs::rename(lab.path("elsewhere/runs/tiny"), lab.path("runs/tiny")).unwrap();
    assert!(results(&lab, "tiny") == expected);
    // Once more there is nothing to do.
    let again = lab.path("runs/tiny").join(&id);
    let ended = end(lab.command(&["run-plan", again.to_str().unwrap()]).env("SEGSPEC_DATA", lab.path("moved")));
    assert!(ended.code == 0 && ended.err.contains("already finished"), "{}", ended.err);
}

/// Another voxel than the plan knows: refused, with the case and the remedy.
#[test]
fn a_plan_refuses_data_that_have_changed() {
    let lab = Lab::new();
    lab.run("tiny", &["--stop-after", "1"]);
    let run = lab.run_folder("tiny");
    let file = lab.path("data/set/imagesTr/phantom_001.nii.gz");
    let mut image = segspec::volume::nifti::read_volume(&file).unwrap();
    image.voxels[[0, 0, 0, 0]] += 1.0;
    segspec::volume::write_volume(&file, &image).unwrap();
    let ended = lab.end(&["run-plan", run.to_str().unwrap()]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    assert!(ended.err.contains("phantom_001") && ended.err.contains("its image"), "{}", ended.err);
}

fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) {
    for path in sorted(from) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            copy(&path, &to.join(&name), wanted);
        } else if wanted(&name) {
            fs::create_dir_all(to).unwrap();
            fs::copy(&path, to.join(&name)).unwrap();
        }
    }
}
