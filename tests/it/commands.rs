//! `predict`, `prepare`, `preview`, `show`, `dataset fingerprint` and `new` as a person uses them, on a tiny phantom.

mod data;
mod help;
mod predict;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A network that trains in a second.
const TINY: &str = "\
dataset = \"set\"
structures = [\"liver\", \"spine\"]
split = { every-nth = { n = 3, validation = 0.4 } }
[augment]
mirror = [\"depth\"]
[model.unet]
features = [4, 8]
[train]
patch-size = [8, 16, 16]
epochs = 1
steps-per-epoch = 3
validate-every = 1
";

/// The program in a folder, with `data/` as the data root.
fn segspec(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
    command.current_dir(folder).env_remove("SEGSPEC_DATA").env_remove("SEGSPEC_DEVICE");
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What the program prints with `--json`.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = segspec(folder, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// A phantom of six cases in `data/set` with a dataset by `new`, and `experiments/tiny.toml`.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let made = segspec(place, &["phantom", "data/set", "--cases", "6", "--seed", "7", "--size", "tiny"]);
    assert_eq!(made.0, 0, "{}", made.2);
    assert_eq!(segspec(place, &["new", "--from", "data/set"]).0, 0);
    std::fs::write(place.join("experiments/tiny.toml"), TINY).unwrap();
    folder
}
