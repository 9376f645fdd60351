//! Planned runs and their folders on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::folder::write_json;
use super::folder::{PLAN, PREDICTIONS, entries};
use super::remedy::{self, IMPORT};
use super::{EvaluationFolder, Lock, Manifest, PredictionFolder, RunFolder, SourceFile, StoreError};
use crate::files;
use crate::plan::{FORMAT, Plan, RunIds, Work};
use crate::predict::spec::Averaged;
use crate::spec::carried::Carried;

/// What to do about a plan that cannot be read.
const DAMAGED: &str = "run the experiment again, which writes it again and keeps the results";
/// The same for an imported run.
const DAMAGED_IMPORT: &str =
    "import the model again with `segspec import nnunet`, which writes it again and keeps the results";

/// Prefix of `--smoke` run folders.
const SMOKE: &str = "smoke-";

/// State of a run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Status {
    /// Not started.
    New,
    /// Locked by a process.
    Running {
        /// The process, for display.
        holder: String,
    },
    /// Interrupted; the next call resumes it.
    Resumable,
    /// Trained; the next call predicts and scores.
    Trained,
    /// Predicted; the next call scores.
    Predicted,
    /// The last attempt failed; the next call resumes from the last checkpoint.
    Failed {
        /// The error.
        reason: String,
    },
    /// Trained elsewhere and imported, with nothing to score.
    Imported,
    /// Finished.
    Finished,
}

impl Status {
    /// The state, and what a finished run has beyond it.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Trained => "trained; prediction missing",
            Self::Predicted => "predicted; scores missing",
            other => other.word(),
        }
    }

    /// Whether the training is finished.
    pub fn is_trained(&self) -> bool {
        matches!(self, Self::Trained | Self::Predicted | Self::Imported | Self::Finished)
    }

    /// One word, for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Running { .. } => "running",
            Self::Resumable => "resumable",
            Self::Trained => "trained",
            Self::Predicted => "predicted",
            Self::Failed { .. } => "failed",
            Self::Imported => "imported",
            Self::Finished => "finished",
        }
    }
}

/// What a run was planned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specs {
    /// The files that run again.
    pub carried: Carried,
    /// The files that the user wrote.
    pub sources: Arc<Vec<SourceFile>>,
}

/// A planned run: its folder, its plan, and the ids of its stages.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its folder.
    pub folder: RunFolder,
    /// Its plan.
    pub plan: Plan,
    /// The ids of its stages.
    pub ids: RunIds,
    /// The specs that it was planned from; none where it was opened from its folder.
    pub specs: Option<Arc<Specs>>,
}

impl Stored {
    /// A planned run below a run root. Its folder need not exist yet.
    pub fn new(run_root: &Path, plan: Plan) -> Self {
        let ids = plan.ids();
        let folder = RunFolder { path: run_root.join(&plan.about.experiment).join(folder_name(&plan, &ids.training)) };
        Self { folder, plan, ids, specs: None }
    }

