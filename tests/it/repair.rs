//! Finished runs whose files were damaged: what can be made again is made again, the rest names its remedy.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::{Lab, evaluation, images, json, prediction, scores, sorted};

/// Every file of a finished run that can be made again, and its content.
fn results(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = images(run);
    files.extend(["scores.parquet", "scores.csv", "report/panels.json"].map(|name| evaluation(run).join(name)));
    // Charts come back with `segspec report`.
    let listed = fs::read_to_string(evaluation(run).join("report/panels.json")).unwrap();
    let is_panel = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".png") && listed.contains(&name)
    };
    files.extend(sorted(&evaluation(run).join("report")).into_iter().filter(is_panel));
    files.push(prediction(run).join("label_map.json"));
    files.push(run.join("history.parquet"));
    files.push(run.join("training_history.json"));
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

#[test]
fn what_is_deleted_or_damaged_comes_back_byte_for_byte() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let before = results(&run);
    assert!(before.len() >= 8, "{before:?}");
    let manifest = json(&run.join("manifest.json"));
    for (file, content) in &before {
        for damage in ["deleted", "emptied", "overwritten"] {
            let readable = file.extension().is_some_and(|it| it == "csv" || it == "png" || it == "gz");
            match damage {
                "deleted" => fs::remove_file(file).unwrap(),
                "emptied" => fs::write(file, "").unwrap(),
                // Only the content of tables is looked at when nothing else is to be done.
                _ if readable || file.ends_with("training_history.json") => continue,
                _ => fs::write(file, "rubbish").unwrap(),
            }
            if file.ends_with("training_history.json") {
                // Written beside the table.
                fs::remove_file(run.join("history.parquet")).unwrap();
            }
            let ended = lab.run("tiny", &[]);
            let now = fs::read(file).unwrap_or_default();
            assert!(now == *content, "{} {damage}: not as before\n{}", file.display(), ended.err);
        }
    }
    assert_eq!(json(&run.join("manifest.json"))["predictions"], manifest["predictions"]);
    assert!(!scores(&run).is_empty());
    // Nothing to do any more.
    assert!(!lab.run("tiny", &[]).err.contains("recomputed"));
}

#[test]
fn a_prediction_that_was_exchanged_is_predicted_again_before_it_is_scored() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let files: Vec<PathBuf> = images(&run);
    assert!(files.len() > 1, "{files:?}");
    let (before, expected) = (fs::read(&files[0]).unwrap(), scores(&run));
    fs::copy(&files[1], &files[0]).unwrap();
    // The scores are computed again from the predictions.
    fs::remove_file(evaluation(&run).join("scores.parquet")).unwrap();
    let ended = lab.run("tiny", &[]);
    assert!(ended.err.contains("changed since it was written"), "{}", ended.err);
    assert!(fs::read(&files[0]).unwrap() == before);
    assert!(scores(&run) == expected);
}

#[test]
fn pretrained_weights_of_a_run_must_be_those_that_it_wrote() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let best = run.join("checkpoints/best.safetensors");
    let setting = format!("pretrained.from-run={:?}", run.to_str().unwrap());
    lab.run("tiny", &["--set", &setting, "--dry-run"]);
    let mut bytes = fs::read(&best).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&best, bytes).unwrap();
    let refused = lab.end(&["run", "experiments/tiny.toml", "--set", &setting, "--dry-run"]);
    assert!(
        refused.code != 0 && refused.err.contains("best.safetensors") && refused.err.contains("changed"),
        "{}",
        refused.err
    );
}

#[test]
fn a_run_that_was_moved_keeps_its_cache_and_a_dot_names_its_folder() {
    let lab = Lab::new();
    lab.run("tiny", &["--stop-after", "1"]);
    let run = lab.run_folder("tiny");
    let moved = lab.path("elsewhere/deep/run");
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::rename(&run, &moved).unwrap();
    let mut command = lab.command(&["run-plan", "."]);
    let ended = crate::lab::end(command.current_dir(&moved).env("SEGSPEC_DATA", lab.path("data")));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(moved.join(".cache").is_dir() && !lab.path("elsewhere/.cache").exists());
    assert!(!sorted(&moved).iter().any(|path| path.join("tiny").exists()));
}

#[test]
fn folders_that_cannot_be_read_are_listed_with_the_remedy() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let plans = [run.join("plan.toml"), prediction(&run).join("plan.toml")];
    let whole = plans.clone().map(|plan| fs::read(plan).unwrap());
    for damage in ["rubbish = [", "", "format = 2\n"] {
        plans.iter().for_each(|plan| fs::write(plan, damage).unwrap());
        let listed = lab.end(&["ls"]);
        assert!(listed.out.contains("unreadable") && listed.out.contains("run the experiment again"), "{}", listed.out);
        let listed: serde_json::Value = serde_json::from_str(&lab.end(&["ls", "--json"]).out).unwrap();
        assert_eq!(listed[0]["status"], "unreadable");
        assert_eq!(listed[0]["id"], run.file_name().unwrap().to_string_lossy().as_ref());
    }
    lab.run("tiny", &[]);
    assert_eq!(plans.clone().map(|plan| fs::read(plan).unwrap()), whole);
    // Without any plan the folder is still one of a run.
    plans.iter().for_each(|plan| fs::remove_file(plan).unwrap());
    assert!(lab.end(&["ls"]).out.contains("unreadable"));
    // A damaged score table names what makes it again.
    lab.run("tiny", &[]);
    fs::write(evaluation(&run).join("scores.parquet"), "rubbish").unwrap();
    let reported = lab.end(&["report", "experiments/tiny.toml"]);
    assert!(reported.code != 0 && reported.err.contains("running its experiment again"), "{}", reported.err);
}
