//! Gamma curves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::power::power;
use super::statistics::{mean_and_sd, statistics};
use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, above_zero};

/// Smallest range and deviation to divide by (batchgeneratorsv2's).
const EPSILON: f64 = 1e-7;

/// Maps each channel to 0…1, raises it to an exponent and maps it back (nnU-Net).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Gamma {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the exponent, which lies below or above 1 with equal chance.
    pub exponents: [f64; 2],
    /// Restore the channel's mean and standard deviation.
    pub keep_statistics: bool,
}

impl Default for Gamma {
    fn default() -> Self {
        Self { probability: 0.3, exponents: [0.7, 1.5], keep_statistics: true }
    }
}

impl Transform for Gamma {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        above_zero("exponents", self.exponents)
    }
}

impl Gamma {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        channels.for_each(|channel| curve(channel, dice.factor(self.exponents), false, self.keep_statistics));
    }

    /// As [`Self::apply`], of the image with bright and dark exchanged.
    pub(crate) fn apply_inverted(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        channels.for_each(|channel| curve(channel, dice.factor(self.exponents), true, self.keep_statistics));
    }
}

fn curve(channel: &mut [f32], exponent: f64, inverted: bool, keep_statistics: bool) {
    let sign = if inverted { -1.0 } else { 1.0 };
    let before = statistics(channel);
    let (low, high) = if inverted { (-before.high, -before.low) } else { (before.low, before.high) };
    let range = f64::from(high) - f64::from(low);
    let scale = (1.0 / range.max(EPSILON)) as f32;
    channel.iter_mut().for_each(|value| *value = (*value * sign - low) * scale);
    power(channel, exponent as f32);
    let (factor, offset) = if keep_statistics {
        // Of the values in 0…1: the range scales mean and deviation alike.
        let (mean, sd) = mean_and_sd(channel);
        let factor = range * before.sd / (range * sd).max(EPSILON);
        (factor, before.mean * f64::from(sign) - factor * mean)
    } else {
        (range, f64::from(low))
    };
    let (factor, offset) = (factor as f32 * sign, offset as f32 * sign);
    channel.iter_mut().for_each(|value| *value = *value * factor + offset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Range 0…4: (v/4)² · 4; inverted: 4 − ((4 − v)/4)² · 4.
        let mut values = [0.0, 1.0, 2.0, 4.0];
        curve(&mut values, 2.0, false, false);
        values.iter().zip([0.0, 0.25, 1.0, 4.0]).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-5));
        let mut values = [0.0, 1.0, 2.0, 4.0];
        curve(&mut values, 2.0, true, false);
        values.iter().zip([0.0, 1.75, 3.0, 4.0]).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-5));
    }

    #[test]
    fn statistics_are_kept_and_a_constant_channel_stays() {
        let mut values: Vec<f32> = (0..100).map(|k| (k as f32 * 0.37).sin() * 3.0 + 1.0).collect();
        let before = mean_and_sd(&values);
        curve(&mut values, 0.7, true, true);
        let after = mean_and_sd(&values);
        assert!((before.0 - after.0).abs() < 1e-5 && (before.1 - after.1).abs() < 1e-5, "{before:?} {after:?}");
        let mut constant = [2.5; 10];
        curve(&mut constant, 1.5, false, true);
        assert!(constant.iter().all(|value| (value - 2.5).abs() < 1e-6));
    }
}
