//! What is known of the watched files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::Cancel;
use crate::cli::check::environment;
use crate::cli::session::{self, counted};
use crate::dataset::Access;
use crate::observe::Events;
use crate::run::Folds;
use crate::spec::source::{Origin, Sources};
use crate::spec::{self, Kind, Loaded, kind};
use crate::store::StoreError;

/// Files that are checked, with what was found.
pub struct Board {
    paths: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Checked>,
}

/// What is known of a file.
struct Checked {
    /// What is printed.
    text: String,
    is_correct: bool,
    /// The files that it was made of, itself included; those of a faulty one may be incomplete.
    sources: BTreeSet<PathBuf>,
}

impl Board {
    /// Nothing is checked yet.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, files: BTreeMap::new() }
    }

    /// Checks every file, and prints the faulty ones and how many there are.
    pub fn check_all(&mut self) {
        for file in self.existing() {
            let checked = check(&file);
            if !checked.is_correct {
                println!("{}", checked.text);
            }
            self.files.insert(file, checked);
        }
        let faulty = self.files.values().filter(|checked| !checked.is_correct).count();
        let faulty = if faulty > 0 { format!(", {faulty} faulty") } else { String::new() };
        println!("watching {}{faulty}", counted(self.files.len(), "file"));
    }

    /// Checks what a change may concern, and prints what is new; the correct experiments among the changed files. With no paths, everything
    /// may have changed.
    pub fn changed(&mut self, paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let is_spec = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
        let touched: BTreeSet<&PathBuf> = paths.iter().filter(|path| is_spec(path)).collect();
        if touched.is_empty() && !paths.is_empty() {
            return Vec::new();
        }
        let existing = self.existing();
        let gone: Vec<PathBuf> = self.files.keys().filter(|file| !existing.contains(*file)).cloned().collect();
        for file in gone {
            println!("{}: deleted", shown(&file));
            self.files.remove(&file);
        }
        let mut ready = Vec::new();
        for file in existing {
            let known = self.files.get(&file);
            let is_touched = touched.is_empty() || touched.contains(&file);
            // A faulty file may lack just the one that has appeared.
            let is_concerned = known
                .is_none_or(|known| !known.is_correct || known.sources.iter().any(|source| touched.contains(source)));
            if !is_touched && !is_concerned {
                continue;
            }
            let checked = check(&file);
            let is_new = known.is_none_or(|known| known.text != checked.text);
            if is_new || (is_touched && !touched.is_empty()) {
                println!("{}", checked.text);
            }
            if checked.is_correct && (is_touched || is_new) && kind::of_file(&file) == Kind::Experiment {
                ready.push(file.clone());
            }
            self.files.insert(file, checked);
        }
        ready
    }

    /// The watched experiment and dataset files.
    fn existing(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        self.paths.iter().for_each(|path| collect(path, &mut found));
        found
    }
}

fn collect(path: &Path, found: &mut BTreeSet<PathBuf>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.starts_with('.') || name.ends_with('~') {
        return;
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| collect(&entry.path(), found));
    } else if path.is_file() && path.extension().is_some_and(|ending| ending == "toml") {
        found.insert(path.to_path_buf());
    }
}

/// A path as the user writes it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}

fn check(file: &Path) -> Checked {
    let name = PathBuf::from(shown(file));
    let own = BTreeSet::from([file.to_path_buf()]);
    let faulty = |error: spec::Diagnostics| {
        let sources = files_of(&error.sources).chain([file.to_path_buf()]).collect();
        Checked { text: format!("{}: faulty\n{error}", name.display()), is_correct: false, sources }
    };
    match kind::of_file(file) {
        Kind::Dataset => match spec::load_dataset(&name) {
            Ok(_) => Checked { text: format!("{}: ok", name.display()), is_correct: true, sources: own },
            Err(error) => faulty(error),
        },
        Kind::Experiment => match spec::load(&name, &[], &environment()) {
            Ok(loaded) => {
                let mut sources: BTreeSet<PathBuf> = files_of(&loaded.sources).collect();
                sources.extend(own);
                sources.extend(loaded.dataset_path.canonicalize().ok());
                Checked { text: format!("{}: ok, {}", name.display(), runs(&loaded)), is_correct: true, sources }
            }
            Err(error) => faulty(error),
        },
    }
}

fn files_of(sources: &Sources) -> impl Iterator<Item = PathBuf> {
    let all = (0..).map_while(|index| sources.get(index));
    all.filter_map(|source| match &source.origin {
        Origin::File(path) => path.canonicalize().ok(),
        Origin::Environment | Origin::Argument => None,
    })
}

/// `3 runs: 1 new, 2 finished`: by their ids, without opening an image.
fn runs(loaded: &Loaded) -> String {
    let folds = if loaded.folds.is_empty() { vec![0] } else { loaded.folds.clone() };
    let planned = session::plan(loaded, Folds::Chosen(folds), Access::Remembered, &Cancel::new(), &Events::silent());
    let planned = match planned {
        Ok(planned) => planned,
        Err(_) => return "its runs are known when the dataset has been read (`segspec run --dry-run`)".into(),
    };
    if loaded.search.is_some() {
        return "a search (`segspec run --dry-run` lists its trials)".into();
    }
    let words: Result<Vec<&str>, StoreError> = planned.runs.iter().map(|run| Ok(run.status()?.word())).collect();
    let words = match words {
        Ok(words) => words,
        Err(error) => return error.to_string(),
    };
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let counts = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    format!("{}: {counts}", counted(planned.runs.len(), "run"))
}
