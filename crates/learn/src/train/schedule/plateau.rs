//! A learning rate that is reduced when a metric stops improving.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::train::metric::Metric;

/// When the learning rate is reduced, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Plateau {
    /// The monitored metric.
    pub metric: Metric,
    /// Factor of the learning rate at each reduction.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub factor: f64,
    /// Epochs without improvement that are tolerated; at the next one the learning rate is reduced.
    pub patience_epochs: usize,
    /// Epochs after a reduction that do not count.
    pub cooldown_epochs: usize,
    /// Minimum difference from the best value that counts as an improvement.
    #[schemars(range(min = 0.0))]
    pub minimum_delta: f64,
    /// Lower bound of the learning rate as a fraction of the initial one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub minimum: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            metric: Metric::ValidationDice,
            factor: 0.1,
            patience_epochs: 10,
            cooldown_epochs: 0,
            minimum_delta: 1e-4,
            minimum: 0.0,
        }
    }
}

/// State between epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// The learning rate as a fraction of the initial one.
    pub factor: f64,
    /// Best value so far.
    pub best: Option<f64>,
    /// Epochs without improvement.
    pub bad_epochs: usize,
    /// Remaining epochs that do not count.
    pub cooldown: usize,
    /// Last epoch with a value.
    pub epoch: usize,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { factor: 1.0, best: None, bad_epochs: 0, cooldown: 0, epoch: 0 }
    }
}

impl PlateauState {
    /// Updates the state by the value of an epoch, counted from 1. PyTorch's rule with an absolute threshold; epochs without a value
    /// count like the next epoch with one.
    pub fn observe(&mut self, rule: &Plateau, epoch: usize, value: f64) {
        let passed = epoch.saturating_sub(self.epoch);
        self.epoch = epoch;
        if rule.metric.improves(value, self.best, rule.minimum_delta) {
            (self.best, self.bad_epochs) = (Some(value), 0);
        } else {
            self.bad_epochs += passed;
        }
        if self.cooldown > 0 {
            self.cooldown = self.cooldown.saturating_sub(passed);
            self.bad_epochs = 0;
        }
        if self.bad_epochs > rule.patience_epochs {
            self.factor = (self.factor * rule.factor).max(rule.minimum);
            (self.cooldown, self.bad_epochs) = (rule.cooldown_epochs, 0);
        }
    }
}
