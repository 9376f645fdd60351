//! The search of an experiment: its rules, its journal, and its trials as the journal tells them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::journal::Journal;
use super::state::{Rules, State, Status};
use crate::plan::spec_hash;
use crate::run::{Folds, Planned, RunError};
use crate::spec::search::Judged;
use crate::spec::{Loaded, Sought, Trial};

/// Folder of the journals below the run root.
const JOURNALS: &str = ".sweeps";

/// Rules and journal of a search. `planned`: the trials at the corners of its space, whose ids tell which data and which segspec it is on.
///
/// # Errors
/// The rules contradict each other, or the journal is damaged.
pub fn open(loaded: &Loaded, sought: &Sought, planned: &Planned, folds: &Folds) -> Result<(Rules, Journal), RunError> {
    let folds = match folds {
        Folds::All => planned.folds,
        Folds::Chosen(chosen) => chosen.len(),
    };
    let rules = rules(loaded, sought, folds)?;
    let judged_on_test = sought.settings.objectives().iter().any(|objective| objective.on == Judged::Test);
    let mut data = blake3::Hasher::new_derive_key("segspec 2026 search on data v1");
    for run in &planned.runs {
        data.update(run.ids.training.as_bytes());
        if judged_on_test {
            data.update(run.ids.evaluation.as_bytes());
        }
    }
    let name = format!("{}-{}.jsonl", spec_id(loaded, sought, folds), &data.finalize().to_hex()[..8]);
    Ok((rules, Journal::open(&folder(loaded).join(name))?))
}

/// The rules of a search whose trials are run on so many folds.
///
/// # Errors
/// They contradict each other.
pub fn rules(loaded: &Loaded, sought: &Sought, folds: usize) -> Result<Rules, RunError> {
    let epochs = loaded.trials.iter().map(|trial| trial.experiment.train.epochs).max().unwrap_or(1) as u64;
    let repeats = sought.seeds.len() * folds;
    let rules = Rules::new(&sought.settings, sought.space.space(), epochs, repeats);
    rules.map_err(|error| RunError::Search(error.to_string()))
}

/// The trials whose runs belong to an experiment: of a grid all, of a search those that its latest journal has finished.
///
/// # Errors
/// The journal is damaged.
pub fn trials(loaded: &Loaded) -> Result<Vec<Trial>, RunError> {
    let Some(sought) = &loaded.search else { return Ok(loaded.trials.clone()) };
    let Some((_, state, _)) = latest(loaded, sought)? else { return Ok(Vec::new()) };
    let mut trials = Vec::new();
    for trial in state.trials.iter().filter(|trial| matches!(trial.status, Status::Finished(_))) {
        let seeds = sought.seeds.iter().filter_map(|seed| loaded.trial(sought, &trial.point, *seed).ok());
        trials.extend(seeds);
    }
    Ok(trials)
}

/// Rules, state and journal of the search that was led last.
///
/// # Errors
/// The journal is damaged.
pub fn latest(loaded: &Loaded, sought: &Sought) -> Result<Option<(Rules, State, Journal)>, RunError> {
    let mut found: Option<(SystemTime, PathBuf)> = None;
    // Whatever folds it is on: `--fold` may have been given.
    let start = spec_id_of(loaded, sought);
    for entry in std::fs::read_dir(folder(loaded)).into_iter().flatten().flatten() {
        let is_own = entry.file_name().to_string_lossy().starts_with(&start)
            && entry.path().extension().is_some_and(|it| it == "jsonl");
        let Some(changed) = entry.metadata().and_then(|it| it.modified()).ok().filter(|_| is_own) else { continue };
        if found.as_ref().is_none_or(|(known, _)| *known < changed) {
            found = Some((changed, entry.path()));
        }
    }
    let Some((_, path)) = found else { return Ok(None) };
    let journal = Journal::open(&path)?;
    let rules = rules(loaded, sought, loaded.folds.len().max(1))?;
    let state = State::of(journal.entries(), &rules).map_err(|reason| journal.contradiction(reason))?;
    Ok(Some((rules, state, journal)))
}

fn folder(loaded: &Loaded) -> PathBuf {
    let name = loaded.experiment.name.as_deref().unwrap_or_default();
    Path::new(&loaded.experiment.run_root).join(JOURNALS).join(name)
}

fn spec_id(loaded: &Loaded, sought: &Sought, folds: usize) -> String {
    format!("{}-{folds}", spec_id_of(loaded, sought))
}

/// Hash of everything that decides what a search does, but for the budget, which may be raised.
fn spec_id_of(loaded: &Loaded, sought: &Sought) -> String {
    let mut settings = sought.settings.clone();
    settings.budget = Default::default();
    let what = (&settings, sought.space.space(), sought.space.values(), &sought.seeds);
    let text = serde_json::to_string(&what).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 search v1");
    hasher.update(spec_hash(&loaded.experiment, &loaded.dataset).as_bytes()).update(text.as_bytes());
    hasher.finalize().to_hex()[..12].to_owned()
}
