//! Specs: messages of faulty ones, suggestions for misspelled keys, layers, sweeps, the commands.

mod command;
mod invalid;
mod layers;
mod misspelled;
mod sweep;

use std::path::{Path, PathBuf};

use segspec::spec::{self, Diagnostics, Kind, Loaded, kind};

/// Every TOML file of a folder, in order.
fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.as_ref()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn check(file: &Path) -> Result<(), Diagnostics> {
    match kind::of_file(file) {
        Kind::Experiment => spec::load(file, &[], &[]).map(drop),
        Kind::Dataset => spec::load_dataset(file).map(drop),
    }
}

/// A folder with copies of the committed specs: `experiments`, `datasets` (also those of the tests), `bases`, `valid`.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let tests = ["tests/specs/datasets", "tests/specs/bases", "tests/specs/valid"];
    for folder in ["experiments", "experiments/bases", "datasets"].into_iter().chain(tests) {
        let copy = root.path().join(folder.trim_start_matches("tests/specs/"));
        std::fs::create_dir_all(&copy).unwrap();
        for file in files(folder) {
            std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
    }
    root
}

/// Loads an experiment `experiments/x.toml` of a [`workspace`].
fn load(text: &str, overrides: &[&str], environment: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    let folder = workspace();
    let file = folder.path().join("experiments/x.toml");
    std::fs::write(&file, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    spec::load(&file, &overrides, &environment)
}
