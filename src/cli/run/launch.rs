//! `segspec run --launcher`: runs that are executed elsewhere.

use std::path::Path;

use super::{Launch, Run};
use crate::cli::names::root_words;
use crate::cli::session::{self, counted};
use crate::cli::{Exit, Failure};
use crate::launch::slurm::{Request, submit};
use crate::launch::{LaunchError, Submission};
use crate::observe::event::now;
use crate::run::{Folds, Planned, RunError, one};
use crate::spec::Loaded;
use crate::spec::launcher::Devices;
use crate::store::{StoreError, Stored};
use crate::sweep::search;
use crate::sweep::state::{Decision, State};
use crate::words::{shell, shell_path};

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Self::new(Exit::Environment, error)
    }
}

/// Tasks that take part in a search where nothing is said.
const PARTICIPANTS: usize = 4;

/// The template of `--launcher command`.
pub fn template(args: &Run, loaded: &Loaded) -> Result<Option<String>, Failure> {
    if args.launcher != Some(Launch::Command) {
        return Ok(None);
    }
    let template = loaded.experiment.launcher.command.clone();
    let usage = |text: &str| Failure::message(Exit::Usage, text);
    let template = template
        .ok_or_else(|| usage("--launcher command needs `[launcher] command = \"ssh node7 {}\"` in the experiment"))?;
    Ok(Some(template))
}

/// Submits everything that is not finished to SLURM, and leaves.
pub fn slurm(args: &Run, loaded: &Loaded, planned: &Planned, folds: &Folds) -> Result<Exit, Failure> {
    let folder = std::env::current_dir().map_err(StoreError::at(Path::new(".")))?;
    let data = std::path::absolute(session::data_root()).map_err(StoreError::at(Path::new("data")))?;
    let settings = loaded.experiment.launcher.slurm.clone().unwrap_or_default();
    let arguments = experiment_words(args);
    let taking_part = format!("run {arguments} --take-part{}", fold_words(args));
    // SEGSPEC_DEVICE tells of this machine.
    let stated = loaded.experiment.launcher.devices.as_ref().map(Devices::names);
    let device = args.device.clone().or(stated);
    let further = device.map_or_else(String::new, |device| format!(" --device {device}"));
    let is_search = loaded.search.is_some();
    if is_over(loaded, planned, folds)? {
        println!("the budget of this search is spent; nothing is submitted. Raise it, or see `segspec report`");
        return Ok(Exit::Ok);
    }
    let runs = if is_search { Vec::new() } else { due(planned)? };
    if !is_search && runs.is_empty() {
        println!("every run is finished or running; nothing is submitted");
        return Ok(Exit::Ok);
    }
    let name = loaded.experiment.name.clone().unwrap_or_default();
    let request = Request {
        experiment: &name,
        settings: &settings,
        folder: &folder,
        data: &data,
        report: &arguments,
        search: is_search.then_some(taking_part.as_str()),
        further: &further,
        participants: settings.array_limit.map_or(PARTICIPANTS, |limit| limit as usize),
        print: args.print,
    };
    let run_root = Path::new(&loaded.experiment.run_root);
    let submission = Submission::begin(run_root, &name, &now())?;
    let submission = submit(&request, &runs, submission)?;
    if args.print {
        for job in &submission.jobs {
            println!("# {}", job.script.display());
            let text = std::fs::read_to_string(&job.script).map_err(StoreError::at(&job.script))?;
            println!("{text}");
        }
        println!("# not submitted: --print");
        return Ok(Exit::Ok);
    }
    for job in &submission.jobs {
        let what = match job.kind.as_str() {
            "runs" => counted(job.runs.len(), "run"),
            kind => kind.to_owned(),
        };
        println!("job {}: {what}  ({})", job.id, job.script.display());
    }
    println!(
        "`segspec status {}{}` tells how they are; logs are in {}",
        shell(&name),
        root_words(run_root),
        submission.folder.join("logs").display()
    );
    Ok(Exit::Ok)
}

/// Whether a search has nothing left to do.
fn is_over(loaded: &Loaded, planned: &Planned, folds: &Folds) -> Result<bool, RunError> {
    let Some(sought) = &loaded.search else { return Ok(false) };
    let (rules, journal) = search::open(loaded, sought, planned, folds)?;
    let state = State::of(journal.entries(), &rules).map_err(|reason| journal.contradiction(reason))?;
    let settings = &sought.settings;
    Ok(matches!(state.decide(&rules, &settings.budget, settings.trials()), Ok(Decision::Over)))
}

/// The runs that are not finished, with their plans written. Those in others' hands, such as tasks of an earlier submission, are left out.
fn due(planned: &Planned) -> Result<Vec<Stored>, RunError> {
    let mut due = Vec::new();
    for run in &planned.runs {
        match one::standing(run) {
            None => due.push(run.clone()),
            Some(crate::observe::Outcome::Skipped) => {}
            Some(crate::observe::Outcome::Busy { holder }) => {
                eprintln!("run {}: {holder} is working on it; it is not submitted", run.id());
            }
            Some(outcome) => return Err(RunError::NothingThere(format!("run {}: {}", run.id(), outcome.words()))),
        }
    }
    Ok(due)
}

/// File and overrides as they were given, as shell words.
fn experiment_words(args: &Run) -> String {
    let file = shell_path(&args.experiment);
    let settings = args.settings();
    settings.iter().fold(file, |words, set| format!("{words} --set {}", shell(set)))
}

fn fold_words(args: &Run) -> String {
    match &args.fold {
        None => String::new(),
        Some(choice) => format!(" --fold {}", choice.text()),
    }
}
