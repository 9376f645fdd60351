//! `segspec watch` and `segspec compare`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, TINY};

/// A running `segspec watch`, ended when dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let mut command = lab.command(&[&["watch"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let watching = Self { child, lines };
        watching.until("watching");
        watching
    }

    /// The lines up to one that contains a text.
    fn until(&self, text: &str) -> Vec<String> {
        let (begun, mut seen) = (Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_secs(60) {
            let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) else { continue };
            let is_it = line.contains(text);
            seen.push(line);
            if is_it {
                return seen;
            }
        }
        panic!("no line with `{text}`: {seen:#?}");
    }

    fn nothing_for(&self, time: Duration) {
        std::thread::sleep(time);
        let seen: Vec<String> = self.lines.try_iter().collect();
        assert!(seen.is_empty(), "{seen:#?}");
    }

    /// Processor time in clock ticks.
    #[cfg(target_os = "linux")]
    fn ticks(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn saves_renames_and_deletions_give_the_right_lines() {
    let lab = Lab::new();
    lab.run("tiny", &["--dry-run"]);
    lab.write("experiments/more.toml", "extends = [\"tiny.toml\"]\n[train]\nepochs = 5\n");
    let watching = Watching::start(&lab, &[]);
    lab.write("experiments/more.toml", "extends = [\"tiny.toml\"]\n[train]\nepochs = 6\n");
    watching.until("experiments/more.toml: ok, 1 run: 1 new");
    lab.write("experiments/more.toml", "extends = [\"tiny.toml\"]\n[train]\nepoch = 6\n");
    watching.until("experiments/more.toml: faulty");
    watching.until("did you mean `epochs`?");
    // As editors save: a new file takes the name.
    lab.write("experiments/.more.toml.swp", "");
    lab.write("more.new", "extends = [\"tiny.toml\"]\n[train]\nepochs = 7\n");
    fs::rename(lab.path("more.new"), lab.path("experiments/more.toml")).unwrap();
    watching.until("experiments/more.toml: ok");
    // What an experiment extends concerns it, too.
    lab.write("experiments/tiny.toml", &TINY.replace("batch-size = 2", "batch-sise = 2"));
    watching.until("experiments/more.toml: faulty");
    watching.until("experiments/tiny.toml: faulty");
    lab.write("experiments/tiny.toml", TINY);
    let seen = watching.until("experiments/tiny.toml: ok");
    assert!(seen.iter().any(|line| line.contains("experiments/more.toml: ok")), "{seen:?}");
    fs::remove_file(lab.path("experiments/more.toml")).unwrap();
    watching.until("experiments/more.toml: deleted");
    lab.write("experiments/notes.txt", "no spec");
    watching.nothing_for(Duration::from_secs(1));
}

#[test]
fn a_thousand_files_are_watched_without_work_while_nothing_changes() {
    let lab = Lab::new();
    for number in 0..1000 {
        let text = format!("extends = [\"../tiny.toml\"]\nseed = {number}\n");
        lab.write(&format!("experiments/many/{number}.toml"), &text);
    }
    let watching = Watching::start(&lab, &["experiments"]);
    #[cfg(target_os = "linux")]
    {
        // Reading the files was an event, too.
        std::thread::sleep(Duration::from_secs(3));
        let before = watching.ticks();
        std::thread::sleep(Duration::from_secs(5));
        assert!(watching.ticks() - before <= 10, "{} ticks in 5 s", watching.ticks() - before);
    }
    lab.write("experiments/many/500.toml", "extends = [\"../tiny.toml\"]\nseed = -1\n");
    let seen = watching.until("many/500.toml: faulty");
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

#[test]
fn changed_experiments_are_run_when_asked_to() {
    let lab = Lab::new();
    lab.run("tiny", &["--dry-run"]);
    let watching = Watching::start(&lab, &["--run"]);
    lab.write("experiments/quick.toml", "extends = [\"tiny.toml\"]\n[train]\nepochs = 1\nsteps-per-epoch = 1\n");
    watching.until("experiments/quick.toml: ok");
    let begun = Instant::now();
    while !lab.path("reports/quick/report.html").is_file() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it was not run");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(!lab.path("runs/tiny").join("reports").exists());
}

#[test]
fn settings_and_metrics_stand_side_by_side() {
    let lab = Lab::new();
    lab.write("experiments/wide.toml", "extends = [\"tiny.toml\"]\n[model.unet]\nfeatures = [8, 16]\n");
    lab.run("tiny", &[]);
    lab.run("wide", &[]);
    let ended = lab.end(&["compare", "tiny", "wide"]);
    let mut table = ended.out.lines().take_while(|line| !line.starts_with("means over"));
    assert!(table.all(|line| line.chars().count() <= 80), "{}", ended.out);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for text in ["model.unet.features", "[8,16]", "Dice", "HD95", "cases"] {
        assert!(ended.out.contains(text), "{text}: {}", ended.out);
    }
    let all: Value =
        serde_json::from_str(&lab.end(&["compare", "tiny", "wide", "--metric", "dice", "--json"]).out).unwrap();
    assert_eq!(all[1]["settings"]["model.unet.features"], serde_json::json!([8, 16]));
    assert!(all[0]["metrics"]["dice"]["mean"].as_f64().is_some() && all[0]["metrics"].as_object().unwrap().len() == 1);
    let none = lab.end(&["compare", "wide", "--set", "train.epochs=77"]);
    assert_eq!(none.code, 4, "{}", none.err);
}
