//! What a correct spec needs of the machine that runs it: memory and files.
//!
//! A spec may be meant for another machine, so that this is told beside the errors, and only what no machine has is an error.

use std::path::{Path, PathBuf};

use super::finding::KeyPath;
use super::{Experiment, Findings, Loaded};
use crate::auto::Auto;
use crate::dataset::Dataset;
use crate::memory;
use crate::model::{Staged, Stages, feature_map_elements};
use crate::train::memory::{Settings, Step};
use crate::train::pretrained::Pretrained;
use crate::train::spec::Train;

/// More memory than any machine has for one training, in bytes.
const MOST: u64 = 1 << 42;

/// What this machine lacks for an experiment, one sentence each.
pub fn lacks(loaded: &Loaded) -> Vec<String> {
    let total = memory::total();
    let mut lacks = Vec::new();
    for experiment in loaded.trials.iter().map(|trial| &trial.experiment) {
        let need = Need::of(experiment, &loaded.dataset);
        if need.bytes() > total {
            let [wanted, total] = [need.bytes(), total].map(memory::gigabytes);
            let key = need.key(experiment);
            lacks.push(format!("this machine has {total} of memory, training needs about {wanted}: lower `{key}`"));
        }
        lacks.extend(experiment.pretrained.as_ref().and_then(missing_weights));
    }
    lacks.sort();
    lacks.dedup();
    lacks
}

/// Why pretrained weights cannot be read here.
fn missing_weights(pretrained: &Pretrained) -> Option<String> {
    let (key, path) = match (&pretrained.file, &pretrained.from_run) {
        (Some(file), _) => ("file", PathBuf::from(file)),
        (None, Some(run)) => ("from-run", Path::new(run).join("checkpoints/best.safetensors")),
        (None, None) => return None,
    };
    let reason = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => return None,
        Ok(_) => "is not a file".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {}", crate::files::reason(&error)),
    };
    Some(format!("`pretrained.{key}`: {} {reason} (relative to the working directory)", path.display()))
}

/// Refuses a training that fits into no machine.
pub(super) fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let need = Need::of(experiment, dataset);
    if need.bytes() <= MOST {
        return;
    }
    let wanted = memory::gigabytes(need.bytes());
    let key = need.key(experiment);
    let help = format!("no machine has as much: lower `{key}`");
    findings.error(KeyPath::from(key.as_str()), format!("this needs about {wanted} of memory"), help);
}

/// Least memory of an experiment in bytes, as far as its spec states it.
struct Need {
    /// The network's activations for one patch.
    patch: u64,
    /// The same, of a batch.
    batch: u64,
    /// Weights, gradients and optimiser.
    weights: u64,
    /// Batches that wait for the network.
    waiting: u64,
    /// A case in the shape of `preprocess.shape`.
    case: u64,
}

impl Need {
    fn of(experiment: &Experiment, dataset: &Dataset) -> Self {
        let (train, staged) = (&experiment.train, experiment.model.staged());
        let channels = dataset.channels.len().max(1) as f64;
        let patch_size = train.patch_size.fixed().copied().unwrap_or([0; 3]);
        let batch_size = train.batch_size.fixed().copied().unwrap_or(1);
        let settings = settings(train);
        let step = |batch_size, elements, parameters| Step { elements, batch_size, parameters }.bytes(&settings);
        let elements = elements(&staged, patch_size, dataset.structures.len() + 1);
        let voxels: f64 = patch_size.map(|edge| edge as f64).iter().product();
        let waiting = 4.0 * channels * voxels * batch_size as f64 * (1 + train.loader_threads) as f64;
        let shape = experiment.preprocess.shape.unwrap_or([0; 3]);
        let case = 8.0 * channels * shape.map(|edge| edge as f64).iter().product::<f64>();
        Self {
            patch: step(1, elements, 0.0),
            batch: step(batch_size, elements, 0.0),
            weights: step(1, 0.0, parameters(&staged)),
            waiting: waiting as u64,
            case: case as u64,
        }
    }

    fn bytes(&self) -> u64 {
        self.batch.saturating_add(self.weights).saturating_add(self.waiting).max(self.case)
    }

    /// The key to lower first.
    fn key(&self, experiment: &Experiment) -> String {
        let most = self.bytes();
        if self.case == most {
            "preprocess.shape".into()
        } else if self.weights > most / 2 {
            format!("{}.features", experiment.model.key())
        } else if self.waiting > most / 2 && experiment.train.loader_threads > 1 {
            "train.loader-threads".into()
        } else if self.patch > most / 8 || experiment.train.batch_size == Auto::Auto {
            "train.patch-size".into()
        } else {
            "train.batch-size".into()
        }
    }
}

fn settings(train: &Train) -> Settings {
    Settings {
        precision: train.precision,
        gradient_checkpointing: train.gradient_checkpointing,
        accumulates: train.accumulate > 1,
        averages: train.ema.is_some(),
    }
}

/// Outputs of all layers for one patch: of the stages whose features and strides are stated, else of the first one.
fn elements(network: &Staged, patch: [usize; 3], outputs: usize) -> f64 {
    let strides = network.strides.fixed().cloned().unwrap_or_else(|| vec![[1; 3]]);
    let usual = |stage: usize| network.base_features << stage.min(3);
    let features = network.features.fixed().cloned().unwrap_or_else(|| (0..strides.len()).map(usual).collect());
    let count = strides.len().min(features.len());
    if count == 0 {
        return 0.0;
    }
    let stages = Stages {
        blocks: network.blocks.fixed().cloned().unwrap_or_else(|| (0..count).map(network.default_blocks).collect()),
        kernels: vec![[network.kernel; 3]; count],
        decoder_blocks: network.decoder_blocks.of(count - 1),
        features,
        strides,
    };
    feature_map_elements(&network.cost, &stages, patch, outputs)
}

/// Weights of the convolutions whose features are stated; the rules for `"auto"` stay below 512 features.
fn parameters(network: &Staged) -> f64 {
    let Some(features) = network.features.fixed() else { return 0.0 };
    let edge = |axis: usize| if network.flat && axis == 0 { 1 } else { network.kernel };
    let stage = |(stage, &width): (usize, &usize)| {
        let kernel = network.kernels.fixed().and_then(|all| all.get(stage)).copied();
        let kernel = kernel.unwrap_or_else(|| [0, 1, 2].map(edge));
        let blocks = network.blocks.fixed().and_then(|all| all.get(stage)).copied().unwrap_or(1).max(1);
        let before = stage.checked_sub(1).map_or(1, |before| features[before]);
        let taps: f64 = kernel.map(|edge| edge as f64).iter().product();
        taps * width as f64 * (before as f64 + (blocks - 1) as f64 * width as f64)
    };
    features.iter().enumerate().map(stage).sum()
}
