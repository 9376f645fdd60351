//! Early stopping: a training ends when it has not become better for long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::Metric;

/// When a training ends before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// What must become better.
    pub metric: Metric,
    /// Epochs without a better value after which the training ends.
    #[schemars(range(min = 1))]
    pub patience_epochs: usize,
    /// How much better than the best it must be to count.
    #[schemars(range(min = 0.0))]
    pub minimum_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { metric: Metric::ValidationDice, patience_epochs: 50, minimum_delta: 1e-4 }
    }
}

/// What is remembered between epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Best value so far.
    pub best: Option<f64>,
    /// Its epoch, counted from 1.
    pub best_epoch: usize,
    /// Whether the training has ended.
    pub stopped: bool,
}

impl Waiting {
    /// Takes in the value of an epoch, counted from 1.
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
        let mut waiting = Waiting::default();
        let stopped = (1..).zip(values).find(|(epoch, value)| {
            waiting.observe(&rule, *epoch, *value);
            waiting.stopped
        });
        assert_eq!((stopped.map(|(epoch, _)| epoch), waiting.best_epoch), (Some(7), 4));
    }

    #[test]
    fn of_a_loss_smaller_is_better_and_epochs_between_observations_count() {
        let rule = EarlyStopping { metric: Metric::TrainingLoss, patience_epochs: 20, minimum_delta: 0.0 };
        let mut waiting = Waiting::default();
        for (epoch, loss, stopped) in [(10, 1.0, false), (20, 0.9, false), (30, 0.95, false), (40, 0.92, true)] {
            waiting.observe(&rule, epoch, loss);
            assert_eq!(waiting.stopped, stopped, "epoch {epoch}");
        }
    }
}
