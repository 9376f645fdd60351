//! Records of epochs, and events of a training run.

use serde::{Deserialize, Serialize};

/// Scores of the validation cases, per structure in the target's order; none if undefined in every case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean Dice over cases.
    pub dice: Vec<Option<f64>>,
    /// Mean intersection over union.
    pub iou: Vec<Option<f64>>,
}

impl Validation {
    /// Mean over the structures that have a score.
    pub fn mean(scores: &[Option<f64>]) -> Option<f64> {
        let defined: Vec<f64> = scores.iter().flatten().copied().collect();
        (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
    }
}

/// One finished epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps done over all epochs.
    pub step: usize,
    /// Mean loss of the epoch's steps.
    pub loss: f64,
    /// Steps skipped because they overflowed 16 bits.
    #[serde(default)]
    pub skipped_steps: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Wall-clock seconds of the training steps.
    pub seconds: f64,
    /// Seconds that the device idled, waiting for patches.
    #[serde(default)]
    pub waited_seconds: f64,
    /// Scores of the validation cases, in epochs that validate.
    pub validation: Option<Validation>,
    /// Whether this epoch's weights are the best so far.
    pub best: bool,
    /// Whether early stopping made it the last epoch.
    #[serde(default)]
    pub stopped_early: bool,
}

/// Events of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// Before the first step.
    #[serde(rename = "training")]
    Started {
        /// Trainable parameters.
        parameters: usize,
        /// Estimated peak memory in bytes.
        memory_bytes: usize,
        /// Estimated seconds of one epoch (one measured step times the number of steps).
        epoch_seconds: Option<f64>,
        /// Total number of epochs.
        epochs: usize,
        /// Steps per epoch.
        steps_per_epoch: usize,
        /// Step from which a stopped run resumes; 0 for a new one.
        #[serde(rename = "resumed-at-step")]
        resumed_at: usize,
        /// Epochs finished in earlier sessions.
        #[serde(skip)]
        history: Vec<EpochRecord>,
    },
    /// After a step.
    Step {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1 within the epoch.
        step: usize,
        /// The step's loss.
        loss: f64,
        /// The step's learning rate.
        learning_rate: f64,
        /// Patches per second in this epoch.
        patches_per_second: f64,
    },
    /// Validation of whole volumes begins.
    Validating {
        /// Counted from 1.
        epoch: usize,
    },
    /// After an epoch and its validation.
    Epoch(EpochRecord),
    /// The epoch's weights were saved as the best.
    #[serde(rename = "best")]
    NewBest {
        /// Counted from 1.
        epoch: usize,
        /// The score that selects the checkpoint.
        score: f64,
    },
    /// Early stopping ended the training.
    StoppedEarly {
        /// The last epoch, counted from 1.
        epoch: usize,
        /// The epoch with the best value.
        best_epoch: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_a_checkpoint_bit_for_bit() {
        // Without `float_roundtrip`, serde_json reads the first two one unit in the last place too large.
        let numbers = [0.00010684073783223467, 0.050879290552604456, 1.0, 0.1 + 0.2, 5e-324, f64::MAX];
        for number in numbers {
            let record = EpochRecord {
                epoch: 1,
                step: 2,
                loss: number,
                skipped_steps: 3,
                learning_rate: -number,
                seconds: number,
                waited_seconds: number,
                validation: Some(Validation { dice: vec![Some(number), None], iou: vec![] }),
                best: true,
                stopped_early: true,
            };
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<EpochRecord>(&text).unwrap(), record, "{text}");
        }
    }
}
