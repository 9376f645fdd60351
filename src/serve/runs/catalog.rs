//! The runs that the server knows. Requests name them by ids, which are looked up here.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::super::error::{Answer, Refusal};
use super::super::files::Roots;
use super::super::state::locked;
use super::details::modality;
use crate::model::Task;
use crate::plan::Work;
use crate::store::{Listed, RunFolder, Status, Stored, list};

/// How long a list is used: a page asks for many things at once.
const FRESH: Duration = Duration::from_secs(1);

/// The runs below the run root.
pub struct Catalog {
    root: PathBuf,
    /// Where the folders of runs may be, with their links followed.
    places: Vec<PathBuf>,
    rows: Mutex<Option<(Instant, Arc<Rows>)>>,
    facts: Mutex<HashMap<PathBuf, (SystemTime, Facts)>>,
    /// The ids that were given out, by the folders of predictions.
    ids: Mutex<HashMap<PathBuf, String>>,
}

/// The runs, and what keeps others from being shown.
pub struct Rows {
    pub rows: Vec<Row>,
    pub problems: Vec<String>,
}

/// A run with one of its predictions.
#[derive(Clone)]
pub struct Row {
    /// As requests name it.
    pub id: String,
    pub listed: Listed,
    facts: Facts,
}

/// What lists show of the plan.
#[derive(Clone)]
struct Facts {
    kind: &'static str,
    task: Task,
    epochs: usize,
    name: String,
    /// Names of the structures that it finds.
    structures: Vec<String>,
    /// Modality of its dataset.
    modality: Option<String>,
}

impl Catalog {
    pub fn new(root: &Path, roots: &Roots) -> Self {
        let places = root.canonicalize().into_iter().chain(roots.resolved().map(Path::to_path_buf)).collect();
        Self {
            root: root.to_path_buf(),
            places,
            rows: Mutex::default(),
            facts: Mutex::default(),
            ids: Mutex::default(),
        }
    }

    /// All runs.
    pub fn rows(&self) -> Arc<Rows> {
        let mut known = locked(&self.rows);
        if let Some((_, rows)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return rows.clone();
        }
        let (listed, unreadable) = list(&self.root, None);
        let mut problems: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
        let mut rows = Vec::new();
        for listed in listed {
            let folder = listed.run_folder().display().to_string();
            match self.is_inside(listed.run_folder()) {
                true => rows.extend(self.row(listed)),
                false => problems.push(format!("{folder}: is a link out of the run folder; name its place as --root")),
            }
        }
        name(&mut rows, &mut locked(&self.ids));
        let rows = Arc::new(Rows { rows, problems });
        *known = Some((Instant::now(), rows.clone()));
        rows
    }

    /// Forgets the list: a run has just begun or ended.
    pub fn forget(&self) {
        *locked(&self.rows) = None;
    }

    /// A link may lead out of the run root.
    fn is_inside(&self, folder: &Path) -> bool {
        let resolved = folder.canonicalize();
        // The root may have been made after the server began.
        let root = self.root.canonicalize();
        resolved.is_ok_and(|path| self.places.iter().chain(root.iter()).any(|place| path.starts_with(place)))
    }

    fn row(&self, listed: Listed) -> Option<Row> {
        let plan = RunFolder::at(&listed.folder).plan();
        let changed =
            std::fs::metadata(plan).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let known =
            locked(&self.facts).get(&listed.folder).filter(|(at, _)| *at == changed).map(|(_, facts)| facts.clone());
        let facts = match known {
            Some(facts) => facts,
            None => {
                let facts = facts(&Stored::open(&listed.folder).ok()?);
                locked(&self.facts).insert(listed.folder.clone(), (changed, facts.clone()));
                facts
            }
        };
        Some(Row { id: String::new(), listed, facts })
    }

