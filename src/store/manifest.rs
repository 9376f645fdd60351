//! Provenance: everything needed to trust a result, or to reproduce it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::corrected::CorrectedLabels;
use crate::backend;
use crate::observe::Outcome;
use crate::observe::event::now;
use crate::plan::{RunIds, numerics};
use crate::predict::spec::Weights;

/// Version of the manifest format.
pub const FORMAT: u32 = 2;

/// Written when a process starts working on a run, after each stage, and at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub format: u32,
    /// Id of the training, or of the set of averaged networks.
    pub run_id: String,
    /// Command line of the first session.
    pub command: Vec<String>,
    /// Versions of segspec, Burn and numerics.
    pub versions: BTreeMap<String, String>,
    /// How the program was built; `None` in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Device of the computation.
    pub device: String,
    /// The GPU and its driver; none on the CPU, or where `nvidia-smi` does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// Cache of compiled and tuned GPU kernels; see [`kernel_cache`](crate::backend::kernel_cache).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_cache: Option<PathBuf>,
    /// The machine.
    pub host: Host,
    /// State of the git repository of the working directory.
    pub git: Option<Git>,
    /// Seed.
    pub seed: u64,
    /// The sessions: one per process that worked on the run.
    pub sessions: Vec<Session>,
    /// Result of the training; `None` before it is finished, and for ensembles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingRecord>,
    /// Finished predictions by id.
    #[serde(default)]
    pub predictions: BTreeMap<String, PredictionRecord>,
    /// Cases whose labels a person corrected, with what is known of that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corrected: BTreeMap<String, CorrectedLabels>,
    /// Members of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// The training continued by this one (`--continue-from`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued_from: Option<Continued>,
    /// Folder of the model that was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<PathBuf>,
    /// The file of that model which the weights were in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_checkpoint: Option<String>,
    /// Warnings, such as a resume on another device.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// How the program was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Features of the crate.
    pub features: Vec<String>,
    /// BLAKE3 of `Cargo.lock`, which names every dependency, as `b3sum` prints it.
    pub lock: String,
}

impl Build {
    /// This program.
    pub fn here() -> Self {
        let features = [
            ("cuda", cfg!(feature = "cuda")),
            ("vulkan", cfg!(feature = "vulkan")),
            ("wgpu", cfg!(feature = "wgpu")),
            ("cubecl-cpu", cfg!(feature = "cubecl-cpu")),
            ("tui", cfg!(feature = "tui")),
            ("serve", cfg!(feature = "serve")),
        ];
        Self {
            features: features.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| (*name).to_owned()).collect(),
            lock: blake3::hash(include_bytes!("../../Cargo.lock")).to_hex().to_string(),
        }
    }
}

/// Result of a finished training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Trainable parameters of the network.
    pub parameters: usize,
    /// Number of epochs; fewer than planned after early stopping.
    pub epochs: usize,
    /// The best epoch by validation; `None` without validation.
    pub best_epoch: Option<usize>,
}

/// A finished prediction and its scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PredictionRecord {
    /// BLAKE3 hash of the weights, over all parameters in the order of the network's modules; `None` for ensembles.
    pub weights: Option<String>,
    /// BLAKE3 of the file that holds them, as `b3sum` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_file: Option<String>,
    /// Their checkpoint.
    pub checkpoint: Option<Weights>,
    /// Epoch of these weights.
    pub epoch: Option<usize>,
    /// BLAKE3 of each predicted file, by its path below the prediction's folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Finished scores by id.
    pub evaluations: BTreeMap<String, EvaluationRecord>,
}

/// Finished scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Mean Dice over cases, then over structures.
    pub dice: Option<f64>,
    /// Mean area under the ROC curve, of a slice classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Names of the structures when the tables were written.
    pub structures: Vec<String>,
}

/// A member of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The ids of its run.
    pub run: RunIds,
    /// Trial, fold and seed, for display.
    pub label: String,
    /// BLAKE3 hash of its weights.
    pub weights: Option<String>,
}

/// The starting point of a continued training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// Id of the other training.
    pub run_id: String,
    /// Number of its epochs.
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
    /// Instruction set of the kernels on the CPU, which decides the last bits; empty in runs of older versions.
    #[serde(default)]
    pub instructions: String,
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
    /// Uncommitted changes; `None` if clean.
    pub diff: Option<String>,
    /// Untracked files.
    pub untracked: Vec<String>,
}

/// A session: one process that worked on the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Start, UTC.
    pub started: String,
    /// End, UTC; `None` if the process was killed.
    pub ended: Option<String>,
    /// Version of segspec.
    pub version: String,
    /// Threads of the computation on the CPU; `None` in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Seconds of each stage: `check data`, `prepare`, `train` with its validations, `predict`, `evaluate` with pictures; of a killed
    /// process, those that were over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seconds: BTreeMap<String, f64>,
    /// Joules by part of the machine, of all its work during the session; empty where the machine does not tell them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joules: BTreeMap<String, f64>,
    /// Outcome; `None` if the process was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl Manifest {
    /// The manifest of a new run.
    pub fn new(run_id: &str, device: &str, seed: u64) -> Self {
        Self {
            format: FORMAT,
            run_id: run_id.into(),
            command: command_line(),
            versions: versions(),
            build: Some(Build::here()),
            device: device.into(),
            gpu: None,
            kernel_cache: None,
            host: Host::here(),
            git: Git::here(),
            seed,
            sessions: Vec::new(),
            training: None,
            predictions: BTreeMap::new(),
            corrected: BTreeMap::new(),
            members: Vec::new(),
            continued_from: None,
            imported_from: None,
            imported_checkpoint: None,
            warnings: Vec::new(),
        }
    }

    /// The finished scores of a run.
    pub fn evaluation(&self, ids: &RunIds) -> Option<&EvaluationRecord> {
        self.predictions.get(&ids.prediction)?.evaluations.get(&ids.evaluation)
    }

    /// The error of the last session; `None` if it did not fail, or was killed.
    pub fn failure(&self) -> Option<String> {
        match self.sessions.last()?.outcome.as_ref()? {
            Outcome::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }

    /// Opens a session.
    pub fn begin_session(&mut self) {
        let version = env!("CARGO_PKG_VERSION").to_string();
        if let Some(last) = self.sessions.last().filter(|last| last.version != version) {
            self.warnings.push(format!("begun with segspec {}, resumed with {version}", last.version));
        }
        let threads = Some(rayon::current_num_threads());
        let session = Session { started: now(), ended: None, version, threads, outcome: None, ..Session::default() };
        self.sessions.push(session);
    }

    /// Adds the time since a stage began.
    pub fn spend(&mut self, stage: &str, begun: Instant) {
        if let Some(session) = self.sessions.last_mut() {
            let seconds = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            *session.seconds.entry(stage.to_owned()).or_default() += seconds;
        }
    }

    /// Closes the current session with its outcome.
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
            instructions: backend::instruction_set().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: system.total_memory(),
        }
    }
}

/// Variable in which a worker process is told the command line of the process that started it.
pub const COMMAND: &str = "SEGSPEC_WORKER_COMMAND";

/// The command line of the user.
pub fn command_line() -> Vec<String> {
    let of_parent = std::env::var(COMMAND).ok().and_then(|text| serde_json::from_str(&text).ok());
    // Names of files need not be UTF-8.
    of_parent.unwrap_or_else(|| std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect())
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
