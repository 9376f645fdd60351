//! Names on the command line: run ids and experiments by their short names, and hints for commands that other tools have.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Cli, Exit, Failure};
use crate::counted;
use crate::spec::suggest;
use crate::store::Stored;
use crate::words::shell_path;

/// Folder of all runs, unless `run-root` says otherwise.
pub(super) const RUNS: &str = "runs";
/// Fewest characters of a run id that name a run.
const SHORTEST_ID: usize = 4;
/// Runs that are listed where several could be meant.
const MOST_LISTED: usize = 8;

/// ` --run-root DIR` for a command that looks for runs elsewhere than usual.
pub(super) fn root_words(run_root: &Path) -> String {
    if run_root == Path::new(RUNS) { String::new() } else { format!(" --run-root {}", shell_path(run_root)) }
}

/// Commands that users of other tools try, and what does their work here.
const HINTS: [(&[&str], &str); 12] = [
    (
        &["train", "fit", "resume", "tune", "optimize"],
        "`segspec run FILE` trains, predicts, scores and reports; it resumes by itself",
    ),
    (
        &["infer", "inference", "segment", "test"],
        "`segspec predict RUN --input IMAGES --output FOLDER` segments images",
    ),
    (&["eval", "score", "metrics"], "`segspec evaluate --reference DIR --prediction DIR` scores label maps"),
    (
        &["plot"],
        "`segspec compare A B` shows settings and metrics side by side, `segspec rank A B` ranks runs or experiments, `segspec report A B --output FOLDER` compares them on a page",
    ),
    (&["onnx", "deploy", "save", "bundle"], "`segspec export RUN` writes the network of a run for other programs"),
    (&["repeat", "rerun"], "`segspec reproduce RUN` computes a run again and compares it with the record"),
    (&["list", "runs"], "`segspec ls` lists runs"),
    (
        &["delete", "remove", "clean", "gc"],
        "`segspec rm RUN` deletes runs or parts of them; runs/.cache can be deleted at any time",
    ),
    (
        &["create"],
        "`segspec new --from FOLDER` writes the files of an experiment for a folder of images, `segspec init` those of an example",
    ),
    (
        &["export"],
        "`segspec convert-dataset NAME --to nnunet --output FOLDER` writes a dataset for nnU-Net, `segspec convert` files",
    ),
    (&["validate", "lint"], "`segspec check FILE` finds the mistakes of experiment and dataset files"),
    (&["info", "header"], "`segspec inspect FILE` prints what a file holds"),
];

/// Parses the command line; prints help, or the error with a hint, and exits where it cannot be run.
pub fn parse() -> Cli {
    let arguments: Vec<_> = std::env::args_os().collect();
    Cli::try_parse_from(&arguments).unwrap_or_else(|mut error| {
        let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy()).collect();
        let hint = words.first().and_then(|command| match error.kind() {
            ErrorKind::InvalidSubcommand => hint(command),
            ErrorKind::UnknownArgument => option_hint(command, &error),
            _ => None,
        });
        if hint.is_some() {
            // A word that is merely spelled alike would mislead.
            let guesses = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::Suggested];
            guesses.into_iter().for_each(|guess| drop(error.remove(guess)));
        }
        let _ = error.print();
        hint.iter().for_each(|hint| eprintln!("\nhint: {hint}"));
        std::process::exit(error.exit_code());
    })
}

fn hint(word: &str) -> Option<&'static str> {
    HINTS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint)
}

/// Options that belong to the experiment.
fn option_hint(command: &str, error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_setting = ["--set", "--overlap", "--threshold", "--weights", "--largest-component", "--batch-size"]
        .contains(&option.as_str());
    (command == "predict" && is_setting).then_some(
        "`segspec run FILE --set predict.overlap=0.75` predicts the test cases again with other settings, without retraining; \
         `segspec predict` then uses them",
    )
}

