//! A checkpoint (`checkpoint_final.pth`): what it says beside its weights. Nothing pickled is executed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pytorch_reader::{PickleValue, PytorchReader};

use super::ImportError;

/// Which checkpoint of a fold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// After the last epoch: nnU-Net's own choice.
    #[default]
    Final,
    /// Of the best pseudo Dice.
    Best,
}

impl Kind {
    /// Its file name.
    pub fn file(self) -> &'static str {
        match self {
            Self::Final => "checkpoint_final.pth",
            Self::Best => "checkpoint_best.pth",
        }
    }
}

/// A checkpoint file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// The trainer's class.
    pub trainer: String,
    /// The configuration's name.
    pub configuration: String,
    /// Epochs trained.
    pub epochs: usize,
    /// Spatial axes of the input that prediction flips.
    pub mirror_axes: Vec<usize>,
    /// Whether the network has batch norms.
    pub has_batch_norm: bool,
}

impl Checkpoint {
    /// Reads a file.
    ///
    /// # Errors
    /// It is missing, damaged, or no checkpoint of nnU-Net v2.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        if let Err(error) = std::fs::File::open(path) {
            return Err(ImportError::io(path, &error));
        }
        let wrong = |reason: String| ImportError::of(path, format!("not a checkpoint of nnU-Net v2: {reason}"));
        let value = PytorchReader::read_pickle_data(path, None).map_err(|error| wrong(error.to_string()))?;
        let PickleValue::Dict(table) = value else { return Err(wrong("it is no table".into())) };
        let text = |table: &HashMap<String, PickleValue>, key: &str| match table.get(key) {
            Some(PickleValue::String(text)) => Ok(text.clone()),
            _ => Err(wrong(format!("it lacks `{key}`"))),
        };
        let Some(PickleValue::Dict(arguments)) = table.get("init_args") else {
            return Err(wrong("it lacks `init_args`".into()));
        };
        let Some(PickleValue::Dict(weights)) = table.get("network_weights") else {
            return Err(wrong("it lacks `network_weights`".into()));
        };
        let epochs = match table.get("current_epoch") {
            Some(PickleValue::Int(epochs)) => usize::try_from(*epochs).unwrap_or(0),
            _ => 0,
        };
        let mirror_axes = match table.get("inference_allowed_mirroring_axes") {
            None | Some(PickleValue::None) => Vec::new(),
            Some(PickleValue::List(axes)) => axes.iter().map(axis).collect::<Option<_>>().unwrap_or_default(),
            Some(_) => return Err(wrong("`inference_allowed_mirroring_axes` is no list of axes".into())),
        };
        Ok(Self {
            path: path.into(),
            trainer: text(&table, "trainer_name")?,
            configuration: text(arguments, "configuration")?,
            epochs,
            mirror_axes,
            has_batch_norm: weights.keys().any(|name| name.ends_with(".running_mean")),
        })
    }
}

fn axis(value: &PickleValue) -> Option<usize> {
    match value {
        PickleValue::Int(axis) => usize::try_from(*axis).ok(),
        _ => None,
    }
}
