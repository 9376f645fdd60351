//! What an experiment says about the learning rate over the steps of training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::plateau::Plateau;

/// How the learning rate changes over all steps of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Stays.
    Constant {},
    /// Times `factor` after every so many epochs (PyTorch's `StepLR`).
    Step {
        /// The epochs.
        #[schemars(range(min = 1))]
        every_epochs: usize,
        /// The factor.
        #[serde(default = "tenth")]
        #[schemars(range(min = 0.0, max = 1.0))]
        factor: f64,
    },
    /// Times `factor` after every epoch (PyTorch's `ExponentialLR`).
    Exponential {
        /// The factor.
        #[schemars(range(min = 0.0, max = 1.0))]
        factor: f64,
    },
    /// `(1 − step/steps)^power` (nnU-Net: 0.9).
    Polynomial {
        /// The exponent.
        #[serde(default = "default_power")]
        #[schemars(range(min = 0.0))]
        power: f64,
    },
    /// Half a cosine from the learning rate down to `minimum` times it.
    Cosine {
        /// The last learning rate as a fraction of the first.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        minimum: f64,
    },
    /// Half cosines one after the other, each from the full learning rate (Loshchilov & Hutter 2017; PyTorch's
    /// `CosineAnnealingWarmRestarts`).
    CosineRestarts {
        /// Epochs of the first one.
        #[schemars(range(min = 1))]
        first_cycle_epochs: usize,
        /// How many times as long as the one before it each further one is.
        #[serde(default = "once")]
        #[schemars(range(min = 1))]
        cycle_factor: usize,
        /// The last learning rate of each as a fraction of the first.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        minimum: f64,
    },
    /// Times a factor whenever a metric has not become better for some epochs (PyTorch's `ReduceLROnPlateau`).
    Plateau(Plateau),
}

fn default_power() -> f64 {
    0.9
}

fn tenth() -> f64 {
    0.1
}

fn once() -> usize {
    1
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Polynomial { power: default_power() }
    }
}
