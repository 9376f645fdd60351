//! Checkpoints: `last/` holds everything needed to resume, committed by one rename; `*.safetensors` hold only weights.

mod best;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::ModuleOptimizer;
use burn::store::{ModuleRecord, ModuleSnapshot, SafetensorsStore};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::history::EpochRecord;
use super::loss_scale::LossScale;
use super::schedule::plateau::PlateauState;
use super::stopping::EarlyStoppingState;
use crate::dataset::content::hash_of;
use crate::files;
use crate::model::Network;
pub(super) use best::settle_best;
pub use best::verify_best;

/// Version of the checkpoint format.
const FORMAT: u32 = 1;

/// The weights of the best epoch, in the folder of checkpoints.
pub const BEST: &str = "best.safetensors";

/// The best weights until the state that knows them is saved.
pub(super) const NEXT: &str = "best.next.safetensors";

/// Files that hold tensors.
const TENSORS: [&str; 3] = ["model.bpk", "optim.bpk", "average.bpk"];

/// State of a training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this file.
    pub format: u32,
    /// Steps done over all epochs.
    pub step: usize,
    /// Sum of the losses of the current epoch.
    pub loss_sum: f64,
    /// Steps of the current epoch skipped because they overflowed 16 bits.
    #[serde(default)]
    pub skipped: usize,
    /// Loss scale in 16 bits.
    #[serde(default)]
    pub loss_scale: LossScale,
    /// State of the plateau schedule.
    #[serde(default)]
    pub fallen: PlateauState,
    /// State of early stopping.
    #[serde(default)]
    pub waiting: EarlyStoppingState,
    /// Steps included in the average of the weights.
    #[serde(default)]
    pub averaged: usize,
    /// Best score so far and its epoch.
    pub best: Option<(f64, usize)>,
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
    /// Seconds of the current epoch's steps, over all sessions.
    #[serde(default)]
    pub seconds: f64,
    /// Parameter ids of the network in module order: the optimiser's state is keyed by them.
    pub parameters: Vec<u64>,
    /// Tensors in the optimiser's state.
    pub optimizer_tensors: usize,
    /// Id of the training that it belongs to; `None` in checkpoints of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<String>,
    /// blake3 of `best.safetensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_file: Option<String>,
    /// blake3 of the files beside this one.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file could not be read or written.
    #[error("{path}: {}", files::reason(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The content is damaged or inconsistent.
    #[error("{path}: damaged checkpoint: {reason}; delete {} to train this run again", run_of(path))]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint of another training.
    #[error(
        "{path}: the checkpoint of the run {other}, not of this one: put this run's own back, or delete the folder {} to train it from \
         the start",
        checkpoints_of(path).display()
    )]
    Foreign {
        /// The state.
        path: PathBuf,
        /// Id of the training that it belongs to.
        other: String,
    },
    /// Burn could not write a file.
    #[error("{path}: cannot be written: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

impl CheckpointError {
    /// Whether the disk or a permission is the cause (exit code 7).
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Io { source, .. } => files::is_environment(source),
            Self::Write { .. } => true,
            Self::Damaged { .. } | Self::Foreign { .. } => false,
        }
    }

    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

/// Everything needed to continue training.
pub struct Saved {
    /// The network of the last step.
    pub network: Network,
    /// The optimiser with its state.
    pub optimizer: ModuleOptimizer,
    /// The average of the weights, if the plan has one; without autodiff.
    pub average: Option<Network>,
    /// State of the training run.
    pub state: State,
}

/// Saves network, optimiser, average and state as `folder/last`, atomically.
///
/// # Errors
/// The disk is full or not writable; the previous checkpoint is kept.
pub fn save(folder: &Path, saved: &Saved) -> Result<(), CheckpointError> {
    let Saved { network, optimizer, average, state } = saved;
    let (new, last, previous) = places(folder);
    let _ = fs::remove_dir_all(&new);
    fs::create_dir_all(&new).map_err(|error| CheckpointError::io(&new, error))?;
    settle(network);
    let write = |name: &str, result: Result<(), String>| {
        result.map_err(|reason| CheckpointError::Write { path: new.join(name), reason })
    };
    write("model.bpk", network.clone().into_record().save(new.join("model.bpk")).map_err(|e| e.to_string()))?;
    if let Some(average) = average {
        write("average.bpk", average.clone().into_record().save(new.join("average.bpk")).map_err(|e| e.to_string()))?;
    }
    let record = optimizer.to_record();
    let state =
        State { format: FORMAT, parameters: parameter_ids(network), optimizer_tensors: record.len(), ..state.clone() };
    write("optim.bpk", record.save(new.join("optim.bpk")).map_err(|e| e.to_string()))?;
    let state = State { files: hashes(&new)?, ..state };
    let text = serde_json::to_vec_pretty(&state).map_err(|error| CheckpointError::damaged(&new, error))?;
    files::write_atomic(&new.join("state.json"), &text).map_err(|error| CheckpointError::io(&new, error))?;
    sync_files(&new)?;
    // Between the two renames there is no `last`; `recover` then takes `previous`.
    let _ = fs::remove_dir_all(&previous);
    if last.exists() {
        fs::rename(&last, &previous).map_err(|error| CheckpointError::io(&last, error))?;
    }
    fs::rename(&new, &last).map_err(|error| CheckpointError::io(&last, error))?;
    let _ = files::sync_folder(folder);
    let _ = fs::remove_dir_all(&previous);
    Ok(())
}

