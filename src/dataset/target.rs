//! What a network is trained to find: structures of the dataset, or unions of them.

use serde::{Deserialize, Serialize};

/// The structures of one experiment, in the order of every table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// Whether a voxel may belong to several of the structures: sigmoid outputs instead of softmax.
    pub overlapping: bool,
    /// The structures.
    #[serde(rename = "structure")]
    pub structures: Vec<TargetStructure>,
}

/// One structure to find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetStructure {
    /// Name in tables and charts.
    pub name: String,
    /// Values in the reference label files that belong to it.
    pub values: Vec<u16>,
    /// Value in predicted label maps: the smallest of `values`.
    pub value: u16,
    /// Names of the dataset's structures that it unites (itself, if it is one of them).
    pub members: Vec<String>,
    /// Colour in pictures.
    pub color: [u8; 3],
}

impl Target {
    /// Outputs of a network for this target: background + structures, or structures alone where they overlap.
    pub fn outputs(&self) -> usize {
        self.structures.len() + usize::from(!self.overlapping)
    }
}
