//! Specs: messages of faulty ones, suggestions for misspelled keys, layers, sweeps, the commands.

mod command;
mod invalid;
mod layers;
mod misspelled;
mod sweep;

use std::path::{Path, PathBuf};

use segspec::spec::{self, Diagnostics, Kind, Loaded, kind};

/// Every TOML file of a folder, relative to the crate, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
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

/// Writes an experiment where the datasets of the tests are found, and loads it.
fn load(text: &str, overrides: &[&str], environment: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    let folder = tempfile::Builder::new().prefix("load-").tempdir_in("tests/specs").unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    spec::load(&file, &overrides, &environment)
}
