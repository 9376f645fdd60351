//! `segspec rm`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::names::run_folder;
use super::{Exit, Failure};
use crate::plan::{Role, RunIds};
use crate::predict::spec::Weights;
use crate::store::{self, Lock, RunFolder, StoreError, Stored};
use crate::words::bytes;

/// Delete runs, or the parts of them that take the most room; shows first what would be freed
///
/// Nothing is deleted without --yes. Runs that a process is using, and those that a cascade or an ensemble needs, are kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec rm 0123 4567
  segspec rm sweep --part checkpoints --yes
  segspec rm sweep --keep-best 3 --yes")]
pub struct Rm {
    /// Run folders, beginnings of ids, or names of experiments, which stand for all their runs
    #[arg(required = true, value_name = "RUN|EXPERIMENT")]
    runs: Vec<PathBuf>,
    /// What to delete of each run
    #[arg(long, value_name = "PART", default_value = "all")]
    part: Part,
    /// Keep this many runs with the best mean Dice
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_best: usize,
    /// Keep runs with this tag; can be repeated
    #[arg(long, value_name = "TAG")]
    keep_tag: Vec<String>,
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    run_root: PathBuf,
    /// Delete, instead of showing what would be freed
    #[arg(long)]
    yes: bool,
}

/// Part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The whole folder
    All,
    /// The state from which a finished training could go on, and the weights of single epochs; the best weights stay
    Checkpoints,
    /// Label maps and pictures; weights and scores stay, and `segspec run` predicts them again
    Predictions,
}

/// One run to be deleted, wholly or in part.
struct Doomed {
    run: Stored,
    paths: Vec<PathBuf>,
    bytes: u64,
}

/// Shows what would be freed, or frees it.
pub fn execute(args: Rm) -> Result<Exit, Failure> {
    let runs = chosen(&args)?;
    let all: Vec<Stored> = store::all(&args.run_root, None).into_iter().flatten().collect();
    let (mut freed, mut kept) = (0, Vec::new());
    for run in runs {
        let reason = match args.part {
            Part::All => needed_by(&run, &all, &args),
            Part::Checkpoints if !run.status()?.is_trained() => Some("its training is not finished".to_owned()),
            _ => None,
        };
        if let Some(reason) = reason {
            kept.push(format!("{}: kept: {reason}", run.folder.path().display()));
            continue;
        }
        let doomed = Doomed::new(run, args.part);
        if doomed.paths.is_empty() {
            continue;
        }
        println!("{}  {:>10}  {}", doomed.run.id(), bytes(doomed.bytes), doomed.run.plan.name());
        freed += doomed.bytes;
        if args.yes {
            doomed.delete(args.part)?;
        }
    }
    kept.iter().for_each(|line| println!("{line}"));
    match args.yes {
        true => println!("{} freed", bytes(freed)),
        false => println!("{} would be freed; `--yes` deletes", bytes(freed)),
    }
    Ok(Exit::Ok)
}

