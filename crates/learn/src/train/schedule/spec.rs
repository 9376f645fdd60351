//! Learning-rate schedule of an experiment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::plateau::Plateau;

/// How the learning rate changes over the steps of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Constant.
    Constant {},
    /// Multiplied by `factor` every `every-epochs` epochs (PyTorch's `StepLR`).
    Step {
        /// Epochs between changes.
        #[schemars(range(min = 1))]
        every_epochs: usize,
        /// The factor.
        #[serde(default = "tenth")]
        #[schemars(range(min = 0.0, max = 1.0))]
        factor: f64,
    },
    /// Multiplied by `factor` after every epoch (PyTorch's `ExponentialLR`).
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
    /// Half a cosine from the initial learning rate down to `minimum` times it.
    Cosine {
        /// Final learning rate as a fraction of the initial one.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        minimum: f64,
    },
    /// Successive half cosines, each from the initial learning rate (Loshchilov & Hutter 2017; PyTorch's
    /// `CosineAnnealingWarmRestarts`).
    CosineRestarts {
        /// Epochs of the first cycle.
        #[schemars(range(min = 1))]
        first_cycle_epochs: usize,
        /// Length of each further cycle relative to the previous one.
        #[serde(default = "once")]
        #[schemars(range(min = 1))]
        cycle_factor: usize,
        /// Final learning rate of each cycle as a fraction of the initial one.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        minimum: f64,
    },
    /// Multiplied by a factor whenever a metric has not improved for some epochs (PyTorch's `ReduceLROnPlateau`).
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