    /// The run of an id, with or without its experiment, or of the id of a training that has one prediction.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn find(&self, id: &str) -> Answer<Row> {
        let all = self.rows();
        let rows = &all.rows;
        if let Some(row) = rows.iter().find(|row| row.id == id).or_else(|| rows.iter().find(|row| long(row) == id)) {
            return Ok(row.clone());
        }
        let mut same = rows.iter().filter(|row| row.listed.run == id && row.id == short(row));
        match (same.next(), same.next()) {
            (Some(row), None) => Ok(row.clone()),
            (Some(_), Some(_)) => Err(Refusal::conflict("this training has several predictions; name one of them")),
            (None, _) => Err(Refusal::missing("run")),
        }
    }

    /// Opens the run of an id.
    ///
    /// # Errors
    /// As [`Catalog::find`]; its plan cannot be read.
    pub fn open(&self, id: &str) -> Answer<Stored> {
        Ok(Stored::open(&self.find(id)?.listed.folder)?)
    }
}

/// Ids: training and prediction. Where several experiments have the same run, the one that was started first has that id, and those of the
/// others begin with the experiment. An id that was given out once stays: pages and saves name their run by it.
fn name(rows: &mut [Row], known: &mut HashMap<PathBuf, String>) {
    for row in rows.iter_mut() {
        row.id = known.get(&row.listed.folder).cloned().unwrap_or_default();
    }
    let mut taken: HashSet<String> = rows.iter().filter(|row| !row.id.is_empty()).map(|row| row.id.clone()).collect();
    let mut new: Vec<&mut Row> = rows.iter_mut().filter(|row| row.id.is_empty()).collect();
    new.sort_by_key(|row| (row.listed.started.is_empty(), row.listed.started.clone(), row.listed.experiment.clone()));
    for row in new {
        row.id = if taken.insert(short(row)) { short(row) } else { long(row) };
        known.insert(row.listed.folder.clone(), row.id.clone());
    }
}

fn short(row: &Row) -> String {
    format!("{}.{}", row.listed.run, row.listed.prediction)
}

/// The id with the experiment, which no other run has.
fn long(row: &Row) -> String {
    format!("{}.{}", row.listed.experiment, short(row))
}

fn facts(run: &Stored) -> Facts {
    let (kind, epochs) = match &run.plan.work {
        Work::Average(_) => ("ensemble", 0),
        Work::Train(training) if training.imported.is_some() => ("imported", 0),
        Work::Train(training) => ("training", training.train.epochs),
    };
    let modality = modality(run);
    Facts { kind, task: run.plan.task, epochs, name: run.plan.name(), structures: run.structures(), modality }
}

impl Row {
    /// Whether it can segment images: it is trained, or has weights of an earlier epoch.
    pub fn can_segment(&self) -> bool {
        let folder = RunFolder::at(self.listed.run_folder());
        let has_weights = || folder.best_weights().is_file() || folder.last_weights().is_file();
        let is_ready = self.listed.status.is_trained() || (self.facts.kind != "ensemble" && has_weights());
        self.facts.task == Task::Segment && is_ready
    }

    /// What tells it from the other runs of its experiment; the only run of an experiment has nothing, and is named by its id.
    pub fn name(&self) -> &str {
        if self.facts.name.is_empty() { &self.listed.run } else { &self.facts.name }
    }

    /// As lists show it.
    pub fn to_json(&self) -> Value {
        let Listed { experiment, status, dice, started, epochs, .. } = &self.listed;
        let failure = match status {
            Status::Failed { reason } => Some(reason),
            _ => None,
        };
        let epochs = (self.facts.epochs > 0).then(|| json!({ "done": epochs, "of": self.facts.epochs }));
        json!({
            "id": self.id, "experiment": experiment, "name": self.name(), "kind": self.facts.kind, "task": self.facts.task,
            "structure-names": self.facts.structures, "modality": self.facts.modality,
            "state": status.word(), "failure": failure, "epochs": epochs, "dice": dice,
            "started": Some(started).filter(|started| !started.is_empty()),
            "folder": self.listed.run_folder(), "can-segment": self.can_segment(),
        })
    }
}
