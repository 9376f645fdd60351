//! Why a training failed.

use super::checkpoint::CheckpointError;
use super::optimizer::GroupError;
use super::pretrained::PretrainedError;
use crate::preprocess::PrepareError;

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss became NaN or infinite.
    #[error(
        "the loss became {loss} at step {step}: lower the learning rate ({learning_rate:.1e}) or `train.clip-norm`"
    )]
    Diverged {
        /// Counted over all epochs, from 1.
        step: usize,
        /// The value.
        loss: f64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// No loss scale keeps the gradients within the range of 16 bits.
    #[error("step {step} overflowed 16 bits at every loss scale: set `train.precision = \"bf16\"` or \"f32\"")]
    Overflow {
        /// Counted over all epochs, from 1.
        step: usize,
    },
    /// The device has too little memory for a step.
    #[error(
        "the device ran out of memory ({reason}): lower `train.batch-size`, `train.patch-size` or the model's features, set \
         `train.precision = \"bf16\"` or `train.gradient-checkpointing = true`"
    )]
    Memory {
        /// The device's message.
        reason: String,
    },
    /// The device failed.
    #[error(
        "the device failed: {reason}. Where it computed smaller steps before, lower `train.batch-size`, `train.patch-size` or the \
         model's features"
    )]
    Device {
        /// The device's message.
        reason: String,
    },
    /// Several devices cannot share the steps of this training.
    #[error("a run over {devices} devices: {reason}")]
    Sharing {
        /// Number of devices.
        devices: usize,
        /// Why, and the remedy.
        reason: String,
    },
    /// A parameter group matches nothing in the network.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The pretrained weights could not be loaded.
    #[error("pretrained weights: {0}")]
    Pretrained(#[from] PretrainedError),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A prepared case could not be read.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Stopped while validating.
    #[error("stopped")]
    Stopped,
    /// Validation failed.
    #[error("validation: {0}")]
    Validation(String),
}
