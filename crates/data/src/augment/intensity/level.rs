//! Brightness, contrast, scale and shift: linear changes of a channel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::{mean_and_sd, range};
use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, above_zero, ordered};

/// Multiplies each channel by a factor that lies below or above 1 with equal chance (nnU-Net).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Brightness {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the factor.
    pub factors: [f64; 2],
}

impl Default for Brightness {
    fn default() -> Self {
        Self { probability: 0.15, factors: [0.75, 1.25] }
    }
}

/// Stretches each channel around its mean by a factor that lies below or above 1 with equal chance (nnU-Net).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Contrast {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the factor.
    pub factors: [f64; 2],
    /// Clip to the channel's original range.
    pub keep_range: bool,
}

impl Default for Contrast {
    fn default() -> Self {
        Self { probability: 0.15, factors: [0.75, 1.25], keep_range: true }
    }
}

/// Multiplies each channel by a factor that is uniform in a range (MONAI's `RandScaleIntensity`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Scale {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the factor.
    pub factors: [f64; 2],
}

impl Default for Scale {
    fn default() -> Self {
        Self { probability: 0.5, factors: [0.9, 1.1] }
    }
}

/// Adds a constant to each channel, uniform in a range (MONAI's `RandShiftIntensity`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Shift {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the constant, in units of the prepared image.
    pub offsets: [f64; 2],
}

impl Default for Shift {
    fn default() -> Self {
        Self { probability: 0.5, offsets: [-0.1, 0.1] }
    }
}

impl Transform for Brightness {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("factors", self.factors)
    }
}

impl Brightness {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        channels.for_each(|channel| multiply(channel, dice.factor(self.factors)));
    }
}

impl Transform for Scale {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("factors", self.factors)
    }
}

impl Scale {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        channels.for_each(|channel| multiply(channel, dice.between(self.factors)));
    }
}

impl Transform for Shift {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        ordered("offsets", self.offsets).into_iter().collect()
    }
}

impl Shift {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        for channel in channels {
            let offset = dice.between(self.offsets) as f32;
            channel.iter_mut().for_each(|value| *value += offset);
        }
    }
}

impl Transform for Contrast {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("factors", self.factors)
    }
}

impl Contrast {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        for channel in channels {
            let factor = dice.factor(self.factors) as f32;
            let mean = mean_and_sd(channel).0 as f32;
            let (low, high) = if self.keep_range { range(channel) } else { (f32::NEG_INFINITY, f32::INFINITY) };
            channel.iter_mut().for_each(|value| *value = ((*value - mean) * factor + mean).max(low).min(high));
        }
    }
}

fn multiply(channel: &mut [f32], factor: f64) {
    let factor = factor as f32;
    channel.iter_mut().for_each(|value| *value *= factor);
}
