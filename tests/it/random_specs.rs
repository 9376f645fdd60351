//! Specs drawn at random from the schema: what `check` accepts without a warning must run, unless the reason lies in data or training.

use std::process::Command;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use segspec::spec::schema;
use serde_json::{Map, Value};

use crate::lab::{Ended, Lab, end};

/// Address space of each command, in kB: specs that ask for more must be refused before the allocator ends the program.
const MEMORY_KB: u64 = 6_000_000;

/// Seconds after which a smoke test is stopped: large numbers may be slow, which is no failure.
const LONGEST: u64 = 40;

/// Tables and keys of an experiment that are drawn.
const DRAWN: [&str; 9] =
    ["preprocess", "augment", "model", "loss", "train", "predict", "evaluate", "memory-target-gb", "split"];

/// What a run may tell that no spec shows: the numbers of a training, and what depends on the images.
const UNFORESEEN: [&str; 11] = [
    "split: ",
    "the loss became",
    "overflowed 16 bits",
    "no usable",
    "excluded",
    "are not divisible by",
    "is not divisible by",
    "does not support",
    // The size of the images decides the number of stages, and the memory of a resampled case.
    "these images allow",
    "voxels, the case needs",
    // Names of its parts depend on the planned number of stages.
    "the network has no parameters named",
];

/// Draws values of a schema as TOML.
struct Drawing {
    definitions: Map<String, Value>,
    random: ChaCha8Rng,
}

impl Drawing {
    fn new(seed: u64, number: u64) -> Self {
        let schema = schema::whole_experiment();
        let definitions = schema["definitions"].as_object().cloned().unwrap_or_default();
        Self { definitions, random: segspec::random::stream(seed, "random specs", 0, number) }
    }

