//! What becomes of the runs of an experiment when some of them fail, when many processes start at once, and when a training is paused
//! or goes on for longer.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::lab::{Lab, TINY, evaluation, events, is_finished, json, manifest, prediction, results, weights};

/// Six trials, the second of which diverges.
const SWEEP: &str = r#"
extends = ["tiny.toml"]
model.unet.norm = "none"

[train]
epochs = 1
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-3, 1e30, 2e-3]
seeds = [0, 1]
"#;

fn broken(lab: &Lab) {
    // One case whose label is cut off: it is left out of every run, and reported.
    lab.run("tiny", &["--dry-run"]);
    let label = lab.path("data/set/labelsTr/phantom_005.nii.gz");
    let bytes = fs::read(&label).unwrap();
    fs::write(&label, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn failing_trials_stop_neither_the_others_nor_the_report() {
    let lab = Lab::new();
    lab.write("experiments/sweep.toml", SWEEP);
    broken(&lab);
    let ended = lab.end(&["run", "experiments/sweep.toml"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    // Each reason is told once, when its run fails; the end names the runs.
    let (before, last) = ended.err.split_once("error: ").unwrap();
    assert_eq!(before.matches("lower the learning rate").count(), 2, "{before}");
    assert!(last.contains("2 of 6 runs failed") && !last.contains("lower the learning rate"), "{last}");
    assert_eq!(last.matches("learning-rate=1e+30").count(), 2, "{last}");
    let states = |lab: &Lab| -> Vec<(String, bool)> {
        let state = |run: &std::path::PathBuf| (run.display().to_string(), is_finished(run));
        lab.run_folders("sweep").iter().map(state).collect()
    };
    let before = states(&lab);
    assert_eq!(before.iter().filter(|(_, finished)| *finished).count(), 4);
    // Every run names the case that it left out.
    for run in lab.run_folders("sweep").iter().filter(|run| is_finished(run)) {
        assert_eq!(json(&prediction(run).join("excluded.json"))[0]["case"], "phantom_005");
    }
    let page = fs::read_to_string(lab.path("reports/sweep/report.html")).unwrap();
    assert!(page.contains("learning-rate=0.001") && page.contains("learning-rate=0.002"));
    let text = "2 of 6 runs have no scores";
    assert!(
        page.contains(text) && page.contains("failed: the loss became") && ended.out.contains(text),
        "{}",
        ended.out
    );
    let listed = lab.end(&["ls", "sweep"]).out;
    assert!(listed.matches("failed: ").count() == 2 && listed.contains("lower the learning rate"), "{listed}");
    // Only what is missing is tried again.
    let sessions = |run: &Path| manifest(run)["sessions"].as_array().unwrap().len();
    let again = lab.end(&["run", "experiments/sweep.toml"]);
    assert_eq!((again.code, again.err.matches("already finished, skipped").count()), (5, 4), "{}", again.err);
    for run in lab.run_folders("sweep") {
        assert_eq!(sessions(&run), if is_finished(&run) { 1 } else { 2 }, "{}", run.display());
    }
    assert_eq!(states(&lab), before);
}

#[test]
fn what_builds_on_a_failed_run_fails_with_it_and_names_it() {
    let lab = Lab::new();
    let text = SWEEP.replace("[1e-3, 1e30, 2e-3]", "[1e30]");
    lab.write("experiments/mean.toml", &format!("{text}\n[ensemble]\nseeds = true\n"));
    let ended = lab.end(&["run", "experiments/mean.toml"]);
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains("3 of 3 runs failed") && ended.err.contains("depends on run"), "{}", ended.err);
}

/// Starts many processes with the same arguments; how each ended, with what it wrote to standard error.
fn start_many(lab: &Lab, arguments: &[&str], count: usize) -> Vec<(i32, String)> {
    let log = |number: usize| lab.path(&format!("{number}.log"));
    let start = |number: usize| {
        let errors = fs::File::create(log(number)).unwrap();
        lab.command(arguments).stdout(Stdio::null()).stderr(errors).spawn().unwrap()
    };
    let children: Vec<Child> = (0..count).map(start).collect();
    let end = |(number, mut child): (usize, Child)| {
        let code = child.wait().unwrap().code().unwrap_or(-1);
        (code, fs::read_to_string(log(number)).unwrap())
    };
    children.into_iter().enumerate().map(end).collect()
}

/// Each run was done by one process, once, and nobody left a lock.
fn done_once(lab: &Lab, experiment: &str, runs: usize) {
    let folders = lab.run_folders(experiment);
    assert_eq!(folders.len(), runs);
    for run in folders {
        assert!(is_finished(&run), "{}", run.display());
        assert_eq!(events(&run, "finished").len(), 1, "{}", run.display());
        assert_eq!(manifest(&run)["sessions"].as_array().unwrap().len(), 1, "{}", run.display());
        assert!(!run.join("lock").exists(), "{}", run.display());
    }
}

#[test]
fn many_simultaneous_starts_do_each_run_once() {
    for (name, text, runs) in [("one", TINY.to_owned(), 1), ("sweep", SWEEP.replace("1e30, ", ""), 4)] {
        let lab = Lab::new();
        lab.write(&format!("experiments/{name}.toml"), &text);
        lab.run(name, &["--dry-run"]);
        let ended = start_many(&lab, &["run", &format!("experiments/{name}.toml")], 100);
        // Whoever found a run in others' hands at the end says so.
        let odd: Vec<_> = ended.iter().filter(|(code, _)| ![0, 7].contains(code)).collect();
        assert!(odd.is_empty() && ended.iter().any(|(code, _)| *code == 0), "{odd:#?}");
        done_once(&lab, name, runs);
    }
}

#[test]
fn a_paused_training_goes_on_as_if_it_had_never_been_paused() {
    let whole = Lab::new();
    whole.run("tiny", &[]);
    let lab = Lab::new();
    for epochs in ["1", "2"] {
        let ended = lab.run("tiny", &["--stop-after", epochs]);
        assert!(ended.err.contains(&format!("paused after epoch {epochs}")), "{}", ended.err);
        let run = lab.run_folder("tiny");
        assert!(!is_finished(&run) && events(&run, "epoch").len() == epochs.parse::<usize>().unwrap());
        assert_eq!(lab.dry_run("tiny", &[])[0]["status"], "resumable");
    }
    lab.run("tiny", &[]);
    assert!(results(&lab, "tiny") == results(&whole, "tiny"));
}

fn with_schedule(lab: &Lab, schedule: &str) {
    let text = format!("{TINY}\n[train.schedule.{schedule}]\n");
    lab.write("experiments/long.toml", &text.replace("validate-every = 1", "validate-every = 3"));
}

#[test]
fn a_finished_training_goes_on_for_more_epochs_where_its_schedule_allows_it() {
    let lab = Lab::new();
    with_schedule(&lab, "constant");
    lab.run("long", &[]);
    let short = lab.run_folder("long");
    let from = short.to_str().unwrap();
    lab.run("long", &["--set", "train.epochs=6", "--continue-from", from]);
    let longer = lab.run_folders("long").into_iter().find(|run| *run != short).unwrap();
    assert_eq!(events(&longer, "training")[0]["resumed-at-step"], 9);
    let continued = manifest(&longer)["continued_from"].clone();
    assert_eq!((continued["run_id"].as_str(), &continued["epochs"]), (short.file_name().unwrap().to_str(), &3.into()));
    // The same as six epochs in one go.
    let whole = Lab::new();
    with_schedule(&whole, "constant");
    whole.run("long", &["--set", "train.epochs=6"]);
    assert_eq!(weights(&whole.run_folder("long")), weights(&longer));
    // Done before: nothing to do, and no harm.
    let again = lab.run("long", &["--set", "train.epochs=6", "--continue-from", from]);
    assert!(again.err.contains("already finished"), "{}", again.err);
    assert!(evaluation(&longer).join("scores.csv").is_file());
}

#[test]
fn a_training_that_would_have_gone_another_way_is_not_continued() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("polynomial", &["train.epochs=6"], "its learning rate depends on `train.epochs`"),
        ("constant", &["train.epochs=2"], "raise `train.epochs`"),
        ("constant", &["train.epochs=6", "model.unet.features=[4,4]"], "model.unet.features"),
        ("constant", &["train.epochs=6", "seed=3"], "seed"),
    ];
    let mut labs: Vec<(&str, Lab)> = Vec::new();
    for (schedule, sets, reason) in rows {
        if labs.iter().all(|(known, _)| known != schedule) {
            let lab = Lab::new();
            with_schedule(&lab, schedule);
            lab.run("long", &[]);
            labs.push((schedule, lab));
        }
        let lab = &labs.iter().find(|(known, _)| known == schedule).unwrap().1;
        let run = lab.run_folders("long")[0].clone();
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
        let further = ["--continue-from", run.to_str().unwrap()];
        let ended = lab.end(&[&["run", "experiments/long.toml"], &sets[..], &further].concat());
        assert_eq!(ended.code, 3, "{}", ended.err);
        assert!(ended.err.contains(reason), "{}", ended.err);
        assert_eq!(lab.run_folders("long").len(), 1, "nothing was begun");
    }
}

/// Weights that are not those that predicted are not used in silence.
#[test]
fn damaged_weights_and_checkpoints_are_noticed() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let run = lab.run_folder("tiny");
    let predict = || lab.end(&["predict", run.to_str().unwrap(), "--input", "data/set/imagesTr", "--output", "out"]);
    assert_eq!(predict().code, 0);
    let best = run.join("checkpoints/best.safetensors");
    let whole = fs::read(&best).unwrap();
    let mut changed = whole.clone();
    let last = changed.len() - 2;
    changed[last] ^= 0x41;
    fs::write(&best, &changed).unwrap();
    let ended = predict();
    assert!(ended.code != 0 && ended.err.contains("its content changed since it was written"), "{}", ended.err);
    fs::remove_file(&best).unwrap();
    let ended = predict();
    assert!(ended.code != 0 && ended.err.contains("best.safetensors"), "{}", ended.err);
    fs::write(&best, &whole).unwrap();
    // A flipped byte in the optimiser's state would lead to other weights.
    let other = Lab::new();
    other.run("tiny", &["--stop-after", "1"]);
    let state = other.run_folder("tiny").join("checkpoints/last/optim.bpk");
    let mut bytes = fs::read(&state).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 0x41;
    fs::write(&state, &bytes).unwrap();
    let ended = other.end(&["run", "experiments/tiny.toml"]);
    assert!(ended.code == 5 && ended.err.contains("optim.bpk: damaged checkpoint"), "{}", ended.err);
}

