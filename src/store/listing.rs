//! All runs below a run root, one entry per prediction, as lists show them.
//!
//! Reading a run means to parse and hash its plan; with thousands of runs this takes seconds. What was read is therefore remembered in
//! the run root's cache, by time and size of the files that it was read from. The cache may be deleted at any time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::folder::{PLAN, PREDICTIONS, RunFolder, cache, entries, read_json, write_json};
use super::history::read_history;
use super::stored::is_run;
use super::{Lock, Marks, Status, StoreError, Stored};
use crate::evaluate::Setting;

/// Version of the cache file.
const VERSION: u32 = 1;

/// A run with one of its predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Name of its experiment.
    pub experiment: String,
    /// Its id, which is the name of its folder.
    pub run: String,
    /// Id of the prediction.
    pub prediction: String,
    /// Folder of the prediction, or of the run where there is none yet.
    pub folder: PathBuf,
    /// State.
    pub status: Status,
    /// What distinguishes its trial within the experiment.
    pub trial: String,
    /// Settings of its trial.
    pub settings: Vec<Setting>,
    /// Hash of the trial's settings.
    pub spec: String,
    /// Seed.
    pub seed: u64,
    /// Number of the fold, of how many.
    pub fold: [usize; 2],
    /// Finished epochs.
    pub epochs: usize,
    /// Mean Dice over the test cases.
    pub dice: Option<f64>,
    /// Start of its first session, UTC; empty before.
    pub started: String,
    /// Device.
    pub device: String,
    /// Tags and note.
    pub marks: Marks,
}

impl Listed {
    /// Folder of the run.
    pub fn run_folder(&self) -> &Path {
        let above = self.folder.parent().filter(|above| above.ends_with(PREDICTIONS)).and_then(Path::parent);
        above.unwrap_or(&self.folder)
    }
}

/// Time and size of a file; none if there is none.
type Stamp = Option<(u64, u64)>;

/// What was read, and from which files.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    stamps: [Stamp; 5],
    listed: Listed,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cache {
    version: u32,
    runs: BTreeMap<PathBuf, Known>,
}

/// Every run of an experiment, or of all below a run root, sorted by experiment and folder; and the folders that cannot be read.
pub fn list(run_root: &Path, experiment: Option<&str>) -> (Vec<Listed>, Vec<StoreError>) {
    let experiments = match experiment {
        Some(name) => vec![run_root.join(name)],
        None => entries(run_root),
    };
    let runs: Vec<PathBuf> =
        experiments.iter().flat_map(|folder| entries(folder)).filter(|path| is_run(path)).collect();
    let file = cache(run_root).join("runs.json");
    // A damaged cache is as good as none.
    let known = read_json::<Cache>(&file).ok().flatten().filter(|known| known.version == VERSION).unwrap_or_default();
    let found = read_all(&runs, &known);
    let (mut listed, mut unreadable, mut new) = (Vec::new(), Vec::new(), Cache { version: VERSION, ..known });
    let mut is_changed = false;
    for result in found {
        match result {
            Ok((path, known, is_new)) => {
                is_changed |= is_new;
                listed.push(with_lock(&known.listed));
                new.runs.insert(path, known);
            }
            Err(error) => unreadable.push(error),
        }
    }
    if is_changed {
        new.runs.retain(|path, _| path.exists());
        // Where nothing can be written, the runs are read again next time.
        let _ = write_json(&file, &new);
    }
    (listed, unreadable)
}

/// Where a run is read from, what it says, and whether that is new.
type Found = Result<(PathBuf, Known, bool), StoreError>;

/// Reads all runs, in threads of their own: in a shared pool, a thread that waits for a table to be read would begin the next run
/// meanwhile, one within the other, until its stack is full.
fn read_all(runs: &[PathBuf], known: &Cache) -> Vec<Found> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |part: &[PathBuf]| part.iter().flat_map(|path| of_run(path, known)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let parts = runs.chunks(runs.len().div_ceil(threads).max(1));
        let readers: Vec<_> = parts.map(|part| (part, scope.spawn(move || read(part)))).collect();
        // A thread that panicked is no reason to lose its runs: they are read here.
        readers.into_iter().flat_map(|(part, reader)| reader.join().unwrap_or_else(|_| read(part))).collect()
    })
}

/// The predictions of a run.
fn of_run(path: &Path, known: &Cache) -> Vec<Found> {
    let predictions: Vec<_> =
        entries(&path.join(PREDICTIONS)).into_iter().filter(|at| at.join(PLAN).exists()).collect();
    let places = if predictions.is_empty() { vec![path.to_path_buf()] } else { predictions };
    let folder = RunFolder::at(path);
    let of_run = [folder.manifest(), folder.history(), folder.plan(), folder.marks()].map(|file| stamp(&file));
    let one = |place: PathBuf| {
        let [manifest, history, plan, marks] = of_run;
        let stamps = [stamp(&place.join(PLAN)), manifest, history, plan, marks];
        match known.runs.get(&place).filter(|known| known.stamps == stamps) {
            Some(known) => Ok((place, known.clone(), false)),
            None => read(&place).map(|listed| (place, Known { stamps, listed }, true)),
        }
    };
    places.into_iter().map(one).collect()
}

/// Nanoseconds and bytes: a file that was written twice within the clock's step differs in its size, or is read in a later call.
fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    let time = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((time.as_nanos() as u64, metadata.len()))
}

fn read(place: &Path) -> Result<Listed, StoreError> {
    let run = Stored::open(place)?;
    let (plan, manifest) = (&run.plan, run.folder.read_manifest()?);
    let manifest = manifest.as_ref();
    let finished = manifest.and_then(|manifest| manifest.training.as_ref());
    let epochs = match (finished, plan.work.training()) {
        (Some(training), _) => training.epochs,
        (None, Some(_)) => read_history(&run.folder)?.map_or(0, |history| history.height()),
        (None, None) => 0,
    };
    let started = manifest.and_then(|manifest| Some(manifest.sessions.first()?.started.clone()));
    Ok(Listed {
        run: run.id(),
        prediction: run.ids.prediction.clone(),
        folder: place.to_path_buf(),
        status: run.status_without_lock()?,
        seed: plan.seed(),
        fold: [plan.about.fold, plan.about.folds],
        epochs,
        dice: manifest.and_then(|manifest| manifest.evaluation(&run.ids)?.dice),
        started: started.unwrap_or_default(),
        marks: Marks::read(&run.folder)?,
        device: manifest.map(|manifest| manifest.device.clone()).unwrap_or_default(),
        trial: plan.about.trial.label(),
        settings: plan.about.trial.settings.clone(),
        spec: plan.about.trial.spec.clone(),
        experiment: plan.about.experiment.clone(),
    })
}

/// The state of the moment: locks are not remembered.
fn with_lock(listed: &Listed) -> Listed {
    let mut now = listed.clone();
    if now.status != Status::Finished {
        let run = RunFolder::at(now.run_folder());
        if let Some(holder) = Lock::holder(&run.lock()) {
            now.status = Status::Running { holder };
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_without_runs_lists_none_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (listed, unreadable) = list(folder.path(), None);
        assert!(listed.is_empty() && unreadable.is_empty());
        assert!(!cache(folder.path()).exists());
    }
}
