//! Datasets: which cases there are, what their labels mean, and who tests whom.

pub mod spec;
pub mod target;

use std::path::PathBuf;

pub use spec::Dataset;
pub use target::{Target, TargetStructure};

/// One examination: its image files and, where there is one, its label file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Name, unique in the dataset, usable as a file name.
    pub name: String,
    /// One file per channel in channel order, or one file that holds every channel.
    pub images: Vec<PathBuf>,
    /// The reference label map.
    pub label: Option<PathBuf>,
}

/// A case that cannot be used, and why. It becomes a row in the tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Excluded {
    /// Name of the case, or of the file where no case could be made of it.
    pub case: String,
    /// The reason, naming the file.
    pub reason: String,
}

/// Which cases train, choose the weights, and are scored; names in sorted order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fold {
    /// Cases that train.
    pub train: Vec<String>,
    /// Cases that choose the weights.
    pub validation: Vec<String>,
    /// Cases that are scored.
    pub test: Vec<String>,
}

/// Folder of the shared test images; `None`, with a line on the terminal, where it is missing.
#[cfg(test)]
pub(crate) fn test_data() -> Option<PathBuf> {
    let root = std::env::var_os("SEGSPEC_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no test images at {}", root.display());
    None
}
