//! A run that was stopped, in any way and at any moment, ends with the numbers of one that was not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use segspec::random;

use crate::lab::{Lab, TINY, end, evaluation, events, images, is_finished, json, manifest, results, sorted, wait_for};

const FOLDS: [&str; 4] = ["run", "experiments/folds.toml", "--fold", "all"];

/// Two folds of eight short epochs, and batch norms: their running statistics must come back too.
fn folds() -> Lab {
    let lab = Lab::new();
    let spec = TINY.replace("[4, 8]", "[4, 8]\nnorm = \"batch\"").replace("epochs = 3", "epochs = 8");
    lab.write("experiments/folds.toml", &format!("{spec}\n[split.k-fold]\nfolds = 2\nvalidation = 0.34\n"));
    lab
}

fn assert_ok(lab: &Lab, arguments: &[&str]) {
    let ended = lab.end(arguments);
    assert_eq!(ended.code, 0, "{}", ended.err);
}

/// Runs that a process began and did not end.
fn cut_off(lab: &Lab) -> usize {
    let begun = |run: &&PathBuf| run.join("manifest.json").exists() && !is_finished(run);
    lab.run_folders("folds").iter().filter(begun).count()
}

/// How often a training went on after steps of an earlier process.
fn resumed(lab: &Lab) -> usize {
    let training = |run: &PathBuf| events(run, "training");
    let all = lab.run_folders("folds").iter().flat_map(training).collect::<Vec<_>>();
    all.iter().filter(|event| event["resumed-at-step"].as_u64() > Some(0)).count()
}

#[test]
fn killed_at_random_moments_all_folds_end_the_same() {
    let whole = folds();
    let start = Instant::now();
    assert_ok(&whole, &FOLDS);
    let length = start.elapsed();
    let expected = results(&whole, "folds");
    assert_eq!(expected.len(), 2);
    let mut hits = 0;
    for moment in 0..4 {
        let lab = folds();
        let part = random::stream(7, "kill", 0, moment).random_range(0.1..0.8);
        lab.kill_at(&FOLDS, |_| true, length.mul_f64(part));
        hits += cut_off(&lab);
        assert_ok(&lab, &FOLDS);
        assert!(results(&lab, "folds") == expected, "killed after {part} of the time");
    }
    assert!(hits > 0, "no kill fell into a run");
}

#[test]
fn killed_again_and_again_it_still_comes_to_the_same_end() {
    let whole = folds();
    assert_ok(&whole, &FOLDS);
    let lab = folds();
    let mut kills = 0;
    for attempt in 0..6 {
        let delay = Duration::from_millis(random::stream(8, "kill", 0, attempt).random_range(0..100));
        let seen = epochs(&lab);
        kills += usize::from(lab.kill_at(&FOLDS, |lab| epochs(lab) > seen, delay));
    }
    assert!(kills > 2, "{kills} kills");
    assert_ok(&lab, &FOLDS);
    assert!(resumed(&lab) > 1, "no kill fell into a training");
    assert!(results(&lab, "folds") == results(&whole, "folds"));
}

/// Epochs that all folds have finished, repeated ones counted again.
fn epochs(lab: &Lab) -> usize {
    lab.run_folders("folds").iter().map(|run| events(run, "epoch").len()).sum()
}

/// One step per epoch and much overlap: nearly all time goes into validation, and then into prediction.
#[test]
fn killed_while_validating_and_while_predicting() {
    let arguments = ["run", "experiments/slow.toml"];
    let slow = || {
        let lab = Lab::new();
        let spec = TINY.replace("steps-per-epoch = 3", "steps-per-epoch = 1").replace("epochs = 3", "epochs = 2");
        lab.write("experiments/slow.toml", &format!("{spec}\n[predict]\noverlap = 0.8\nweights = \"best\"\n"));
        lab
    };
    let whole = slow();
    assert_ok(&whole, &arguments);
    let lab = slow();
    let in_training = |lab: &Lab| lab.run_folders("slow").iter().any(|run| !events(run, "training").is_empty());
    assert!(lab.kill_at(&arguments, in_training, Duration::from_millis(60)));
    let run = lab.run_folder("slow");
    assert!(events(&run, "finished").is_empty() && images(&run).is_empty());
    let in_prediction = |lab: &Lab| !images(&lab.run_folder("slow")).is_empty();
    assert!(lab.kill_at(&arguments, in_prediction, Duration::ZERO));
    assert!(!evaluation(&run).join("scores.parquet").exists(), "killed too late");
    assert_ok(&lab, &arguments);
    assert!(results(&lab, "slow") == results(&whole, "slow"));
}