/// The runs that are named, less those to be kept; each training once.
fn chosen(args: &Rm) -> Result<Vec<Stored>, Failure> {
    let mut runs: Vec<Stored> = Vec::new();
    for path in &args.runs {
        // The file of an experiment stands for its runs.
        let is_file = path.is_file() && path.extension().is_some_and(|ending| ending == "toml");
        let path = &path.file_stem().filter(|_| is_file).map_or_else(|| path.clone(), PathBuf::from);
        let experiment = args.run_root.join(path);
        let is_experiment =
            path.components().count() == 1 && experiment.is_dir() && !experiment.join("plan.toml").exists();
        let found = match is_experiment {
            true => store::all(&args.run_root, path.to_str()).into_iter().flatten().collect(),
            false => vec![Stored::open(&run_folder(path)?)?],
        };
        if found.is_empty() {
            let text = format!("{}: no runs here", experiment.display());
            return Err(Failure::message(Exit::BadData, text));
        }
        for run in found {
            if runs.iter().all(|known| known.folder.path() != run.folder.path()) {
                runs.push(run);
            }
        }
    }
    let mut kept = Vec::new();
    if args.keep_best > 0 {
        refuse_other_cases(&runs)?;
        let dice = |run: &Stored| -> Result<Option<f64>, StoreError> {
            let manifest = run.folder.read_manifest()?;
            let all = manifest.iter().flat_map(|manifest| manifest.predictions.values());
            Ok(all.flat_map(|it| it.evaluations.values()).filter_map(|it| it.dice).reduce(f64::max))
        };
        let mut scored: Vec<(f64, PathBuf)> = Vec::new();
        for run in &runs {
            scored.extend(dice(run)?.map(|dice| (dice, run.folder.path().to_path_buf())));
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        kept = scored.into_iter().take(args.keep_best).map(|(_, path)| path).collect();
    }
    let mut left = Vec::new();
    for run in runs {
        let tags = store::Marks::read(&run.folder)?.tags;
        let is_kept =
            kept.iter().any(|path| path == run.folder.path()) || args.keep_tag.iter().any(|tag| tags.contains(tag));
        if !is_kept {
            left.push(run);
        }
    }
    Ok(left)
}

/// Refuses runs of which none is the best: those of one fold were scored on other cases.
fn refuse_other_cases(runs: &[Stored]) -> Result<(), Failure> {
    let cases = |run: &Stored| -> Vec<_> {
        let scored = run.plan.data.of(Role::Test).map(|case| (case.name.clone(), case.content.clone()));
        scored.collect()
    };
    for (place, run) in runs.iter().enumerate() {
        let is_other = |other: &&Stored| other.plan.about.fold == run.plan.about.fold && cases(other) != cases(run);
        if let Some(other) = runs[..place].iter().find(is_other) {
            let text = format!(
                "--keep-best: {} and {} were scored on other cases, so that neither is the better one; name the runs to delete",
                other.id(),
                run.id()
            );
            return Err(Failure::message(Exit::BadData, text));
        }
    }
    Ok(())
}

/// Who needs a run: a process, a cascade, an ensemble that is not deleted with it.
fn needed_by(run: &Stored, all: &[Stored], args: &Rm) -> Option<String> {
    if let Some(holder) = Lock::holder(&run.folder.lock()) {
        return Some(format!("in use by {holder}"));
    }
    let names = |other: &Stored| -> bool {
        let needs = |ids: &RunIds| ids.training == run.ids.training;
        other.plan.work.members().iter().chain(other.plan.look.first()).any(needs)
    };
    let is_deleted = |other: &Stored| {
        args.runs.iter().any(|path| {
            Path::new(&other.plan.about.experiment) == path
                || other.id().starts_with(&*path.to_string_lossy())
                || other.folder.path().ends_with(path)
        })
    };
    let other = all.iter().find(|other| names(other) && !is_deleted(other))?;
    Some(format!("run {} needs it", other.id()))
}

impl Doomed {
    fn new(run: Stored, part: Part) -> Self {
        let paths = match part {
            Part::All => vec![run.folder.path().to_path_buf()],
            Part::Checkpoints => run.folder.resumable_state(run.plan.predict.weights == Weights::Last),
            Part::Predictions => run.folder.predicted_files(),
        };
        let paths: Vec<PathBuf> = paths.into_iter().filter(|path| path.exists()).collect();
        let bytes = paths.iter().map(|path| size(path)).sum();
        Self { run, paths, bytes }
    }

    fn delete(&self, part: Part) -> Result<(), Failure> {
        let folder: &RunFolder = &self.run.folder;
        // Nobody begins to work on what is being deleted.
        let lock = Lock::take(&folder.lock()).map_err(|error| Failure::new(Exit::Environment, error))?;
        if part == Part::All {
            folder.clear()?;
            drop(lock);
            // Another process may have begun a new run there.
            let _ = fs::remove_dir(folder.path());
            return Ok(());
        }
        for path in &self.paths {
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.map_err(StoreError::at(path))?;
        }
        Ok(())
    }
}

fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}
