//! The task of a network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The structure of each voxel.
    Segment,
    /// The structures shown in each slice.
    ClassifySlices,
}