/// Forty steps per epoch, so that Ctrl-C falls between two of them; batch norms, and validation only at the end, so that
/// nothing but the save itself brings their running statistics up to date.
fn long() -> Lab {
    let lab = Lab::new();
    let spec = TINY
        .replace("steps-per-epoch = 3", "steps-per-epoch = 40")
        .replace("epochs = 3", "epochs = 2")
        .replace("validate-every = 1", "validate-every = 2")
        .replace("[4, 8]", "[4, 8]\nnorm = \"batch\"");
    lab.write("experiments/long.toml", &spec);
    lab
}

const LONG: [&str; 2] = ["run", "experiments/long.toml"];

pub fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_the_step_and_exits_with_130() {
    let whole = long();
    assert_ok(&whole, &LONG);
    let lab = long();
    let mut steps = Vec::new();
    for delay in [40, 80, 160] {
        let child = lab.command(&LONG).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = steps.len();
        assert!(wait_for(|| lab.run_folders("long").iter().any(|run| events(run, "training").len() > begun)));
        std::thread::sleep(Duration::from_millis(delay));
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("Run the same command to resume"), "{message}");
        let state = json(&lab.run_folder("long").join("checkpoints/last/state.json"));
        steps.push(state["step"].as_u64().unwrap());
    }
    assert!(steps.iter().any(|step| step % 40 > 0), "never within an epoch: {steps:?}");
    assert!(steps.is_sorted());
    assert_ok(&lab, &LONG);
    let run = lab.run_folder("long");
    assert_eq!(events(&run, "training").last().unwrap()["resumed-at-step"], *steps.last().unwrap());
    assert!(manifest(&run)["sessions"].as_array().unwrap().iter().all(|session| !session["ended"].is_null()));
    assert!(results(&lab, "long") == results(&whole, "long"), "stopped after {steps:?}");
}

#[test]
fn a_second_writer_is_refused_and_does_no_harm() {
    let lab = long();
    let mut first = lab.start(&LONG);
    assert!(wait_for(|| lab.run_folders("long").iter().any(|run| !events(run, "training").is_empty())));
    for arguments in [&["run", "experiments/long.toml"][..], &["run", "experiments/long.toml", "--fresh"]] {
        let second = lab.end(arguments);
        assert_eq!(second.code, 7, "{}", second.err);
        let named = second.err.contains(&format!("process {}", first.id())) && second.err.contains("lock");
        assert!(named, "{}", second.err);
    }
    assert!(first.wait().unwrap().success());
    assert_eq!(manifest(&lab.run_folder("long"))["sessions"].as_array().unwrap().len(), 1);
    assert!(!lab.run_folder("long").join("lock").exists());
}

#[test]
fn a_damaged_checkpoint_is_named_and_fresh_starts_over() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = results(&lab, "tiny");
    let run = lab.run_folder("tiny");
    let last = run.join("checkpoints/last");
    for name in ["model.bpk", "optim.bpk", "state.json"] {
        let whole = fs::read(last.join(name)).unwrap();
        let mut flipped = whole.clone();
        flipped.truncate(whole.len() - 40);
        for damaged in [&whole[..whole.len() / 2], &flipped, b""] {
            fs::write(last.join(name), damaged).unwrap();
            unfinish(&run);
            let ended = lab.end(&["run", "experiments/tiny.toml"]);
            assert_eq!(ended.code, 5, "{name} of {} bytes: {}", damaged.len(), ended.err);
            let clear = ended.err.contains(name)
                && ended.err.contains("damaged checkpoint")
                && ended.err.contains("to train this run again");
            assert!(clear, "{}", ended.err);
        }
        fs::write(last.join(name), &whole).unwrap();
    }
    fs::write(last.join("model.bpk"), b"").unwrap();
    lab.run("tiny", &["--fresh"]);
    assert!(results(&lab, "tiny") == expected);
}

