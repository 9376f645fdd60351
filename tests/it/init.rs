//! `init`: the example for people who installed the program without the repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Ended, end};

const WRITTEN: [&str; 5] = [
    "experiments/phantom.toml",
    "experiments/schema.json",
    "datasets/phantom.toml",
    "datasets/schema.json",
    ".gitignore",
];

fn segspec(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    command.args(arguments).current_dir(folder).env_remove("SEGSPEC_DATA").env("SEGSPEC_DEVICE", "cpu");
    end(&mut command)
}

#[test]
fn the_example_is_the_repositorys_and_runs() {
    let place = tempfile::tempdir().unwrap();
    let ended = segspec(place.path(), &["init"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.ends_with("next: segspec run experiments/phantom.toml\n"), "{}", ended.out);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in WRITTEN {
        assert!(ended.out.contains(&format!("wrote {name}\n")), "{name}: {}", ended.out);
        let text = fs::read_to_string(place.path().join(name)).unwrap();
        match name {
            ".gitignore" => assert!(text.contains("\n/runs\n/data\n"), "{text}"),
            _ => assert_eq!(text, fs::read_to_string(repository.join(name)).unwrap(), "{name}"),
        }
    }
    let ended = segspec(place.path(), &["check", "experiments/phantom.toml", "datasets/phantom.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let ended = segspec(place.path(), &["run", "experiments/phantom.toml", "--smoke"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("liver"), "{}", ended.out);
}

#[test]
fn a_second_call_writes_what_is_missing_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let study = place.path().join("my study");
    let ended = segspec(place.path(), &["init", "my study"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("next: cd 'my study'\n      segspec run experiments/phantom.toml\n"), "{}", ended.out);
    fs::write(study.join(".gitignore"), "mine\n").unwrap();
    fs::remove_file(study.join("datasets/phantom.toml")).unwrap();
    let changed = || fs::metadata(study.join("experiments/phantom.toml")).unwrap().modified().unwrap();
    let before = changed();
    let ended = segspec(&study, &["init"]);
    assert_eq!((ended.code, ended.out.matches("wrote ").count()), (0, 1), "{}", ended.out);
    assert!(ended.out.contains("wrote datasets/phantom.toml\n"), "{}", ended.out);
    assert_eq!(before, changed());
    assert_eq!(fs::read_to_string(study.join(".gitignore")).unwrap(), "mine\n");
    let ended = segspec(&study, &["init"]);
    assert!(ended.code == 0 && ended.out.contains("nothing to write"), "{}", ended.out);
}

#[test]
fn other_files_of_these_names_are_all_named_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("experiments/phantom.toml", "dataset = \"mine\"\n");
    write("datasets/schema.json", "{}\n");
    let ended = segspec(place.path(), &["init"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    for part in ["nothing is written", "experiments/phantom.toml\n", "datasets/schema.json\n", "segspec init FOLDER"] {
        assert!(ended.err.contains(part), "`{part}` is not in\n{}", ended.err);
    }
    for name in ["experiments/schema.json", "datasets/phantom.toml", ".gitignore"] {
        assert!(!place.path().join(name).exists(), "{name}");
    }
    // Schemas of another version have a remedy of their own.
    fs::remove_file(place.path().join("experiments/phantom.toml")).unwrap();
    let ended = segspec(place.path(), &["init"]);
    assert!(ended.code == 2 && ended.err.contains("`segspec schema --write`"), "{}", ended.err);
    assert_eq!(segspec(place.path(), &["schema", "--write"]).code, 0);
    let ended = segspec(place.path(), &["init"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    // A file where the folder would be.
    fs::write(place.path().join("taken"), "").unwrap();
    let ended = segspec(place.path(), &["init", "taken"]);
    assert!(ended.code == 4 && ended.err.contains("taken/experiments/phantom.toml"), "{}", ended.err);
}
