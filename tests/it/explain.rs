//! `segspec explain`: what differs between two runs, and what it can change; `segspec logs`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::{Lab, TINY};

/// A copy of a run folder with changes in its manifest or plan.
fn copy(lab: &Lab, run: &Path, name: &str, file: &str, change: &dyn Fn(&str) -> String) -> PathBuf {
    let target = lab.path("copies").join(name);
    fs::create_dir_all(&target).unwrap();
    for part in ["plan.toml", "manifest.json", "data.json"] {
        let text = fs::read_to_string(run.join(part)).unwrap();
        let changed = if part == file { change(&text) } else { text.clone() };
        assert!(part != file || changed != text, "{name}: nothing was changed");
        fs::write(target.join(part), changed).unwrap();
    }
    target
}

/// Part, key and effect of each difference.
fn explained(lab: &Lab, one: &Path, other: &str, set: &[&str]) -> Vec<[String; 3]> {
    let one = one.display().to_string();
    let set: Vec<&str> = set.iter().flat_map(|value| ["--set", value]).collect();
    let ended = lab.end(&[&["explain", &one, other, "--json"][..], &set].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found: Value = serde_json::from_str(&ended.out).unwrap();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let all = found["differences"].as_array().unwrap().iter();
    all.map(|it| ["part", "what", "effect"].map(|key| text(it, key))).collect()
}

fn expect(found: &[[String; 3]], wanted: &[[&str; 3]]) {
    assert_eq!(found, wanted.iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>());
}

#[test]
fn ten_pairs_of_runs_are_explained() {
    let lab = Lab::new();
    let fast = ["train.epochs=1"];
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let run = lab.run_folder("tiny");
    let today = |set: &[&str]| explained(&lab, &run, "experiments/tiny.toml", set);
    let with = |name: &str, file: &str, change: &dyn Fn(&str) -> String| {
        let other = copy(&lab, &run, name, file, change);
        explained(&lab, &run, other.to_str().unwrap(), &[])
    };
    // Nothing: the same run, and today's file.
    expect(&explained(&lab, &run, run.to_str().unwrap(), &[]), &[]);
    expect(&today(&fast), &[]);
    let same = lab.end(&["explain", "tiny", "experiments/tiny.toml"]);
    assert!(same.code == 2 && same.err.contains("name the run by its id"), "{}", same.err);
    // A key of the training, of the prediction, of the scores, and one that changes nothing.
    let keys = [
        "train.epochs=1",
        "loss=[{dice={}}]",
        "predict.overlap=0.25",
        "evaluate.tolerance-mm=3.0",
        "train.keep-every=2",
    ];
    let found = today(&keys);
    for (key, effect) in [
        ("loss", "training"),
        ("predict.overlap", "prediction"),
        ("evaluate.tolerance-mm", "scores"),
        ("train.keep-every", "nothing"),
    ] {
        assert!(
            found.iter().any(|[part, what, it]| part == "settings" && what == key && it == effect),
            "{key}: {found:?}"
        );
    }
    // The default of another version, and its numerics.
    let found = with("default", "plan.toml", &|text| text.replace("clip-norm = 12.0", "clip-norm = 1.0"));
    expect(&found, &[["settings", "train.clip-norm", "training"]]);
    let found = with("code", "manifest.json", &|text| text.replace("\"burn\": \"", "\"burn\": \"0.1, not "));
    expect(&found, &[["code", "burn", "last-bits"]]);
    // Another device.
    let found = with("device", "manifest.json", &|text| text.replace("\"device\": \"cpu\"", "\"device\": \"cuda:0\""));
    expect(&found, &[["environment", "device", "last-bits"]]);
    // Another seed, another fold.
    expect(&today(&["train.epochs=1", "seed=3"]), &[["settings", "seed", "training"]]);
    let found = with("fold", "plan.toml", &|text| text.replace("fold = 0\nfolds = 1", "fold = 1\nfolds = 3"));
    expect(&found, &[["settings", "fold", "training"]]);
    // A renamed structure, another label value.
    let dataset = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let hepar = dataset.replace("\"liver\"", "\"hepar\"");
    lab.write("datasets/tiny.toml", &hepar);
    lab.write("experiments/tiny.toml", &TINY.replace("\"liver\"", "\"hepar\""));
    expect(&today(&fast), &[["settings", "structures", "nothing"]]);
    lab.write("experiments/tiny.toml", TINY);
    lab.write(
        "datasets/tiny.toml",
        &dataset
            .replace("name = \"liver\"\nvalue = 1", "name = \"liver\"\nvalue = 5")
            .replace("name = \"spine\"\nvalue = 5", "name = \"spine\"\nvalue = 1"),
    );
    expect(&today(&fast), &[["settings", "label-values", "training"]]);
    lab.write("datasets/tiny.toml", &dataset);
    // An image file, by its name.
    let training = |case: &Value| case["role"] == "train";
    let plan: Value = toml::from_str(&fs::read_to_string(run.join("plan.toml")).unwrap()).unwrap();
    let case = plan["data"]["case"].as_array().unwrap().iter().find(|case| training(case)).unwrap();
    let image = lab.path("data/set").join(case["images"][0].as_str().unwrap());
    let mut volume = segspec::volume::read_volume(&image).unwrap();
    volume.voxels[[0, 1, 1, 1]] += 1.0;
    segspec::volume::write_volume(&image, &volume).unwrap();
    lab.run("tiny", &["--set", "train.epochs=1"]);
    let other = lab.run_folders("tiny").into_iter().find(|folder| *folder != run).unwrap();
    let found = explained(&lab, &run, other.to_str().unwrap(), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&*found[0][0], &*found[0][2]), ("data", "training"));
    assert!(found[0][1].ends_with(case["images"][0].as_str().unwrap()), "{found:?}");
    let text = lab.end(&["diff", run.to_str().unwrap(), other.to_str().unwrap()]).out;
    assert!(text.contains("all together can change: weights, predictions, scores"), "{text}");
}

#[test]
fn the_log_of_a_run_is_read_from_its_events() {
    let lab = Lab::new();
    lab.run("tiny", &["--set", "train.epochs=2"]);
    let run = lab.run_folder("tiny").display().to_string();
    let log = lab.end(&["logs", "tiny"]);
    assert_eq!(log.code, 0, "{}", log.err);
    for part in ["epoch    2/2  loss ", "training: ", "mean Dice "] {
        assert!(log.out.contains(part), "`{part}` is not in\n{}", log.out);
    }
    let json = lab.end(&["logs", &run, "--json", "--follow"]).out;
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["event"] == "epoch" && event["epoch"] == 2), "{json}");
    assert_eq!(lab.end(&["logs", "nothing"]).code, 4);
}

#[test]
fn ensembles_of_other_runs_differ_in_their_members() {
    let lab = Lab::new();
    let runs = |name: &str, seeds: &str| {
        lab.write(
            &format!("experiments/{name}.toml"),
            &format!("{TINY}\n[sweep]\nseeds = {seeds}\n[ensemble]\nseeds = true\n"),
        );
        lab.run(name, &["--set", "train.epochs=1"]);
        let is_mean =
            |run: &PathBuf| fs::read_to_string(run.join("plan.toml")).unwrap().contains("[[work.average.member]]");
        lab.run_folders(name).into_iter().find(is_mean).unwrap()
    };
    let (one, other) = (runs("one", "[0, 1]"), runs("other", "[0, 2]"));
    let found = explained(&lab, &one, other.to_str().unwrap(), &[]);
    assert!(found.iter().any(|row| row[1] == "ensemble" && row[2] == "training"), "{found:?}");
}
