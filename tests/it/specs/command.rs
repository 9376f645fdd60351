//! `check`, `show` and `schema` as a person runs them.

use std::process::Command;

fn segspec(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    let output = command.env_clear().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_counts_what_is_good() {
    let (code, out, err) = segspec(&["check", "experiments/phantom.toml", "datasets/phantom.toml"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "1 experiment and 1 dataset ok\n", ""));
}

#[test]
fn check_shows_every_error_of_every_file_and_exits_with_3() {
    let files = ["check", "tests/specs/invalid/many-errors.toml", "tests/specs/invalid/patch-and-strides.toml"];
    let (code, out, err) = segspec(&files);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("many-errors.toml:2:1") && err.contains("patch-and-strides.toml:6:23"), "{err}");
    assert!(err.ends_with("6 errors in 2 files\n"), "{err}");
    let (code, out, _) = segspec(&["check", "--json", "tests/specs/invalid/many-errors.toml"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, json["errors"].as_array().unwrap().len()), (3, 5));
    assert_eq!((&json["errors"][0]["line"], &json["errors"][0]["column"]), (&2.into(), &1.into()));
}

#[test]
fn a_variable_of_the_environment_is_announced() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    let output = command.env("SEGSPEC__TRAIN__EPOCHS", "3").args(["check", "experiments/hippocampus.toml"]).output();
    let err = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(err.contains("note: the environment sets SEGSPEC__TRAIN__EPOCHS=3"), "{err}");
}

#[test]
fn what_show_prints_is_a_spec_that_says_the_same() {
    let root = super::workspace();
    for file in ["experiments", "datasets"].map(|folder| super::files(root.path().join(folder))).iter().flatten() {
        let name = file.to_str().unwrap();
        let (code, shown, err) = segspec(&["show", name]);
        assert_eq!(code, 0, "{err}");
        // `extends` is done with: the values are all there.
        let flat: String =
            shown.lines().filter(|line| !line.starts_with("extends")).map(|line| format!("{line}\n")).collect();
        let copy = file.with_file_name("shown.toml");
        std::fs::write(&copy, &flat).unwrap();
        let (code, again, err) = segspec(&["show", copy.to_str().unwrap()]);
        assert_eq!((code, again), (0, flat), "{err}");
    }
}

#[test]
fn show_says_where_values_come_from() {
    let file = "experiments/sweep-phantom.toml";
    let (_, out, _) = segspec(&["show", file, "--origin", "--set", "train.epochs=3"]);
    let line = |start: &str| out.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let epochs = line("epochs");
    assert!(epochs.contains("# --set train.epochs=3 (overrides experiments/sweep-phantom.toml:"), "{epochs}");
    assert!(line("crop").contains("# experiments/phantom.toml:"), "{out}");
    assert!(line("clip-norm").ends_with("# default"), "{out}");
}

#[test]
fn schema_prints_what_is_committed() {
    let (code, out, _) = segspec(&["schema", "dataset"]);
    assert_eq!((code, out), (0, std::fs::read_to_string("datasets/schema.json").unwrap()));
}
