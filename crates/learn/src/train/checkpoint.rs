//! Checkpoints: `last/` holds all that a resumed run needs, committed by one rename; `*.safetensors` are weights alone.

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
use super::schedule::plateau::Fallen;
use super::stopping::Waiting;
use crate::dataset::content::hash_of;
use crate::files;
use crate::model::Network;

/// Version of the checkpoint's form.
const FORMAT: u32 = 1;

/// Files that hold tensors.
const TENSORS: [&str; 3] = ["model.bpk", "optim.bpk", "average.bpk"];

/// Where a training stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this file.
    pub format: u32,
    /// Steps done over all epochs.
    pub step: usize,
    /// Sum of the losses of the current epoch.
    pub loss_sum: f64,
    /// Steps of the current epoch that overflowed 16 bits and changed no weight.
    #[serde(default)]
    pub skipped: usize,
    /// Factor of the loss in 16 bits.
    #[serde(default)]
    pub loss_scale: LossScale,
    /// Where the learning rate stands on a plateau.
    #[serde(default)]
    pub fallen: Fallen,
    /// What early stopping waits for.
    #[serde(default)]
    pub waiting: Waiting,
    /// Steps that the average of the weights has taken in.
    #[serde(default)]
    pub averaged: usize,
    /// Best score so far and its epoch.
    pub best: Option<(f64, usize)>,
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
    /// Parameter ids of the network in module order: the optimiser's state is keyed by them.
    pub parameters: Vec<u64>,
    /// Tensors in the optimiser's state.
    pub optimizer_tensors: usize,
    /// blake3 of the files beside this one.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// Why a checkpoint could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The content.
    #[error("{path}: damaged checkpoint: {reason}; `segspec run --fresh` starts over")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What does not fit.
        reason: String,
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
    /// Whether the disk or a permission is the reason (exit code 7).
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Io { source, .. } => files::is_environment(source),
            Self::Write { .. } => true,
            Self::Damaged { .. } => false,
        }
    }

    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

/// What a training goes on with.
pub struct Saved {
    /// The network of the last step.
    pub network: Network,
    /// The optimiser with its state.
    pub optimizer: ModuleOptimizer,
    /// The average of the weights, where the plan asks for one; without autodiff.
    pub average: Option<Network>,
    /// Where the training stands.
    pub state: State,
}

/// Saves network, optimiser, average and state as `folder/last`, all or nothing.
///
/// # Errors
/// The disk is full or not writable; the previous checkpoint stays.
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

/// Loads `folder/last` into a network of the same plan, an optimiser made for it, and with `averaged` a copy for the average.
///
/// # Errors
/// The checkpoint is damaged or belongs to another network.
pub fn load(
    folder: &Path,
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
    verify(&last, &state)?;
    let average = averaged.then(|| load_model(&last.join("average.bpk"), network.valid())).transpose()?;
    let network = load_model(&last.join("model.bpk"), network)?;
    if parameter_ids(&network) != state.parameters {
        return Err(CheckpointError::damaged(&last, "model.bpk belongs to another network than state.json"));
    }
    let path = last.join("optim.bpk");
    let record = burn::optim::OptimizerRecord::load(&path).map_err(|error| CheckpointError::damaged(&path, error))?;
    let optimizer = optimizer(&network).load_record(record);
    // Burn starts afresh, silently, for a parameter whose state it does not find.
    if optimizer.to_record().len() != state.optimizer_tensors {
        return Err(CheckpointError::damaged(&path, "the optimiser's state is not complete"));
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

/// Refuses a file that is not the one that was written: other numbers would be gone on with unnoticed.
fn verify(folder: &Path, state: &State) -> Result<(), CheckpointError> {
    for (name, written) in &state.files {
        let path = folder.join(name);
        let found = hash_of(&path).map_err(|error| CheckpointError::io(&path, error))?;
        if found != *written {
            return Err(CheckpointError::damaged(&path, "its content is not what was written"));
        }
    }
    Ok(())
}

/// Loads the network that predicts at the end of training: the average of the weights where there is one, else those of the last step.
///
/// # Errors
/// A file is missing, damaged, or belongs to another architecture.
pub fn load_predicting(folder: &Path, network: Network) -> Result<Network, CheckpointError> {
    let (_, last, _) = places(folder);
    let average = last.join("average.bpk");
    load_model(&if average.exists() { average } else { last.join("model.bpk") }, network)
}

/// Where the training of a folder stands; none where there is no checkpoint.
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

/// Whether there is a checkpoint to resume from; brings back the previous one if a save was cut off between its renames.
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

/// Writes the weights alone, for prediction and for other tools.
///
/// # Errors
/// The disk is full or not writable; the previous file stays.
pub fn export(path: &Path, network: &Network) -> Result<(), CheckpointError> {
    settle(network);
    // Burn's own three entries come in another order each time: one entry, and equal weights are equal files.
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata().metadata("format", "safetensors");
    let failed = |reason: String| CheckpointError::Write { path: path.to_path_buf(), reason };
    network.save_into(&mut store).map_err(|error| failed(error.to_string()))?;
    let bytes = store.get_bytes().map_err(|error| failed(error.to_string()))?;
    files::write_atomic(path, &bytes).map_err(|error| CheckpointError::io(path, error))
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

/// blake3 of all weights in module order: equal if and only if two networks hold the same numbers.
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

/// Lets running statistics take in the last step: Burn holds its update back until somebody reads it, and a record does
/// not count as reading.
fn settle(network: &Network) {
    drop(network.valid());
}

/// Ids of what is trained. Running statistics get a new id in every process: the optimiser does not know them.
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
