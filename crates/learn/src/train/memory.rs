//! Memory of a training step, estimated before it is taken: a failed allocation ends the process without a word.

use super::TrainPlan;
use crate::backend::Precision;
use crate::model::{Interface, ModelPlan};

/// Copies of every convolution output that training keeps: the output itself, its normalised and activated forms, and
/// what the composed normalisation saves for its gradient. Fitted to peaks measured on the CPU (docs/benchmarks.md).
const COPIES_OF_ACTIVATIONS: f64 = 4.0;

/// The part of them that 16-bit types, or recomputation in the backward pass, take at least.
const HALF: f64 = 0.5;

/// What a step keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Outputs of all layers for one patch.
    pub elements: f64,
    /// Patches per batch.
    pub batch_size: usize,
    /// Trainable parameters; 0 where they are not known.
    pub parameters: f64,
}

impl Step {
    /// Bytes of activations, weights, gradients and optimiser of a step with these settings.
    pub fn bytes(&self, settings: &Settings) -> u64 {
        let saved = if settings.precision == Precision::F32 && !settings.gradient_checkpointing { 1.0 } else { HALF };
        // Weights, gradients and two moments; accumulated gradients and an average of the weights if enabled.
        let copies = 4.0 + f64::from(u8::from(settings.accumulates)) + f64::from(u8::from(settings.averages));
        let activations = self.elements * self.batch_size as f64 * COPIES_OF_ACTIVATIONS * saved;
        // A cast of a float stops at the largest number.
        (4.0 * (activations + self.parameters * copies)) as u64
    }
}

/// Settings of a training that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Floating-point type of the convolutions.
    pub precision: Precision,
    /// Recomputation of activations.
    pub gradient_checkpointing: bool,
    /// Whether gradients of several batches are summed.
    pub accumulates: bool,
    /// Whether an average of the weights is kept.
    pub averages: bool,
}

/// Bytes of a training step of a plan, without the weights.
pub fn activation_bytes(plan: &TrainPlan, model: &ModelPlan, interface: Interface) -> u64 {
    let elements = model.feature_map_elements(plan.patch_size, interface) as f64;
    Step { elements, batch_size: plan.batch_size, parameters: 0.0 }.bytes(&settings(plan))
}

/// The settings of a plan.
pub(super) fn settings(plan: &TrainPlan) -> Settings {
    Settings {
        precision: plan.precision,
        gradient_checkpointing: plan.gradient_checkpointing,
        accumulates: plan.accumulate > 1,
        averages: plan.ema.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_grow_with_batch_and_weights_and_never_overflow() {
        let settings =
            Settings { precision: Precision::F32, gradient_checkpointing: false, accumulates: false, averages: false };
        let step = Step { elements: 1e6, batch_size: 2, parameters: 1e5 };
        assert_eq!(step.bytes(&settings), 4 * (8_000_000 + 400_000));
        let saving = Settings { gradient_checkpointing: true, averages: true, ..settings };
        assert_eq!(step.bytes(&saving), 4 * (4_000_000 + 500_000));
        assert_eq!(Step { elements: 1e300, ..step }.bytes(&settings), u64::MAX);
    }
}
