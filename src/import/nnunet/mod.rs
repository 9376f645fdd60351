//! Trained models of nnU-Net v2 (Isensee 2021; read as version 2.8.1 writes and reads them).
//!
//! A model is a folder `TRAINER__PLANS__CONFIGURATION` with `plans.json`, `dataset.json` and a folder for each fold. [`Model::open`] reads
//! it and refuses what has no equivalent here, by name; [`write::runs`] makes a run of each fold, and their mean. No pickled object is ever
//! built: of a checkpoint only tensors, numbers and texts are read.

pub mod checkpoint;
pub mod files;
pub mod labels;
pub mod network;
pub mod plans;
pub mod preparing;
pub mod processing;
pub mod scoring;
pub mod source;
pub mod write;

use std::path::{Path, PathBuf};

pub use checkpoint::{Checkpoint, Kind};
pub use files::Fold;
pub use source::Source;
pub use write::Wanted;

use self::labels::Labels;
use self::plans::Plans;
use super::ImportError;
use crate::memory;
use crate::model::ModelPlan;
use crate::preprocess::{Orientation, PreprocessPlan};

/// A trained model: what all of its folds share.
#[derive(Debug)]
pub struct Model {
    /// Its folder, or the archive that it is in.
    pub folder: PathBuf,
    /// Which checkpoint of each fold.
    pub checkpoint: Kind,
    /// The dataset it was trained on: `Dataset004_Hippocampus`.
    pub dataset: String,
    /// The configuration: `3d_fullres`.
    pub configuration: String,
    /// The trainer's class: `nnUNetTrainer`.
    pub trainer: String,
    /// Patch size `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Batch size of the training.
    pub batch_size: usize,
    /// Structures, and how the outputs stand for them.
    pub labels: Labels,
    /// Names of the image channels.
    pub channels: Vec<String>,
    /// From an image to the network's input.
    pub preprocess: PreprocessPlan,
    /// The network.
    pub network: ModelPlan,
    /// The configuration whose segmentation is a further input: this one is the second stage of a cascade.
    pub previous_stage: Option<String>,
    /// Its folds, with a checkpoint of the wanted kind.
    pub folds: Vec<(Fold, Checkpoint)>,
    /// What could not be taken over, for the person.
    pub notes: Vec<String>,
}

impl Model {
    /// Reads a model folder of a source and the checkpoints of `folds` (empty: all that are there).
    ///
    /// # Errors
    /// A file is missing or damaged, or the model has what is not supported; the message names both.
    pub fn open(source: &Source, folder: &Path, folds: &[Fold], kind: Kind) -> Result<Self, ImportError> {
        Self::read(source, folder, folds, kind).map_err(|error| source.told(error))
    }

    fn read(source: &Source, folder: &Path, folds: &[Fold], kind: Kind) -> Result<Self, ImportError> {
        let found = files::folds(folder, folds, kind)?;
        let read = |path: &Path| {
            source.fetch(path)?;
            Checkpoint::read(path)
        };
        let folds = found.into_iter().map(|(fold, path)| Ok((fold, read(&path)?)));
        let folds = folds.collect::<Result<Vec<_>, ImportError>>()?;
        let Some((_, first)) = folds.first() else {
            return Err(ImportError::of(folder, "has no fold with a checkpoint"));
        };
        for (_, other) in &folds[1..] {
            if (&other.configuration, &other.trainer) != (&first.configuration, &first.trainer) {
                return Err(ImportError::of(&other.path, "was trained by another trainer or configuration"));
            }
        }
        let plans_file = folder.join("plans.json");
        let plans = Plans::read(&plans_file)?;
        let configuration = plans.configuration(&first.configuration)?;
        let about = labels::About::read(&folder.join("dataset.json"))?;
        let labels = about.labels()?;
        let channels = about.channels()?;
        let shape = Shape { flat: configuration.patch_size.len() == 2 };
        let preprocess = preparing::plan(&plans, &configuration, channels.len(), &plans_file)?;
        let network = network::plan(&configuration, shape, first.has_batch_norm, &plans_file)?;
        let patch_size = shape.triple(&configuration.patch_size, 1, &plans_file)?;
        refuse_patch(patch_size, &network, channels.len() + labels.foreground().len(), &plans_file)?;
        Ok(Self {
            folder: source.lasting(folder).into(),
            dataset: plans.dataset_name,
            configuration: first.configuration.clone(),
            trainer: first.trainer.clone(),
            patch_size,
            batch_size: configuration.batch_size,
            labels,
            channels,
            preprocess,
            network,
            previous_stage: configuration.previous_stage.clone(),
            notes: notes(first),
            checkpoint: kind,
            folds,
        })
    }
}

/// Refuses a patch that does not fit the network's strides, or the memory.
fn refuse_patch(patch: [usize; 3], network: &ModelPlan, outputs: usize, path: &Path) -> Result<(), ImportError> {
    let stride = network.total_stride();
    if (0..3).any(|axis| patch[axis] == 0 || !patch[axis].is_multiple_of(stride[axis])) {
        let reason = format!("`patch_size` {patch:?} is not divisible by the network's strides {stride:?} [z, y, x]");
        return Err(ImportError::of(path, reason));
    }
    if patch.iter().any(|&length| length > 1 << 14) {
        return Err(ImportError::of(path, format!("`patch_size` {patch:?} is larger than any image")));
    }
    let voxels = patch.iter().product::<usize>() as u64;
    memory::ask(voxels.saturating_mul(4 * (outputs as u64 + 64)))
        .map_err(|refused| ImportError::of(path, format!("`patch_size` {patch:?}: {refused}")))
}

impl Model {
    /// Takes images turned towards RAS in place of images as their files store them.
    pub fn turn_to_ras(&mut self) {
        if let Orientation::AsStored(order) = self.preprocess.orientation {
            self.preprocess.orientation = Orientation::reordered(order);
        }
    }
}

/// What the run says of the training differs from what was done.
fn notes(first: &Checkpoint) -> Vec<String> {
    let mut notes = Vec::new();
    if first.trainer != "nnUNetTrainer" {
        notes.push(format!(
            "trained by `{}`: the plan states optimiser, schedule and augmentation of nnUNetTrainer",
            first.trainer
        ));
    }
    notes
}

/// Whether lists per axis are `[y, x]` or `[z, y, x]`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    flat: bool,
}

impl Shape {
    /// A list as `[z, y, x]`; `depth` is the value of a 2D configuration's missing axis.
    fn triple<T: Copy>(self, list: &[T], depth: T, path: &Path) -> Result<[T; 3], ImportError> {
        match (self.flat, list) {
            (true, [y, x]) => Ok([depth, *y, *x]),
            (false, [z, y, x]) => Ok([*z, *y, *x]),
            _ => {
                let wanted = if self.flat { 2 } else { 3 };
                Err(ImportError::of(
                    path,
                    format!("has a list of {} numbers where one per axis ({wanted}) is due", list.len()),
                ))
            }
        }
    }
}
