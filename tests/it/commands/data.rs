//! `prepare`, `preview`, `show`, `dataset fingerprint`, `evaluate --dataset` and `new`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{json, segspec, workspace};

#[test]
fn prepare_computes_once() {
    let folder = workspace();
    let first = json(folder.path(), &["prepare", "experiments/tiny.toml"]);
    assert_eq!((first["computed"].as_u64(), first["cached"].as_u64()), (Some(6), Some(0)));
    let (code, out, _) = segspec(folder.path(), &["prepare", "experiments/tiny.toml"]);
    assert_eq!((code, out.as_str()), (0, "0 cases computed, 6 from the cache, 0 excluded (runs/.cache)\n"));
    // Another split has other training cases, so other statistics; its folds share one preprocessing.
    let folds = ["prepare", "experiments/tiny.toml", "--set", "split.k-fold.folds=3"];
    let all = json(folder.path(), &folds);
    assert_eq!((all["runs"].as_u64(), all["computed"].as_u64(), all["cached"].as_u64()), (Some(3), Some(6), Some(0)));
    let other = json(folder.path(), &["prepare", "experiments/tiny.toml", "--set", "preprocess.crop=body"]);
    assert_eq!(other["computed"].as_u64(), Some(6));
}

#[test]
fn a_case_that_cannot_be_read_is_counted_as_excluded() {
    let folder = workspace();
    fs::write(folder.path().join("data/set/imagesTr/phantom_003.nii.gz"), b"no image").unwrap();
    let tally = json(folder.path(), &["prepare", "experiments/tiny.toml"]);
    assert_eq!((tally["computed"].as_u64(), tally["excluded"][0]["case"].as_str()), (Some(5), Some("phantom_003")));
}

#[test]
fn preview_is_one_picture_and_the_same_each_time() {
    let folder = workspace();
    let preview = |output: &str| {
        let arguments = ["preview", "experiments/tiny.toml", "--cases", "2", "--output", output];
        let printed = json(folder.path(), &arguments);
        (printed, fs::read(folder.path().join(output)).unwrap())
    };
    let (printed, picture) = preview("a.png");
    assert_eq!(printed["cases"].as_array().map(Vec::len), Some(2));
    // Four cases train, and each is dealt once before any is dealt again.
    let mut dealt: Vec<&str> =
        printed["patches"].as_array().unwrap().iter().take(2).map(|name| name.as_str().unwrap()).collect();
    dealt.dedup();
    assert_eq!(dealt.len(), 2);
    assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(
        preview("b.png"),
        (serde_json::json!({ "picture": "b.png", "cases": printed["cases"], "patches": printed["patches"] }), picture)
    );
}

#[test]
fn preview_shows_each_transform_alone() {
    let folder = workspace();
    let arguments =
        ["preview", "experiments/tiny.toml", "--augment", "--set", "augment.preset=nnu-net", "--output", "a.png"];
    let printed = json(folder.path(), &arguments);
    // Mirroring, rotation, zoom and seven changes of intensity, six patches each.
    assert_eq!(printed["patches"].as_array().map(Vec::len), Some(60));
    assert_eq!(printed["cases"].as_array().map(Vec::len), Some(0));
    assert!(fs::metadata(folder.path().join("a.png")).unwrap().len() > 10_000);
}