/// The folder of a run: a path, the beginning of a run's id (at least four characters) below `runs/`, or the file or name of an
/// experiment with a single run.
///
/// # Errors
/// There is no such run, or several.
pub(super) fn run_folder(argument: &Path) -> Result<PathBuf, Failure> {
    if is_run(argument) {
        return Ok(argument.to_path_buf());
    }
    let failed = |text: String| Err(Failure::message(Exit::BadData, text));
    let shown = argument.display();
    let of_experiment = runs_of_experiment(argument);
    match of_experiment.as_slice() {
        [one] => return Ok(one.clone()),
        [] => {}
        several => {
            let text = format!("{shown} has {}, name one of them:\n", counted(several.len(), "run"));
            return failed(text + &listed(several));
        }
    }
    if argument.is_file() {
        return failed(format!("{shown} is a file; a run is named by its folder or id, which `segspec ls` lists"));
    }
    if argument.exists() {
        return failed(format!("{shown} is not a run folder: it has no plan.toml"));
    }
    let id = argument.to_string_lossy();
    let is_id = id.len() >= SHORTEST_ID && argument.components().count() == 1;
    let mut found = Vec::new();
    let folders = entries(Path::new(RUNS));
    if is_id {
        let runs = folders.iter().flat_map(|experiment| entries(experiment));
        let matches = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&*id));
        found = runs.filter(|path| matches(path) && is_run(path)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] if !is_id && argument.components().count() == 1 => failed(format!(
            "{shown}: no such run folder; the beginning of a run's id needs {SHORTEST_ID} characters or more"
        )),
        [] => {
            let near = near(&id).filter(|near| *near != id);
            let hint =
                near.map_or_else(|| "`segspec ls` lists the runs".into(), |near| format!("did you mean `{near}`?"));
            failed(format!("{shown}: no such run folder; {hint}"))
        }
        several => failed(format!("{id} is the beginning of several runs:\n{}", listed(several))),
    }
}

/// The experiment with the most similar name, among those with runs and the files in `experiments/`.
pub(super) fn near(name: &str) -> Option<String> {
    let files = entries(Path::new("experiments")).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let files = files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let names: Vec<String> = entries(Path::new(RUNS)).iter().map(|path| file_name(path)).chain(files).collect();
    let names = names.iter().map(String::as_str).filter(|known| !known.starts_with('.'));
    suggest::nearest(name, names).map(str::to_owned)
}

fn is_run(path: &Path) -> bool {
    path.join("plan.toml").is_file()
}

/// The runs of an experiment that is given by its file or name.
fn runs_of_experiment(argument: &Path) -> Vec<PathBuf> {
    let is_spec = argument.is_file() && argument.extension().is_some_and(|ending| ending == "toml");
    if !is_spec && argument.components().count() != 1 {
        return Vec::new();
    }
    let Some(name) = (if is_spec { argument.file_stem() } else { argument.file_name() }) else { return Vec::new() };
    // Those of `--smoke` and ensembles have names of their own; only trainings of the experiment count.
    let is_smoke = |path: &PathBuf| file_name(path).starts_with("smoke-");
    entries(&Path::new(RUNS).join(name)).into_iter().filter(|path| is_run(path) && !is_smoke(path)).collect()
}

/// The runs, one per line, with what tells them apart.
fn listed(runs: &[PathBuf]) -> String {
    let line = |path: &PathBuf| {
        let about = Stored::open(path).map(|run| run.plan.name()).unwrap_or_default();
        format!("  {}  {about}", path.display()).trim_end().to_owned()
    };
    let mut lines: Vec<String> = runs.iter().take(MOST_LISTED).map(line).collect();
    if runs.len() > MOST_LISTED {
        lines.push(format!("  and {} more: `segspec ls` lists them", runs.len() - MOST_LISTED));
    }
    lines.join("\n")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// An experiment file: a path, or the name of a file in `experiments/` without its ending, which need not exist.
pub(super) fn experiment_file(argument: &Path) -> PathBuf {
    if is_name(argument) { in_folder("experiments", argument) } else { argument.to_path_buf() }
}

/// An experiment or dataset file: a path, or the name of a file in `experiments/`, else in `datasets/`.
pub(super) fn spec_file(argument: &Path) -> PathBuf {
    let (experiment, dataset) = (experiment_file(argument), in_folder("datasets", argument));
    if is_name(argument) && !experiment.is_file() && dataset.is_file() { dataset } else { experiment }
}

/// Whether an argument is the name of a file rather than a path.
pub(super) fn is_name(argument: &Path) -> bool {
    // `liver.small` is a name, too, where `experiments/liver.small.toml` exists.
    let is_file = |folder: &str| in_folder(folder, argument).is_file();
    let is_plain = argument.extension().is_none() || is_file("experiments") || is_file("datasets");
    argument.components().count() == 1 && is_plain && !argument.exists()
}

fn in_folder(folder: &str, name: &Path) -> PathBuf {
    Path::new(folder).join(format!("{}.toml", name.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
