//! Pretrained weights: a file of another framework, or one of our own runs.

mod matching;
mod read;
mod spec;

use std::path::{Path, PathBuf};

pub use matching::{Loaded, Report};
pub use spec::{Pretrained, PretrainedPlan};

use crate::model::{ModelPlan, Network};

/// Why weights could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The file cannot be read or used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's content changed since the run was planned.
    #[error("{}: the weights changed since this run was planned (hash {found}, planned {planned}): restore the file", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// In the plan.
        planned: String,
        /// In the file.
        found: String,
    },
    /// Parameters are missing from the file.
    #[error(
        "{}: {} of {} parameters are not in the file, the first `{}`{hint}; set `pretrained.rename` or `prefix`, or `partial = true`",
        path.display(), missing.len(), all, missing.first().map_or("", |name| name.as_str())
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Names of our parameters.
        missing: Vec<String>,
        /// Number of our parameters.
        all: usize,
        /// A name that the file has instead.
        hint: String,
    },
}

/// Loads the weights that fit into a network.
///
/// # Errors
/// The file cannot be read, nothing in it fits, or parameters are missing without `partial`.
pub fn load(
    plan: &PretrainedPlan,
    path: &Path,
    model: &ModelPlan,
    channels: usize,
    network: Network,
) -> Result<(Network, Report), PretrainedError> {
    let found = hash(path)?;
    if found != plan.hash {
        return Err(PretrainedError::Changed { path: path.into(), planned: plan.hash.clone(), found });
    }
    let file = |reason: String| PretrainedError::File { path: path.into(), reason };
    let tensors = read::read(path).map_err(file)?;
    let tensors = matching::renamed(tensors, plan).map_err(file)?;
    let (network, report) = matching::fill(network, &model.names(), &tensors, channels).map_err(file)?;
    let hint = || match (report.unfit.first(), report.unused.first()) {
        (Some(unfit), _) => format!(" (the shapes differ: {unfit})"),
        (None, Some(name)) => format!(" (the file has `{name}`)"),
        (None, None) => String::new(),
    };
    if report.loaded.is_empty() || (!plan.partial && !report.missing.is_empty()) {
        let all = report.loaded.len() + report.missing.len();
        return Err(PretrainedError::Missing { path: path.into(), missing: report.missing.clone(), all, hint: hint() });
    }
    Ok((network, report))
}

/// Hash of a file's content.
///
/// # Errors
/// The file cannot be read.
pub fn hash(path: &Path) -> Result<String, PretrainedError> {
    let file =
        |error: std::io::Error| PretrainedError::File { path: path.into(), reason: crate::files::reason(&error) };
    if !std::fs::metadata(path).map_err(file)?.is_file() {
        // A device or a pipe may have no end.
        return Err(PretrainedError::File { path: path.into(), reason: "is not a file".into() });
    }
    let mut hasher = blake3::Hasher::new();
    let content = std::fs::File::open(path).map_err(file)?;
    hasher.update_reader(content).map_err(file)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests;
