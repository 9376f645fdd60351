//! Provenance: what a person needs to believe a number, or to get it again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::observe::Outcome;
use crate::observe::event::now;
use crate::plan::{RunIds, numerics};
use crate::predict::spec::Weights;

/// Version of the manifest's form.
pub const FORMAT: u32 = 2;

/// Written when a process begins to work on a run, after each stage, and when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub format: u32,
    /// Id of the training, or of the set of networks that are averaged.
    pub run_id: String,
    /// The command line that began it.
    pub command: Vec<String>,
    /// Version of segspec and of what computes.
    pub versions: BTreeMap<String, String>,
    /// Device of the computation.
    pub device: String,
    /// Where a GPU's kernels were kept, compiled and chosen; see [`kernel_cache`](crate::backend::kernel_cache).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_cache: Option<PathBuf>,
    /// The machine.
    pub host: Host,
    /// State of the git repository of the working directory.
    pub git: Option<Git>,
    /// Seed.
    pub seed: u64,
    /// Start and end of every process that worked on the run.
    pub sessions: Vec<Session>,
    /// What the training came to; none before it is finished, and for means of networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
    /// Finished predictions, by their ids.
    #[serde(default)]
    pub predictions: BTreeMap<String, PredictionRecord>,
    /// The networks that are averaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// The training that this one goes on from, with more epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued_from: Option<Continued>,
    /// What a reader should know, such as a resume under another build.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What a finished training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Trainable parameters of the network.
    pub parameters: usize,
    /// Epochs done; fewer than planned where it stopped early.
    pub epochs: usize,
    /// The epoch whose weights are the best, where validation cases chose one.
    pub best_epoch: Option<usize>,
}

/// Finished predictions, and what was made of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PredictionRecord {
    /// blake3 of the weights that predicted, over all numbers in the order of the network's parts; none for means of networks.
    pub weights: Option<String>,
    /// Which checkpoint they come from.
    pub checkpoint: Option<Weights>,
    /// Epoch of these weights.
    pub epoch: Option<usize>,
    /// Finished scores, by their ids.
    pub evaluations: BTreeMap<String, EvaluationRecord>,
}

/// Finished scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Mean Dice over cases, then over structures.
    pub dice: Option<f64>,
    /// Of a classifier of slices: mean area under the ROC curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Names of the structures when the tables were written.
    pub structures: Vec<String>,
}

/// One network of a mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The ids of its run.
    pub run: RunIds,
    /// Trial, fold and seed in words.
    pub label: String,
    /// blake3 of its weights.
    pub weights: Option<String>,
}

/// Where a training began that goes on from another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// Id of the other training.
    pub run_id: String,
    /// Its epochs.
    pub epochs: usize,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Operating system and processor family.
    pub system: String,
    /// Processor.
    pub cpu: String,
    /// Usable cores.
    pub cores: usize,
    /// Memory in bytes.
    pub memory: u64,
}

/// State of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// Commit.
    pub commit: String,
    /// Changes against it, none if clean.
    pub diff: Option<String>,
    /// Files that git does not know.
    pub untracked: Vec<String>,
}

/// One process that worked on the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Beginning, UTC.
    pub started: String,
    /// End, UTC; none if it was killed.
    pub ended: Option<String>,
    /// Version of segspec.
    pub version: String,
    /// How it ended; none if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl Manifest {
    /// A manifest for a run that starts now.
    pub fn new(run_id: &str, device: &str, seed: u64) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.into(),
            command: std::env::args().collect(),
            versions: versions(),
            device: device.into(),
            kernel_cache: None,
            host: Host::here(),
            git: Git::here(),
            seed,
            sessions: Vec::new(),
            training: None,
            predictions: BTreeMap::new(),
            members: Vec::new(),
            continued_from: None,
            warnings: Vec::new(),
        }
    }

    /// The finished scores of a run.
    pub fn evaluation(&self, ids: &RunIds) -> Option<&EvaluationRecord> {
        self.predictions.get(&ids.prediction)?.evaluations.get(&ids.evaluation)
    }

    /// Why the last session failed; none if it did not, or was killed.
    pub fn failure(&self) -> Option<String> {
        match self.sessions.last()?.outcome.as_ref()? {
            Outcome::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }

    /// Notes that a process begins to work on the run.
    pub fn begin_session(&mut self) {
        let version = env!("CARGO_PKG_VERSION").to_string();
        if let Some(last) = self.sessions.last().filter(|last| last.version != version) {
            self.warnings.push(format!("begun with segspec {}, resumed with {version}", last.version));
        }
        self.sessions.push(Session { started: now(), ended: None, version, outcome: None });
    }

    /// Notes that the current process stops working on the run, and how.
    pub fn end_session(&mut self, outcome: Outcome) {
        if let Some(session) = self.sessions.last_mut() {
            (session.ended, session.outcome) = (Some(now()), Some(outcome));
        }
    }
}

fn versions() -> BTreeMap<String, String> {
    let numerics = [numerics::TRAINING, numerics::PREDICTION, numerics::EVALUATION].map(|it| it.to_string());
    [("segspec", env!("CARGO_PKG_VERSION")), ("burn", "0.22.1"), ("numerics", &numerics.join("."))]
        .map(|(name, version)| (name.to_string(), version.to_string()))
        .into()
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        let system = sysinfo::System::new_with_specifics(
            sysinfo::RefreshKind::nothing()
                .with_memory(sysinfo::MemoryRefreshKind::everything())
                .with_cpu(sysinfo::CpuRefreshKind::nothing()),
        );
        Self {
            name: host(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: system.cpus().first().map(|cpu| cpu.brand().to_string()).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: system.total_memory(),
        }
    }
}

/// Name of this machine.
pub fn host() -> String {
    sysinfo::System::host_name().unwrap_or_else(|| "unknown".into())
}

impl Git {
    /// The repository of the working directory, if there is one.
    pub fn here() -> Option<Self> {
        let commit = git(&["rev-parse", "HEAD"])?.trim().to_string();
        let diff = git(&["diff", "HEAD"]).filter(|diff| !diff.is_empty());
        let untracked = git(&["ls-files", "--others", "--exclude-standard"]).unwrap_or_default();
        Some(Self { commit, diff, untracked: untracked.lines().map(str::to_string).collect() })
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
