//! Finds the file of a dataset.

use std::path::{Path, PathBuf};

use super::source::Origin;
use super::suggest;
use crate::words::shell;

/// A dataset whose file was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The file of a dataset.
///
/// A name is looked up as `NAME.toml` in the folder `datasets` beside the experiment's folder, then in `datasets` below the
/// current directory. A value that ends in `.toml` is a path, relative to the file that contains it (from `--set` or a
/// variable: to the current directory).
///
/// # Errors
/// [`Missing`], with the most similar name among the datasets.
pub fn dataset(name: &str, experiment: &Path, named_in: Option<&Origin>) -> Result<PathBuf, Missing> {
    if name.ends_with(".toml") {
        return by_path(name, named_in);
    }
    let folders = folders(experiment);
    let found = folders.iter().map(|folder| folder.join(format!("{name}.toml"))).find(|file| file.is_file());
    found.filter(|_| !name.contains(['/', '\\'])).ok_or_else(|| {
        let known = known(&folders);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let looked: Vec<String> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
        let help = match known.is_empty() {
            _ if Path::new(name).is_dir() => {
                format!("`{name}` is a folder: `segspec new --from {}` writes a dataset file for images", shell(name))
            }
            true => format!("create {name}.toml in {}", looked.join(" or ")),
            false => suggest::help(name, &known, "datasets"),
        };
        Missing { message: format!("there is no dataset `{name}` in {}", looked.join(" or ")), help }
    })
}

fn by_path(name: &str, named_in: Option<&Origin>) -> Result<PathBuf, Missing> {
    let folder = match named_in {
        Some(Origin::File(file)) => file.parent().unwrap_or(Path::new("")),
        _ => Path::new(""),
    };
    let file = folder.join(name);
    if file.is_file() {
        return Ok(file);
    }
    let message = format!("there is no file `{}`", file.display());
    Err(Missing { message, help: "give a path relative to this file, or the name of a dataset".into() })
}

fn folders(experiment: &Path) -> Vec<PathBuf> {
    let folder = experiment.parent().unwrap_or(Path::new(""));
    // The parent of the current directory has a name only if the file's path contains it.
    let above = match folder.parent() {
        Some(above) if folder != Path::new(".") => above.to_owned(),
        _ => Path::new("..").to_owned(),
    };
    let mut folders = vec![above.join("datasets")];
    if folders[0] != Path::new("datasets") {
        folders.push(PathBuf::from("datasets"));
    }
    folders
}

fn known(folders: &[PathBuf]) -> Vec<String> {
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let is_spec = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let is_shown = |name: &String| !name.starts_with('.');
    let stems = files.map(|entry| entry.path()).filter(is_spec);
    let mut names: Vec<String> =
        stems.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).filter(is_shown).collect();
    names.sort();
    names.dedup();
    names
}
