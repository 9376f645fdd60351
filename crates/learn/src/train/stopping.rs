//! Early stopping: training ends when a metric has not improved for some epochs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::Metric;

/// When training ends before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// The monitored metric.
    pub metric: Metric,
    /// Epochs without improvement after which training ends.
    #[schemars(range(min = 1))]
    pub patience_epochs: usize,
    /// Minimum difference from the best value that counts as an improvement.
    #[schemars(range(min = 0.0))]
    pub minimum_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { metric: Metric::ValidationDice, patience_epochs: 50, minimum_delta: 1e-4 }
    }
}

/// State between epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStoppingState {
    /// Best value so far.
    pub best: Option<f64>,
    /// Its epoch, counted from 1.
    pub best_epoch: usize,
    /// Whether training has ended.
    pub stopped: bool,
}

impl EarlyStoppingState {
    /// Updates the state by the value of an epoch, counted from 1.
    pub fn observe(&mut self, rule: &EarlyStopping, epoch: usize, value: f64) {
        if rule.metric.improves(value, self.best, rule.minimum_delta) {
            (self.best, self.best_epoch) = (Some(value), epoch);
        }
        self.stopped |= epoch - self.best_epoch.min(epoch) >= rule.patience_epochs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_patience_epochs_without_a_better_value() {
        let rule = EarlyStopping { patience_epochs: 3, minimum_delta: 0.01, ..EarlyStopping::default() };
        // Better at 1, 2 and 4; 0.505 at 5 is not enough.
        let values = [0.1, 0.4, 0.4, 0.5, 0.505, 0.3, 0.5, 0.9];
        let mut waiting = EarlyStoppingState::default();
        let stopped = (1..).zip(values).find(|(epoch, value)| {
            waiting.observe(&rule, *epoch, *value);
            waiting.stopped
        });
        assert_eq!((stopped.map(|(epoch, _)| epoch), waiting.best_epoch), (Some(7), 4));
    }

    #[test]
    fn for_a_loss_smaller_is_better_and_epochs_between_observations_count() {
        let rule = EarlyStopping { metric: Metric::TrainingLoss, patience_epochs: 20, minimum_delta: 0.0 };
        let mut waiting = EarlyStoppingState::default();
        for (epoch, loss, stopped) in [(10, 1.0, false), (20, 0.9, false), (30, 0.95, false), (40, 0.92, true)] {
            waiting.observe(&rule, epoch, loss);
            assert_eq!(waiting.stopped, stopped, "epoch {epoch}");
        }
    }
}