#[test]
fn show_says_what_auto_becomes_where_the_data_is() {
    let folder = workspace();
    let show = |more: &[&str]| segspec(folder.path(), &[&["show", "experiments/tiny.toml"], more].concat());
    let line =
        |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    // Images are not opened for it.
    let (code, out, err) = show(&[]);
    assert!(code == 0 && err.contains("has not been read yet") && !out.contains("# auto:"), "{err}");
    assert_eq!(show(&["--plan"]).0, 0);
    let (code, out, err) = show(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(line(&out, "blocks"), "blocks = \"auto\"  # auto: [2, 2] (nnU-Net's plain encoder)");
    assert!(line(&out, "spacing-mm").contains("# auto: [1") && line(&out, "intensity").contains("ct = "), "{out}");
    assert!(line(&out, "weights").contains("auto: \"best\""), "{out}");
    let plain = toml::from_str::<toml::Table>(&out).unwrap();
    assert!(line(&show(&["--origin"]).1, "blocks").ends_with("(nnU-Net's plain encoder); default"));
    let plan: toml::Table = toml::from_str(&show(&["--plan"]).1).unwrap();
    let cases = plan["data"]["case"].as_array().unwrap();
    assert_eq!(cases.iter().filter(|case| case["role"].as_str() == Some("train")).count(), 2);
    assert!(!show(&["--no-data"]).1.contains("auto:"));
    fs::rename(folder.path().join("data"), folder.path().join("gone")).unwrap();
    let (code, out, err) = show(&[]);
    assert!(code == 0 && err.contains("the data is not at data/set"), "{err}");
    assert_eq!(toml::from_str::<toml::Table>(&out).unwrap(), plain);
    assert_eq!(show(&["--plan"]).0, 4);
}

#[test]
fn a_fingerprint_holds_what_a_bare_experiment_is_planned_with() {
    let folder = workspace();
    let found = json(folder.path(), &["dataset", "fingerprint", "set"]);
    let channel = &found["channels"][0];
    assert!(channel["p00-5"].as_f64() < channel["mean"].as_f64() && found["usable"] == 6, "{found}");
    fs::write(folder.path().join("experiments/bare.toml"), "dataset = \"set\"\n").unwrap();
    let plan = json(folder.path(), &["show", "experiments/bare.toml", "--plan"])["work"]["train"].clone();
    for (key, place) in [
        ("train.patch-size", &plan["train"]["patch-size"]),
        ("train.batch-size", &plan["train"]["batch-size"]),
        ("preprocess.spacing-mm", &plan["preprocess"]["spacing-mm"]),
        ("preprocess.intensity", &plan["preprocess"]["intensity"]),
        ("model.unet.strides", &plan["model"]["unet"]["strides"]),
    ] {
        assert_eq!(&found["auto"][key], place, "{key}");
    }
    let (code, text, _) = segspec(folder.path(), &["dataset", "fingerprint", "set"]);
    assert!(
        code == 0 && text.contains("Intensities of labelled voxels") && text.contains("train.patch-size"),
        "{text}"
    );
}

#[test]
fn datasets_are_checked_with_carets_and_evaluated_by_name() {
    let folder = workspace();
    let place = folder.path();
    let file = place.join("datasets/set.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[labels.merge]\nkidneys = [\"left-kidney\", \"right-kidney\"]\n")).unwrap();
    let score = |more: &[&str]| {
        let labels = "data/set/labelsTr";
        let base = ["evaluate", "--reference", labels, "--prediction", labels, "--dataset", "set"];
        segspec(place, &[&base, more].concat())
    };
    let (code, out, _) = score(&["--structures", "kidneys,liver", "--json"]);
    let printed: serde_json::Value = serde_json::from_str(&out).unwrap();
    let names: Vec<&str> =
        printed["structures"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!((code, names), (0, vec!["kidneys", "liver"]));
    let (code, _, err) = score(&["--structures", "kidney"]);
    assert!(code == 2 && err.contains("did you mean `kidneys`?"), "{err}");
    fs::write(&file, text.replace("modality", "modalty")).unwrap();
    for arguments in [vec!["dataset", "check", "set"], vec!["dataset", "fingerprint", "set"]] {
        let (code, _, err) = segspec(place, &arguments);
        assert!(code == 3 && err.contains("did you mean `modality`?") && err.contains("datasets/set.toml:"), "{err}");
    }
    assert_eq!(score(&[]).0, 3);
}

#[test]
fn what_new_writes_passes_check_and_runs() {
    let folder = workspace();
    runs(folder.path(), "experiments/set.toml");
    let recipe = fs::read_to_string(folder.path().join("experiments/set.toml")).unwrap();
    assert!(
        recipe.contains("`labels.mirror-pairs`") && recipe.contains("mirror = [\"depth\", \"height\", \"width\"]"),
        "{recipe}"
    );
}

#[test]
fn new_understands_the_hippocampus_set() {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("SEGSPEC_TEST_DATA").map_or(default, PathBuf::from).join("hippocampus");
    if !data.is_dir() {
        println!("skipped: no hippocampus images at {}", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = segspec(folder.path(), &["new", "--from", data.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    runs(folder.path(), "experiments/hippocampus.toml");
}

/// Checks an experiment as it is and tries it out with a narrow network, which leaves everything else as written.
fn runs(place: &Path, experiment: &str) {
    let (code, _, err) = segspec(place, &["check", experiment]);
    assert_eq!(code, 0, "{err}");
    let narrow = ["--set", "model.unet.features=[4,8,8]", "--set", "train.batch-size=2"];
    let (code, out, err) = segspec(place, &[&["run", experiment, "--smoke"], &narrow[..]].concat());
    assert!(code == 0 && out.contains("mean"), "{out}{err}");
}