    /// Opens a run folder (with its latest plan) or one of its prediction folders.
    ///
    /// # Errors
    /// The plan is missing, unreadable, or not the one the run began with.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = &with_parents(path)?;
        let plan = read_plan(&path.join(PLAN))?;
        let ids = plan.ids();
        let is_prediction = path.parent().and_then(Path::file_name).is_some_and(|name| name == PREDICTIONS);
        let above = is_prediction.then(|| path.parent().and_then(Path::parent)).flatten();
        let folder = RunFolder { path: above.unwrap_or(path).to_path_buf() };
        let run = Self { folder, plan, ids, specs: None };
        // The results in the folder belong to the plan they were computed with.
        let known = run.folder.read_manifest()?.map(|manifest| manifest.run_id);
        if known.is_some_and(|known| known != run.id()) {
            let reason = "this plan differs from the one the run began with: it was edited, or segspec's numerics version changed";
            return Err(StoreError::damaged(&path.join(PLAN), reason));
        }
        Ok(run)
    }

    /// Reads a plan as it is, whether or not it is the one that the results beside it were computed with.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn read_plan(path: &Path) -> Result<Plan, StoreError> {
        read_plan(path)
    }

    /// Opens a run that this run's plan refers to, in the sibling folder.
    ///
    /// # Errors
    /// Its folder is missing or unreadable.
    pub fn beside(&self, ids: &RunIds) -> Result<Self, StoreError> {
        let folder = RunFolder { path: self.folder.path.with_file_name(folder_name(&self.plan, &ids.training)) };
        if !folder.path.is_dir() {
            let needs = "missing: a cascade needs the folder of its first stage, an ensemble those of its members";
            let reason = if self.is_imported() { format!("{needs}; {IMPORT}") } else { needs.into() };
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, reason);
            return Err(StoreError { path: folder.path, source });
        }
        Self::open(&folder.prediction(&ids.prediction).path)
    }

    /// Name of its folder: the id of its training.
    pub fn id(&self) -> String {
        folder_name(&self.plan, &self.ids.training)
    }

    /// Whether its network, or those that it averages, was imported: it predicts and is never trained.
    pub fn is_imported(&self) -> bool {
        match &self.plan.work {
            Work::Train(training) => training.imported.is_some(),
            Work::Average(_) => self.plan.predict.averaged == Averaged::Logits,
        }
    }

    /// The folder of its predictions.
    pub fn prediction(&self) -> PredictionFolder {
        self.folder.prediction(&self.ids.prediction)
    }

    /// The folder of its scores.
    pub fn evaluation(&self) -> EvaluationFolder {
        self.prediction().evaluation(&self.ids.evaluation)
    }

    /// State of the run.
    ///
    /// # Errors
    /// The manifest is damaged.
    pub fn status(&self) -> Result<Status, StoreError> {
        let manifest = self.folder.read_manifest()?;
        let status = self.status_of(manifest);
        match Lock::holder(&self.folder.lock()).filter(|_| status != Status::Finished) {
            Some(holder) => Ok(Status::Running { holder }),
            None => Ok(status),
        }
    }

    /// State of the run, whoever is working on it.
    ///
    /// # Errors
    /// The manifest is damaged.
    pub fn status_without_lock(&self) -> Result<Status, StoreError> {
        Ok(self.status_of(self.folder.read_manifest()?))
    }

    fn status_of(&self, manifest: Option<Manifest>) -> Status {
        if manifest.as_ref().is_some_and(|manifest| self.is_finished(manifest)) {
            return Status::Finished;
        }
        match manifest {
            None => Status::New,
            Some(manifest) => match manifest.failure() {
                Some(reason) => Status::Failed { reason },
                None if manifest.imported_from.is_some() && self.plan.data.cases.is_empty() => Status::Imported,
                None if manifest.predictions.contains_key(&self.ids.prediction) => Status::Predicted,
                None if manifest.training.is_some() || manifest.imported_from.is_some() => Status::Trained,
                None => Status::Resumable,
            },
        }
    }

    /// Whether the manifest records the plan's scores, with the current names of the structures.
    pub fn is_finished(&self, manifest: &Manifest) -> bool {
        let scores = manifest.evaluation(&self.ids);
        scores.is_some_and(|scores| scores.structures == self.structures())
    }

    /// When the run was planned last.
    pub fn planned_at(&self) -> Option<SystemTime> {
        fs::metadata(self.prediction().plan()).and_then(|metadata| metadata.modified()).ok()
    }

    /// Names of the structures.
    pub fn structures(&self) -> Vec<String> {
        self.plan.target.structures.iter().map(|structure| structure.name.clone()).collect()
    }

    /// Writes the plan and the specs that it was made of, before any compute.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write_plan(&self) -> Result<(), StoreError> {
        for path in [self.prediction().plan(), self.folder.plan()] {
            let text = self.plan.to_toml().map_err(|error| StoreError::damaged(&path, error))?;
            if fs::read_to_string(&path).is_ok_and(|there| there == text) {
                // The time of the file is that of the latest planning. Results on a read-only disk keep theirs.
                let _ =
                    fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                continue;
            }
            files::write_atomic(&path, text.as_bytes()).map_err(StoreError::at(&path))?;
        }
        let Some(specs) = &self.specs else { return Ok(()) };
        let [experiment, dataset] = self.folder.specs();
        for (path, text) in [(experiment, &specs.carried.experiment), (dataset, &specs.carried.dataset)] {
            if !fs::read_to_string(&path).is_ok_and(|there| there == *text) {
                files::write_atomic(&path, text.as_bytes()).map_err(StoreError::at(&path))?;
            }
        }
        // Those of the first planning: the run's own file may be what it is planned from later.
        let sources = self.folder.sources();
        if sources.exists() { Ok(()) } else { write_json(&sources, &*specs.sources) }
    }
}

/// All runs below a run root, or of one experiment, one entry per prediction, sorted by name. Folders of runs that cannot be read, also
/// those that have lost their plan, are returned as errors.
pub fn all(run_root: &Path, experiment: Option<&str>) -> Vec<Result<Stored, StoreError>> {
    let experiments = match experiment {
        Some(name) => vec![run_root.join(name)],
        None => entries(run_root),
    };
    let folders = experiments.iter().flat_map(|folder| entries(folder)).filter(|path| is_run(path));
    let runs = folders.flat_map(|path| {
        let predictions: Vec<_> =
            entries(&path.join(PREDICTIONS)).into_iter().filter(|at| at.join(PLAN).exists()).collect();
        let plans = if predictions.is_empty() { vec![path] } else { predictions };
        plans.into_iter().map(|path| Stored::open(&path))
    });
    runs.collect()
}

/// Whether a folder holds what a run writes.
pub(super) fn is_run(path: &Path) -> bool {
    [PLAN, PREDICTIONS, "manifest.json", "checkpoints"].iter().any(|name| path.join(name).exists())
}

fn folder_name(plan: &Plan, training: &str) -> String {
    let prefix = if plan.about.smoke { SMOKE } else { "" };
    format!("{prefix}{training}")
}

/// The path with the folders above it, which `.`, `..` and a single name do not tell.
fn with_parents(path: &Path) -> Result<PathBuf, StoreError> {
    let is_named = |count: usize| path.iter().rev().take(count).filter(|name| *name != "..").count() == count;
    match is_named(3) && !path.ends_with(".") {
        true => Ok(path.to_path_buf()),
        false => path.canonicalize().map_err(StoreError::at(path)),
    }
}

fn read_plan(path: &Path) -> Result<Plan, StoreError> {
    let text = fs::read_to_string(path).map_err(StoreError::at(path))?;
    let plan: Result<Plan, _> = toml::from_str(&text);
    plan.map_err(|error| match format_of(&text) {
        Some(format) if format != FORMAT => StoreError::damaged(
            path,
            format!(
                "the plan has version {format}, this segspec reads {FORMAT}: {}",
                remedy::of(
                    path,
                    "run the experiment again, in another `run-root`",
                    "import the model again, with another --name"
                )
            ),
        ),
        _ => {
            let remedy = remedy::of(path, DAMAGED, DAMAGED_IMPORT);
            StoreError::damaged(path, format!("damaged plan; {remedy} ({})", error.message()))
        }
    })
}

/// Format version of a plan that cannot be parsed.
fn format_of(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("format = "))?;
    line.trim().parse().ok()
}