/// Loads `folder/last` into a network of the same plan, a new optimiser and, with `averaged`, a copy for the average.
///
/// # Errors
/// The checkpoint is damaged (the best weights included), or belongs to another training or network.
pub fn load(
    folder: &Path,
    training: &str,
    network: Network,
    averaged: bool,
    optimizer: impl FnOnce(&Network) -> ModuleOptimizer,
) -> Result<Saved, CheckpointError> {
    let (_, last, _) = places(folder);
    let state_path = last.join("state.json");
    let text = fs::read(&state_path).map_err(|error| CheckpointError::io(&state_path, error))?;
    let state: State = serde_json::from_slice(&text).map_err(|error| CheckpointError::damaged(&state_path, error))?;
    if state.format != FORMAT {
        return Err(CheckpointError::damaged(&state_path, format!("version {} instead of {FORMAT}", state.format)));
    }
    if let Some(other) = state.training.clone().filter(|other| other != training) {
        return Err(CheckpointError::Foreign { path: state_path, other });
    }
    verify(&last, &state)?;
    settle_best(folder, &state)?;
    let average = averaged.then(|| load_model(&last.join("average.bpk"), network.valid())).transpose()?;
    let network = load_model(&last.join("model.bpk"), network)?;
    if parameter_ids(&network) != state.parameters {
        return Err(CheckpointError::damaged(&last, "model.bpk and state.json belong to different networks"));
    }
    let path = last.join("optim.bpk");
    let record = burn::optim::OptimizerRecord::load(&path).map_err(|error| CheckpointError::damaged(&path, error))?;
    let optimizer = optimizer(&network).load_record(record);
    // Burn silently starts without state for a parameter whose state it does not find.
    if optimizer.to_record().len() != state.optimizer_tensors {
        return Err(CheckpointError::damaged(&path, "the optimiser's state is incomplete"));
    }
    Ok(Saved { network, optimizer, average, state })
}

/// blake3 of the files that hold tensors.
fn hashes(folder: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let there = TENSORS.into_iter().filter(|name| folder.join(name).exists());
    let hash = |name: &str| {
        let path = folder.join(name);
        let hash = hash_of(&path).map_err(|error| CheckpointError::io(&path, error))?;
        Ok((name.to_owned(), hash))
    };
    there.map(hash).collect()
}

/// Rejects a file that changed since it was written: training would continue with wrong values unnoticed.
fn verify(folder: &Path, state: &State) -> Result<(), CheckpointError> {
    state.files.iter().try_for_each(|(name, written)| verify_file(&folder.join(name), written))
}

fn verify_file(path: &Path, written: &str) -> Result<(), CheckpointError> {
    let found = hash_of(path).map_err(|error| CheckpointError::io(path, error))?;
    match found == written {
        true => Ok(()),
        false => Err(CheckpointError::damaged(path, "its content changed since it was written")),
    }
}

/// Makes a copied checkpoint that of another training, which continues it.
///
/// # Errors
/// The state is missing or damaged, or the disk is full.
pub fn adopt(folder: &Path, training: &str) -> Result<(), CheckpointError> {
    let Some(known) = state(folder)? else { return Ok(()) };
    let path = places(folder).1.join("state.json");
    let adopted = State { training: Some(training.to_owned()), ..known };
    let text = serde_json::to_vec_pretty(&adopted).map_err(|error| CheckpointError::damaged(&path, error))?;
    files::write_atomic(&path, &text).map_err(|error| CheckpointError::io(&path, error))
}

