//! The runs of a folder: of an experiment without a file, such as an imported model, or of all experiments below a run root.

use std::path::{Path, PathBuf};

use super::names::{RUNS, experiment_file, is_name};
use super::{Exit, Failure};
use crate::store::{self, Stored};
use crate::words::{shell, shell_path};

/// The folder of several runs that an argument names: a folder that is no run, or an experiment that has runs and no file.
pub(super) fn folder_of_runs(argument: &Path) -> Option<PathBuf> {
    if argument.is_dir() {
        return (!argument.join("plan.toml").is_file()).then(|| argument.to_path_buf());
    }
    let named = Path::new(RUNS).join(argument);
    (is_name(argument) && !experiment_file(argument).is_file() && named.is_dir()).then_some(named)
}

/// The runs of an experiment's folder (`runs/NAME`), or of all experiments below a run root, without those of `--smoke`.
///
/// # Errors
/// There are none.
pub(super) fn runs_below(path: &Path) -> Result<Vec<Stored>, Failure> {
    let below = |root: &Path, name: Option<&str>| {
        let (mut found, mut bad) = (Vec::new(), Vec::new());
        for run in store::all(root, name) {
            match run {
                Ok(run) if !run.plan.about.smoke => found.push(run),
                Ok(_) => {}
                Err(error) => bad.push(error.to_string()),
            }
        }
        (found, bad)
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (mut found, mut bad) = below(parent, name.as_deref());
    if found.is_empty() {
        (found, bad) = below(path, None);
    }
    bad.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if found.is_empty() {
        let text = format!(
            "{}: no runs in this folder. Label files are scored and ranked by `segspec evaluate --reference DIR --prediction A=DIR \
             --prediction B=DIR`",
            path.display()
        );
        return Err(Failure::message(Exit::BadData, text));
    }
    Ok(found)
}

/// What to do with an imported model in place of an experiment, since it has no file.
pub(super) fn without_file(file: &Path) -> Option<String> {
    let name = file.file_stem().filter(|_| !file.exists())?.to_string_lossy();
    let run = store::all(Path::new(RUNS), Some(&name)).into_iter().flatten().next().filter(Stored::is_imported)?;
    let (path, plan) = (shell_path(run.folder.path()), run.folder.plan());
    Some(format!(
        "`{name}` was imported: it has no experiment file, and is not trained here. `segspec predict {path} --input IMAGES --output FOLDER` \
         segments images, `segspec run-plan {path}` scores a run, `segspec report {}` tells of all; {} states every setting",
        shell(&name),
        plan.display()
    ))
}

/// Of several predictions of one network under one name, that which was planned last, and warnings about the others. Another import of a
/// model takes other cases.
pub(super) fn latest(runs: Vec<Stored>) -> (Vec<Stored>, Vec<String>) {
    let (mut kept, mut warnings): (Vec<Stored>, Vec<String>) = (Vec::new(), Vec::new());
    for run in runs {
        let is_same = |known: &Stored| {
            known.folder.path() == run.folder.path()
                && (run.is_imported() || known.plan.about.trial == run.plan.about.trial)
        };
        let Some(place) = kept.iter().position(is_same) else {
            kept.push(run);
            continue;
        };
        let text =
            format!("{} has several predictions: the one that was planned last counts", run.folder.path().display());
        // Without cases there is nothing to tell of.
        let has_cases = |run: &Stored| !run.plan.data.cases.is_empty();
        if has_cases(&run) && has_cases(&kept[place]) && !warnings.contains(&text) {
            warnings.push(text);
        }
        if kept[place].planned_at() < run.planned_at() {
            kept[place] = run;
        }
    }
    (kept, warnings)
}