/// Makes a finished run look like one that was cut off before its end.
pub fn unfinish(run: &Path) {
    let mut manifest = manifest(run);
    manifest["training"] = serde_json::Value::Null;
    manifest["predictions"] = serde_json::json!({});
    fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
}

/// A save that was cut off between its two renames left `last.previous`, or an unfinished `last.new` beside `last`.
#[test]
fn a_save_that_was_cut_off_loses_no_checkpoint() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = results(&lab, "tiny");
    let run = lab.run_folder("tiny");
    let checkpoints = run.join("checkpoints");
    for (from, to) in [("last", "last.previous"), ("last", "last")] {
        if from != to {
            fs::rename(checkpoints.join(from), checkpoints.join(to)).unwrap();
        }
        fs::create_dir_all(checkpoints.join("last.new")).unwrap();
        fs::write(checkpoints.join("last.new/model.bpk"), b"half").unwrap();
        unfinish(&run);
        lab.run("tiny", &[]);
        assert!(results(&lab, "tiny") == expected);
    }
    let resumed = events(&run, "training").into_iter().map(|event| event["resumed-at-step"].as_u64().unwrap());
    assert_eq!(resumed.collect::<Vec<_>>(), [0, 9, 9]);
}

#[test]
fn a_killed_data_set_is_made_again() {
    let whole = Lab::new();
    whole.run("tiny", &["--dry-run"]);
    let lab = Lab::new();
    lab.kill_at(&["run", "experiments/tiny.toml"], |lab| lab.path("data").exists(), Duration::ZERO);
    lab.run("tiny", &["--dry-run"]);
    let names = |lab: &Lab| sorted(&lab.path("data/set/imagesTr")).len();
    let ids = |lab: &Lab| lab.dry_run("tiny", &[]).into_iter().map(|run| run["id"].clone()).collect::<Vec<_>>();
    assert_eq!((names(&lab), ids(&lab)), (names(&whole), ids(&whole)));
    let ended = end(&mut lab.command(&["dataset", "check", "tiny"]));
    assert!(ended.out.contains("6 usable cases"), "{}", ended.out);
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

/// What was put into the folder of a run that is not finished: the checkpoint of another run, best weights of another content, a
/// checkpoint of an earlier version.
#[test]
fn a_checkpoint_of_another_run_is_refused_before_training_goes_on() {
    let lab = Lab::new();
    let begin = ["run", "experiments/tiny.toml", "--stop-after", "1"];
    assert_ok(&lab, &begin);
    let first = lab.run_folder("tiny");
    assert_ok(&lab, &[&begin[..], &["--set", "seed=5"]].concat());
    let second = lab.run_folders("tiny").into_iter().find(|run| *run != first).unwrap();
    let own = lab.path("own");
    copy(&second.join("checkpoints"), &own);
    let id = first.file_name().unwrap().to_string_lossy().into_owned();
    let again = || lab.end(&["run", "experiments/tiny.toml", "--set", "seed=5"]);
    let put = |from: &Path| {
        fs::remove_dir_all(second.join("checkpoints")).unwrap();
        copy(from, &second.join("checkpoints"));
    };
    put(&first.join("checkpoints"));
    let ended = again();
    assert!(ended.code != 0 && ended.err.contains(&format!("checkpoint of the run {id}")), "{}", ended.err);
    assert!(ended.err.contains("delete the folder"), "{}", ended.err);
    assert_eq!(json(&second.join("checkpoints/last/state.json"))["history"].as_array().unwrap().len(), 1);
    put(&own);
    fs::write(second.join("checkpoints/best.safetensors"), "other weights").unwrap();
    let ended = again();
    assert!(ended.code != 0 && ended.err.contains("best.safetensors: damaged checkpoint"), "{}", ended.err);
    assert_eq!(json(&second.join("checkpoints/last/state.json"))["history"].as_array().unwrap().len(), 1);
    put(&own);
    let place = second.join("checkpoints/last/state.json");
    let mut state = json(&place);
    assert!(state.as_object_mut().unwrap().remove("training").is_some());
    fs::write(&place, state.to_string()).unwrap();
    let ended = again();
    assert!(ended.code == 0 && ended.err.contains("without the id of its run"), "{}", ended.err);
    assert_eq!(json(&place)["training"].as_str(), second.file_name().unwrap().to_str());
}
