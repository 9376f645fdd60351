//! Ctrl-C ends every stage within seconds, with the state saved, also where one training step takes longer.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::lab::{Lab, TINY, json, wait_for};
use crate::resume::interrupt;

/// How long a stage may take to end after Ctrl-C; the limit for users is 3 s, machines that run tests are busy.
const LIMIT: Duration = Duration::from_secs(4);

/// Interrupts; exit code and time until the end.
fn interrupted(mut child: Child) -> (Option<i32>, Duration) {
    let start = Instant::now();
    interrupt(&child);
    let code = child.wait().unwrap().code();
    (code, start.elapsed())
}

#[test]
fn a_step_that_takes_long_is_left_and_the_state_before_it_is_saved() {
    let lab = Lab::new();
    // A step of many seconds, made of kernels that are soon done.
    let large = TINY
        .replace("features = [4, 8]", "features = [16, 32]")
        .replace("patch-size = [16, 16, 16]", "patch-size = [64, 64, 64]\naccumulate = 64");
    lab.write("experiments/large.toml", &large);
    let arguments = ["run", "experiments/large.toml"];
    // Data and preprocessing first.
    lab.run("tiny", &[]);
    let child = lab.start(&arguments);
    let started = || lab.run_folders("large").first().is_some_and(|run| run.join("events.jsonl").is_file());
    assert!(wait_for(started));
    std::thread::sleep(Duration::from_secs(2));
    let (code, took) = interrupted(child);
    assert!(code == Some(130) && took < LIMIT, "{code:?} after {took:?}");
    let run = lab.run_folder("large");
    // Not the end of the patience, which saves nothing.
    assert!(run.join("checkpoints/last").is_dir(), "no state was saved");
    let manifest = json(&run.join("manifest.json"));
    assert!(manifest["sessions"][0]["ended"].is_string(), "{manifest}");
}

#[test]
fn every_stage_ends_soon_and_the_run_comes_to_the_same_end() {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    let expected = crate::lab::results(&lab, "tiny");
    let other = Lab::new();
    let arguments = ["run", "experiments/tiny.toml"];
    // From generating the data over training to the report: wherever the moments fall.
    for moment in 0..12 {
        let child = other.start(&arguments);
        std::thread::sleep(Duration::from_millis(60 * moment));
        let (code, took) = interrupted(child);
        // Before the handler is there, the system ends the process.
        assert!(matches!(code, Some(130 | 0) | None), "{code:?}");
        assert!(took < LIMIT, "moment {moment}: {took:?}");
    }
    other.run("tiny", &[]);
    assert!(crate::lab::results(&other, "tiny") == expected);
}

#[test]
fn a_set_that_is_being_generated_is_stopped() {
    let lab = Lab::new();
    let out = lab.path("large");
    let child = lab.start(&["phantom", out.to_str().unwrap(), "--cases", "60", "--size", "large"]);
    std::thread::sleep(Duration::from_secs(1));
    let (code, took) = interrupted(child);
    assert!(code == Some(130) && took < LIMIT, "{code:?} after {took:?}");
    assert!(!out.exists());
}
