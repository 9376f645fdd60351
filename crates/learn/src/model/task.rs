//! What a network is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a network's outputs say, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Which structure each voxel belongs to.
    Segment,
    /// Which structures each slice shows.
    ClassifySlices,
}
