//! What an experiment says about augmentation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random changes of training patches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Augment {
    /// Axes that are flipped, each with probability one half.
    pub mirror: Vec<Axis>,
}

/// An axis of the canonical RAS grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Inferior–superior, index 0.
    Depth,
    /// Posterior–anterior, index 1.
    Height,
    /// Left–right, index 2.
    Width,
}

impl Axis {
    /// Index in a `[depth, height, width]` triple.
    pub fn index(self) -> usize {
        self as usize
    }
}
