//! Provenance: what a person needs to believe a number, or to get it again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::store::RunFolder;
use crate::plan::Plan;

/// Written when a run starts and again when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub format: u32,
    /// Whether the run came to its end.
    pub finished: bool,
    /// The run's id.
    pub run_id: String,
    /// The command line.
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
    /// blake3 of every file that was read, by case.
    pub data: BTreeMap<String, Vec<String>>,
    /// Start and end of every process that worked on the run.
    pub sessions: Vec<Session>,
    /// Trainable numbers of the network.
    #[serde(default)]
    pub parameters: Option<usize>,
    /// blake3 of the weights that predicted.
    #[serde(default)]
    pub weights: Option<String>,
    /// Epoch of these weights.
    #[serde(default)]
    pub epoch: Option<usize>,
    /// The runs whose networks an ensemble averages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// What a reader should know, such as a resume under another build.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One network of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its run id.
    pub run_id: String,
    /// Trial, fold and seed in words.
    pub label: String,
    /// blake3 of its weights.
    pub weights: Option<String>,
}

impl Member {
    /// Those of an ensemble's plan, whose folders lie beside its own.
    pub fn all(plan: &Plan, folder: &RunFolder) -> Vec<Self> {
        let member = |id: &String| {
            let place = folder.sibling(id);
            let label = place.read_plan().map(|plan| plan.about.name(plan.seed)).unwrap_or_default();
            let weights = place.read_manifest().and_then(|manifest| manifest.weights);
            Self { run_id: id.clone(), label, weights }
        };
        plan.members.iter().map(member).collect()
    }
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Beginning, UTC.
    pub started: String,
    /// End, UTC; none if it was killed.
    pub ended: Option<String>,
    /// Version of segspec.
    pub version: String,
}

/// Version of the manifest's form.
pub const FORMAT: u32 = 1;

impl Manifest {
    /// A manifest for a run that starts now.
    pub fn new(run_id: &str, device: &str, seed: u64, data: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            format: FORMAT,
            finished: false,
            run_id: run_id.into(),
            command: std::env::args().collect(),
            versions: versions(),
            device: device.into(),
            kernel_cache: None,
            host: Host::here(),
            git: Git::here(),
            seed,
            data,
            sessions: Vec::new(),
            parameters: None,
            weights: None,
            epoch: None,
            members: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes that a process begins to work on the run.
    pub fn begin_session(&mut self) {
        let version = env!("CARGO_PKG_VERSION").to_string();
        if let Some(last) = self.sessions.last().filter(|last| last.version != version) {
            self.warnings.push(format!("begun with segspec {}, resumed with {version}", last.version));
        }
        self.sessions.push(Session { started: super::clock::now(), ended: None, version });
    }

    /// Notes that the current process stops working on the run.
    pub fn end_session(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.ended = Some(super::clock::now());
        }
    }
}

fn versions() -> BTreeMap<String, String> {
    let numerics = crate::plan::NUMERICS.to_string();
    [("segspec", env!("CARGO_PKG_VERSION")), ("burn", "0.22.1"), ("numerics", &numerics)]
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
