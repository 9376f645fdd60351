//! What is said to a person who gives a name, a folder, a plan or an option where something else belongs, and how runs and
//! predictions with other settings are told apart.

use std::fs;

use crate::lab::{Lab, prediction};

fn refused(lab: &Lab, arguments: &[&str], code: i32, parts: &[&str]) {
    let ended = lab.end(arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
    for part in parts {
        assert!(ended.err.contains(part), "{arguments:?}: `{part}` is not in\n{}", ended.err);
    }
}

#[test]
fn names_stand_for_files_and_unknown_ones_for_no_file() {
    let lab = Lab::new();
    for arguments in [["check", "tiny"], ["show", "tiny"]] {
        assert_eq!(lab.end(&arguments).code, 0, "{arguments:?}");
    }
    fs::rename(lab.path("datasets/tiny.toml"), lab.path("datasets/small.toml")).unwrap();
    assert!(lab.end(&["check", "small"]).out.contains("1 dataset ok"));
    for command in ["check", "show", "run", "bench"] {
        refused(&lab, &[command, "other"], 3, &["`experiments/other.toml`", "no such file"]);
    }
}

#[test]
fn plans_and_run_folders_are_no_experiments() {
    let lab = Lab::new();
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let run = lab.run_folder("tiny").strip_prefix(lab.path("")).unwrap().display().to_string();
    let remedy = format!("`segspec run-plan {run}`");
    for command in ["check", "show", "run"] {
        refused(&lab, &[command, &format!("{run}/plan.toml")], 3, &["the plan of a run", &remedy]);
    }
    refused(&lab, &["run", &run], 3, &["it is a folder", &remedy]);
}

#[test]
fn files_of_another_kind_are_named_for_what_they_are() {
    let lab = Lab::new();
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let run = lab.run_folder("tiny").strip_prefix(lab.path("")).unwrap().display().to_string();
    let data = lab.path("data").read_dir().unwrap().next().unwrap().unwrap().path();
    let images = data.strip_prefix(lab.path("")).unwrap().display().to_string();
    let in_run = |name: &str| format!("{run}/{name}");
    for (file, parts) in [
        ("datasets/tiny.toml".to_owned(), ["a dataset file, not an experiment", "segspec dataset check"]),
        (in_run("manifest.json"), ["is JSON, not a spec", "segspec report RUN"]),
        (in_run("events.jsonl"), ["a log or the journal", "segspec sweep replay"]),
        (in_run("history.parquet"), ["a table of results", "segspec report RUN"]),
        (in_run("checkpoints/best.safetensors"), ["a file of weights", "[pretrained]"]),
        (images, ["it is a folder", "segspec new --from data/"]),
    ] {
        refused(&lab, &["run", &file], 3, &parts);
    }
    refused(&lab, &["dataset", "check", "experiments/tiny.toml"], 3, &["an experiment, not a dataset", "`tiny`"]);
}

#[test]
fn what_a_new_user_stumbled_over() {
    let lab = Lab::new();
    // Names with a dot, as `new` writes them.
    fs::copy(lab.path("experiments/tiny.toml"), lab.path("experiments/tiny.small.toml")).unwrap();
    assert_eq!(lab.end(&["check", "tiny.small"]).code, 0);
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let run = lab.run_folder("tiny");
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    // One trial is ranked by its structures.
    for arguments in [["rank", "tiny", "--set", "train.epochs=1"], ["rank", &id, "--output", "r"]] {
        let ended = lab.end(&arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    }
    refused(&lab, &["tag", &id[..3], "good"], 4, &["needs 4 characters or more"]);
    // Tags outlive a fresh start.
    assert_eq!(lab.end(&["tag", &id, "paper"]).code, 0);
    lab.run("tiny", &["--set", "train.epochs=1", "--fresh"]);
    assert!(lab.end(&["ls", "--tag", "paper"]).out.contains(&id));
    // The source is not replaced.
    let image = fs::read_dir(lab.path("data/set/imagesTr")).unwrap().next().unwrap().unwrap().path();
    let image = image.display().to_string();
    refused(&lab, &["convert", &image, &image], 2, &["would replace the source"]);
    // An image is not taken for labels.
    let mut volume = segspec::volume::read_volume(image.as_ref()).unwrap();
    volume.voxels.mapv_inplace(|value| value.round() + 1024.0);
    segspec::volume::write_volume(&lab.path("mr.nii.gz"), &volume).unwrap();
    refused(&lab, &["convert", "mr.nii.gz", "x.seg.nrrd"], 4, &["as an image does; add --labels"]);
    refused(&lab, &["dataset", "check", "data/set"], 2, &["segspec new --from data/set"]);
    refused(&lab, &["ls", "tiney"], 4, &["did you mean `tiny`?"]);
    refused(&lab, &["status", "nothing"], 4, &["nothing of an experiment `nothing`"]);
    let compared = lab.end(&["compare", &id, &id]);
    assert_eq!(compared.code, 0, "{}", compared.err);
}

#[test]
fn a_run_is_named_by_its_experiment_where_that_has_only_one() {
    let lab = Lab::new();
    lab.run("tiny", &["--set", "train.epochs=1"]);
    for name in ["tiny", "experiments/tiny.toml"] {
        assert_eq!(lab.end(&["tag", name, "good"]).code, 0, "{name}");
    }
    refused(&lab, &["tag", "tiney", "good"], 4, &["no such run folder; did you mean `tiny`?"]);
    refused(&lab, &["tag", "datasets/tiny.toml/x", "good"], 4, &["no such run folder"]);
    lab.run("tiny", &["--set", "train.epochs=1", "--set", "seed=7"]);
    refused(&lab, &["tag", "tiny", "good"], 4, &["tiny has 2 runs, name one of them", "runs/tiny/"]);
}

#[test]
fn words_and_options_of_other_tools_get_a_hint() {
    let lab = Lab::new();
    for (word, hint) in [
        ("rerun", "segspec reproduce RUN"),
        ("train", "segspec run FILE"),
        ("infer", "segspec predict RUN"),
        ("plot", "segspec compare A B"),
        ("clean", "segspec rm RUN"),
    ] {
        refused(&lab, &[word], 2, &["hint: ", hint]);
    }
    let set = "--set=predict.overlap=0.25";
    refused(
        &lab,
        &["predict", "tiny", set, "--input", "a", "--output", "b"],
        2,
        &["hint: `segspec run FILE --set predict."],
    );
    let split = "split.k-fold.validation=0.1";
    refused(
        &lab,
        &["check", "tiny", "--set", split],
        3,
        &["missing key `folds`", "replaces the dataset's split as a whole"],
    );
}

#[test]
fn other_settings_of_a_training_and_of_its_prediction_are_named() {
    let lab = Lab::new();
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let first = lab.run_folder("tiny");
    let further = ["--set", "train.epochs=1", "--set", "predict.overlap=0.25"];
    assert_eq!(lab.dry_run("tiny", &further)[0]["status"], "trained");
    let listed = lab.run("tiny", &[&further[..], &["--dry-run"]].concat()).out;
    assert!(listed.contains("trained; prediction missing") && listed.contains('–'), "{listed}");
    lab.run("tiny", &further);
    let listed = lab.end(&["ls"]).out;
    assert!(listed.contains("overlap=0.25") && listed.contains("overlap=0.5"), "{listed}");
    let reported = lab.end(&["report", &first.display().to_string()]).out;
    assert!(reported.contains("this one has overlap=0.25"), "{reported}");
    lab.run("tiny", &["--set", "train.epochs=2", "--set", "predict.overlap=0.25"]);
    let runs: Vec<String> = lab.run_folders("tiny").iter().map(|run| run.display().to_string()).collect();
    let compared = lab.end(&["report", &runs[0], &runs[1], "--output", "both"]).out;
    assert!(compared.contains(" epochs=1 ") && compared.contains(" epochs=2 "), "{compared}");
    assert!(!compared.contains("overlap"), "{compared}");
}

#[test]
fn a_deleted_last_checkpoint_of_a_finished_run_names_the_remedies() {
    let lab = Lab::new();
    let last = ["--set", "predict.weights=last"];
    lab.run("tiny", &last);
    let run = lab.run_folder("tiny");
    fs::remove_dir_all(run.join("checkpoints/last")).unwrap();
    fs::remove_dir_all(prediction(&run)).unwrap();
    let parts = ["checkpoints/last is missing", "predict.weights = \"best\"", "--fresh", "error: 1 of 1 runs failed"];
    refused(&lab, &[&["run", "tiny"][..], &last].concat(), 4, &parts);
    let text = lab.end(&[&["run", "tiny"][..], &last].concat()).err;
    assert_eq!(text.matches("is missing").count(), 1, "{text}");
    lab.run("tiny", &["--set", "predict.weights=best"]);
}
