//! Settings of the optimiser and its parameter groups.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma & Ba 2015); weight decay is an L2 penalty added to the gradient.
    Adam(Adam),
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
    Adamw(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

impl Optimizer {
    /// Learning rate before warm-up and schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(adam) => adam.learning_rate,
            Self::Adamw(adamw) => adamw.learning_rate,
            Self::Sgd(sgd) => sgd.learning_rate,
        }
    }

    /// Weight decay of parameters without their own.
    pub fn weight_decay(&self) -> f64 {
        match self {
            Self::Adam(adam) => adam.weight_decay,
            Self::Adamw(adamw) => adamw.weight_decay,
            Self::Sgd(sgd) => sgd.weight_decay,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adamw(AdamW::default())
    }
}

/// Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Adam {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// L2 penalty added to the gradient.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the denominator.
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, weight_decay: 0.0, betas: [0.9, 0.999], epsilon: 1e-8 }
    }
}

/// Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AdamW {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Weight decay.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Decay of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the denominator.
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { learning_rate: 1e-3, weight_decay: 1e-4, betas: [0.9, 0.999], epsilon: 1e-8 }
    }
}

/// Stochastic gradient descent with momentum (dampening 0, as in PyTorch).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// L2 penalty added to the gradient.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Momentum.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Use Nesterov momentum.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 1e-2, weight_decay: 3e-5, momentum: 0.99, nesterov: true }
    }
}

/// Parameters with their own training settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Group {
    /// Name of a part of the network, such as `encoder` or `encoder.0`: as in the names of the weights in `best.safetensors`, after that
    /// of the architecture. A parameter that several groups match belongs to the last of them.
    pub parameters: String,
    /// Factor of the learning rate.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0))]
    pub learning_rate_factor: f64,
    /// Weight decay. Default: the optimiser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub weight_decay: Option<f64>,
    /// Initial epochs in which these parameters are frozen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub freeze_epochs: usize,
}

fn one() -> f64 {
    1.0
}

fn is_zero(epochs: &usize) -> bool {
    *epochs == 0
}