/// Loads the network for prediction at the end of training: the average of the weights if there is one, else the last step's weights.
///
/// # Errors
/// A file is missing, damaged, or belongs to another architecture.
pub fn load_predicting(folder: &Path, network: Network) -> Result<Network, CheckpointError> {
    let (_, last, _) = places(folder);
    if let Some(state) = state(folder)? {
        verify(&last, &state)?;
    }
    let average = last.join("average.bpk");
    load_model(&if average.exists() { average } else { last.join("model.bpk") }, network)
}

/// State of the training run in a folder; none without a checkpoint.
///
/// # Errors
/// The file is damaged.
pub fn state(folder: &Path) -> Result<Option<State>, CheckpointError> {
    if !recover(folder) {
        return Ok(None);
    }
    let path = places(folder).1.join("state.json");
    let text = fs::read(&path).map_err(|error| CheckpointError::io(&path, error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| CheckpointError::damaged(&path, error))
}

/// Whether there is a checkpoint to resume from; restores the previous one if a save was interrupted between its renames.
pub fn recover(folder: &Path) -> bool {
    let (_, last, previous) = places(folder);
    if !last.exists() && previous.exists() {
        let _ = fs::rename(&previous, &last);
    }
    last.join("state.json").exists()
}

/// Loads the weights of `last` (a `.bpk` file).
///
/// # Errors
/// The file is missing, damaged, or belongs to another architecture.
pub fn load_model(path: &Path, network: Network) -> Result<Network, CheckpointError> {
    let record = ModuleRecord::load(path).map_err(|error| CheckpointError::damaged(path, error))?;
    network.try_load_record(record).map_err(|error| CheckpointError::damaged(path, error))
}

/// Writes only the weights, for prediction and other tools. Returns the blake3 of the file.
///
/// # Errors
/// The disk is full or not writable; the previous file is kept.
pub fn export(path: &Path, network: &Network) -> Result<String, CheckpointError> {
    settle(network);
    // Burn writes its three metadata entries in varying order; with a single entry, equal weights give equal files.
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata().metadata("format", "safetensors");
    let failed = |reason: String| CheckpointError::Write { path: path.to_path_buf(), reason };
    network.save_into(&mut store).map_err(|error| failed(error.to_string()))?;
    let bytes = store.get_bytes().map_err(|error| failed(error.to_string()))?;
    files::write_atomic(path, &bytes).map_err(|error| CheckpointError::io(path, error))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Loads weights that [`export`] wrote.
///
/// # Errors
/// The file is missing, damaged, or belongs to another architecture.
pub fn import(path: &Path, mut network: Network) -> Result<Network, CheckpointError> {
    let bytes = fs::read(path).map_err(|error| CheckpointError::io(path, error))?;
    let mut store = SafetensorsStore::from_bytes(Some(bytes));
    network.load_from(&mut store).map_err(|error| CheckpointError::damaged(path, error))?;
    Ok(network)
}

/// blake3 of all weights in module order: equal if and only if two networks have the same weights.
pub fn weights_hash(network: &Network) -> String {
    let mut visitor = Hash(blake3::Hasher::new());
    network.visit(&mut visitor);
    visitor.0.finalize().to_hex().to_string()
}

struct Hash(blake3::Hasher);

impl ModuleVisitor for Hash {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.update(param.val().into_data().as_bytes());
    }
}

/// Commits the running statistics of the last step: Burn defers their update until they are read, and saving a record does not
/// read them.
fn settle(network: &Network) {
    drop(network.valid());
}

/// Ids of the trained parameters. Not of running statistics, which get new ids in every process and have no optimiser state.
fn parameter_ids(network: &Network) -> Vec<u64> {
    struct Ids(Vec<u64>);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.val().is_require_grad() {
                self.0.push(param.id.val());
            }
        }
    }
    let mut ids = Ids(Vec::new());
    network.visit(&mut ids);
    ids.0
}

/// The folder of the checkpoints that a file belongs to.
fn checkpoints_of(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.ends_with("checkpoints")).unwrap_or(path)
}

/// The folder of the run that a checkpoint's file belongs to.
fn run_of(path: &Path) -> String {
    let run = path.ancestors().find(|folder| folder.ends_with("checkpoints")).and_then(Path::parent);
    run.unwrap_or(path).display().to_string()
}

/// `last.new`, `last`, `last.previous`.
fn places(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    (folder.join("last.new"), folder.join("last"), folder.join("last.previous"))
}

fn sync_files(folder: &Path) -> Result<(), CheckpointError> {
    for path in TENSORS.map(|name| folder.join(name)) {
        if !path.exists() {
            continue;
        }
        let sync = fs::File::open(&path).and_then(|file| file.sync_all());
        sync.map_err(|error| CheckpointError::io(&path, error))?;
    }
    let _ = files::sync_folder(folder);
    Ok(())
}