    /// The settings of one spec: `KEY=VALUE`.
    fn settings(&mut self) -> Vec<String> {
        let schema = schema::whole_experiment();
        let count = self.random.random_range(1..4);
        let mut keys: Vec<&str> = (0..count).filter_map(|_| DRAWN.choose(&mut self.random).copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|key| format!("{key}={}", self.value(&schema["properties"][key]))).collect()
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    fn value(&mut self, schema: &Value) -> String {
        let target = schema["$ref"].as_str().or(schema["allOf"][0]["$ref"].as_str());
        if let Some(name) = target.and_then(|target| target.rsplit('/').next()) {
            let inner = self.definitions[name].clone();
            return self.value(&inner);
        }
        if let Some(alternatives) = ["anyOf", "oneOf"].into_iter().find_map(|name| schema[name].as_array()) {
            let known = alternatives.iter().filter(|inner| inner["type"] != "null").collect::<Vec<_>>();
            let inner = (*known.choose(&mut self.random).unwrap()).clone();
            return self.value(&inner);
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("\"{word}\"");
        }
        if let Some(words) = schema["enum"].as_array() {
            return words.choose(&mut self.random).unwrap().to_string();
        }
        let kind = schema["type"].as_str().or(schema["type"][0].as_str()).unwrap_or_default();
        match kind {
            "boolean" => self.chance(0.5).to_string(),
            "integer" => format!("{:.0}", self.number(schema)),
            "number" => format!("{:e}", self.number(schema)),
            "array" => self.list(schema),
            "object" => self.table(schema),
            // Names: of structures and parts of networks.
            _ => "\"liver\"".into(),
        }
    }

    /// Mostly moderate numbers, some at the bounds, a few beyond.
    fn number(&mut self, schema: &Value) -> f64 {
        let [least, most] = ["minimum", "maximum"].map(|bound| schema[bound].as_f64());
        let (least, most) = (least.unwrap_or(0.0), most.unwrap_or(1e6));
        let integer = schema["type"] == "integer";
        let moderate: [f64; 6] =
            if integer { [1.0, 2.0, 3.0, 4.0, 8.0, 16.0] } else { [0.01, 0.1, 0.5, 0.9, 1.0, 2.0] };
        match self.random.random_range(0..20) {
            0 => most,
            1 => least,
            2 => least + (most - least) * self.random.random_range(0.0..1.0),
            3 => (most.max(1.0)).powf(self.random.random_range(0.0..1.0)).clamp(least, most),
            4 if self.chance(0.3) => 2.0 * most + 1.0,
            5 if self.chance(0.3) => least - 1.0,
            _ => moderate.choose(&mut self.random).copied().unwrap_or(1.0_f64).clamp(least, most),
        }
    }

    fn list(&mut self, schema: &Value) -> String {
        let [least, most] = ["minItems", "maxItems"].map(|bound| schema[bound].as_u64());
        let count = match (least, most) {
            (Some(least), Some(most)) if least == most => least,
            _ => self.random.random_range(1..3),
        };
        // Ranges and sizes are mostly the same number, or in order.
        let mut items: Vec<String> = (0..count).map(|_| self.value(&schema["items"])).collect();
        if self.chance(0.7) {
            items.sort_by(|one, other| {
                let number = |text: &String| text.parse::<f64>().unwrap_or(0.0);
                number(one).total_cmp(&number(other))
            });
        }
        format!("[{}]", items.join(", "))
    }

    fn table(&mut self, schema: &Value) -> String {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let usual = (2.0 / properties.len().max(1) as f64).min(0.5);
        let mut entries = Vec::new();
        for (key, inner) in &properties {
            if required.contains(&key.as_str()) || self.chance(usual) {
                entries.push(format!("{key} = {}", self.value(inner)));
            }
        }
        format!("{{ {} }}", entries.join(", "))
    }
}

/// A command with little memory, which is ended after a while.
fn limited(lab: &Lab, arguments: &[&str]) -> Ended {
    let plain = lab.command(arguments);
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {MEMORY_KB}; exec timeout -s KILL {LONGEST} \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(plain.get_program()).args(plain.get_args()).current_dir(lab.path(""));
    command.env_remove("SEGSPEC_DATA").env("SEGSPEC_DEVICE", "cpu");
    end(&mut command)
}

/// Checks so many specs and runs the accepted ones; returns the failures that `check` could have known.
fn failures(count: u64) -> Vec<String> {
    let lab = Lab::new();
    let (mut accepted, mut warned, mut slow, mut unforeseen, mut failed) = (0, 0, 0, 0, Vec::new());
    for number in 0..count {
        let settings = Drawing::new(22, number).settings();
        let set: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect();
        let checked = limited(&lab, &[&["check", "experiments/tiny.toml"], &set[..]].concat());
        assert!(
            [0, 3].contains(&checked.code),
            "spec {number} {settings:?}: check ended with {}\n{}",
            checked.code,
            checked.err
        );
        if checked.code != 0 {
            continue;
        }
        if checked.err.contains("warning: ") {
            warned += 1;
            continue;
        }
        accepted += 1;
        let run = limited(&lab, &[&["run", "experiments/tiny.toml", "--smoke"], &set[..]].concat());
        match run.code {
            0 => {}
            // `timeout` kills itself with the program.
            -1 | 137 => slow += 1,
            _ if UNFORESEEN.iter().any(|reason| run.err.contains(reason)) => unforeseen += 1,
            code => failed.push(format!("spec {number} {settings:?}: exit {code}\n{}", last_lines(&run.err))),
        }
    }
    println!(
        "{count} specs: {accepted} accepted, {warned} accepted with a warning of this machine; of the accepted: {} failed, {unforeseen} \
         for reasons of data or training, {slow} stopped after {LONGEST} s",
        failed.len()
    );
    failed
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().rev().take(6).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[test]
#[cfg(target_os = "linux")]
fn specs_that_check_accepts_run() {
    let failed = failures(40);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
#[ignore = "half an hour: docs/testing.md"]
#[cfg(target_os = "linux")]
fn six_hundred_specs_that_check_accepts_run() {
    let failed = failures(600);
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
