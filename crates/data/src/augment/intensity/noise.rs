//! Gaussian noise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normal;
use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, not_negative};

/// Adds Gaussian noise with one standard deviation for all channels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Noise {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the standard deviation, in units of the prepared image (nnU-Net calls it a variance but uses it as the standard
    /// deviation).
    pub sd: [f64; 2],
}

impl Default for Noise {
    fn default() -> Self {
        Self { probability: 0.1, sd: [0.0, 0.1] }
    }
}

impl Transform for Noise {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        not_negative("sd", self.sd)
    }
}

impl Noise {
    pub(crate) fn apply(&self, channels: Channels, _: Grid, dice: &mut Dice) {
        let sd = dice.between(self.sd);
        channels.for_each(|channel| normal::add(channel, sd, dice.rng()));
    }
}
