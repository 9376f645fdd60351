//! Files that were given in place of a spec: what they are, and what can be done with them.

use std::path::Path;

use super::diagnostic::Problem;
use super::node::Node;
use crate::words::{shell, shell_path};

/// Endings of files of a run or a report, and what they are.
const RESULTS: [(&str, &str, &str); 9] = [
    ("md", "a text", "give the experiment file: `segspec run experiments/NAME.toml`"),
    ("txt", "a text", "give the experiment file: `segspec run experiments/NAME.toml`"),
    (
        "jsonl",
        "a log or the journal of a search",
        "give the experiment file; `segspec sweep replay EXPERIMENT` checks its journal",
    ),
    ("json", "JSON", "give the experiment file; `segspec ls` lists runs, `segspec report RUN` tells of one"),
    ("parquet", "a table of results", "give the experiment file; `segspec report RUN` shows the results of a run"),
    ("csv", "a table", "give the experiment file; `segspec report RUN` shows the results of a run"),
    ("html", "a page", "give the experiment file; open pages in a browser"),
    (
        "safetensors",
        "a file of weights",
        "give the experiment file; weights go to `[pretrained]` or stay in their run folder",
    ),
    ("log", "a log", "give the experiment file; `segspec ls` lists runs"),
];

/// Endings of images, labels and surfaces.
const IMAGES: [&str; 14] =
    ["nii", "gz", "nrrd", "nhdr", "seg", "dcm", "mha", "mhd", "png", "tif", "tiff", "stl", "obj", "ply"];

/// What to say of a run that no spec was written for.
const WITHOUT_SPEC: &str = "this run has none, as one that was imported, and its plan.toml states every setting";

/// The error for a file that by its name is no spec; `None` if it may be one.
pub fn by_name(path: &Path, shown: &str) -> Option<Problem> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    if IMAGES.contains(&ending.as_str()) {
        let problem = Problem::nowhere(format!("`{shown}` is an image, not a spec"));
        return Some(problem.help(format!(
            "`segspec inspect {}` describes it; `segspec new --from FOLDER` writes a spec",
            shell(shown)
        )));
    }
    let (_, what, help) = RESULTS.iter().find(|(known, ..)| *known == ending)?;
    Some(Problem::nowhere(format!("`{shown}` is {what}, not a spec")).help(*help))
}

/// The error for the plan of a run, a dataset in place of an experiment, or the reverse.
pub fn by_content(path: &Path, shown: &str, tree: &Node, wants_dataset: bool) -> Option<Problem> {
    let has = |key: &str| tree.get(key).is_some();
    if ["format", "about", "work"].iter().all(|key| has(key)) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let problem = Problem::nowhere(format!("`{shown}` is the plan of a run, not a spec"));
        let spec = folder.join("experiment.toml");
        let spec = match spec.is_file() {
            true => format!("{} is its spec", spec.display()),
            false => WITHOUT_SPEC.into(),
        };
        let help = format!("`segspec run-plan {}` executes it; {spec}", shell_path(folder));
        return Some(problem.help(help));
    }
    // Of the keys that only one of the two has.
    let is_dataset = !has("dataset") && (has("layout") || has("labels")) && has("structure");
    let is_experiment = has("dataset") && !has("layout");
    match wants_dataset {
        false if is_dataset => {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let problem = Problem::nowhere(format!("`{shown}` is a dataset file, not an experiment"));
            let help = format!(
                "an experiment names it, `dataset = \"{name}\"`; `segspec dataset check {}` reads its cases",
                shell(shown)
            );
            Some(problem.help(help))
        }
        true if is_experiment => {
            let named = tree.get("dataset").and_then(Node::as_text).unwrap_or_default();
            let problem = Problem::nowhere(format!("`{shown}` is an experiment, not a dataset file"));
            Some(problem.help(format!("its dataset is `{named}`")))
        }
        _ => None,
    }
}

/// What can be done with a folder.
pub fn of_folder(path: &Path) -> String {
    if path.join("plan.toml").is_file() {
        let spec = match path.join("experiment.toml").is_file() {
            true => format!("that of this run is {}/experiment.toml", path.display()),
            false => WITHOUT_SPEC.into(),
        };
        return format!("a spec is a file: {spec}; `segspec run-plan {}` executes its plan", shell_path(path));
    }
    let specs = std::fs::read_dir(path).into_iter().flatten().flatten();
    match specs.map(|entry| entry.path()).any(|file| file.extension().is_some_and(|ending| ending == "toml")) {
        true => "name a file in it".into(),
        false => format!("`segspec new --from {}` writes the specs for a folder of images", shell_path(path)),
    }
}