#[test]
fn a_damaged_manifest_is_named_with_the_remedy() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = results(&lab, "tiny");
    let run = lab.run_folder("tiny");
    fs::write(run.join("manifest.json"), "{ no json").unwrap();
    for arguments in [&["run", "experiments/tiny.toml"][..], &["report", run.to_str().unwrap()]] {
        let ended = lab.end(arguments);
        assert!(ended.code != 0 && ended.err.contains("manifest.json: damaged"), "{}", ended.err);
        assert!(ended.err.contains("delete this file and run the experiment again"), "{}", ended.err);
    }
    let listed = lab.end(&["ls"]);
    assert!(listed.code == 0 && listed.out.contains("manifest.json: damaged"), "{} {}", listed.out, listed.err);
    fs::remove_file(run.join("manifest.json")).unwrap();
    lab.run("tiny", &[]);
    assert!(results(&lab, "tiny") == expected, "the remedy works");
}

/// Patients' data: what the user's umask keeps from others stays so.
#[test]
#[cfg(unix)]
fn files_have_the_permissions_of_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let program = env!("CARGO_BIN_EXE_segspec");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("umask 077; exec {program} run experiments/tiny.toml --device cpu")]);
    let ended = crate::lab::end(command.current_dir(lab.path("")).env_remove("SEGSPEC_DATA"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let run = lab.run_folder("tiny");
    let files = [run.join("manifest.json"), evaluation(&run).join("scores.csv"), lab.path("reports/tiny/report.html")];
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}: {mode:o}", file.display());
    }
    let _: Value = json(&run.join("manifest.json"));
}
