//! Parallel processing of cases with progress, cancellation and bounded memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Cancel;
use crate::dataset::parallel::{self, Ended};
use crate::dataset::{Case, Content};
use crate::files;

/// Cases in memory at a time. Resampling uses all cores; several cases overlap it with reading and decompression.
const MAX_IN_FLIGHT: usize = 4;

/// Progress after a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the case.
    pub case: &'a str,
    /// Number of finished cases, including this one.
    pub done: usize,
    /// Total number of cases.
    pub total: usize,
    /// Outcome of this case.
    pub outcome: Outcome,
}

/// Outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Computed and stored.
    Computed,
    /// Found in the cache.
    Cached,
    /// Excluded.
    Excluded,
}

/// Called after every case, from any thread.
pub type Observer<'a> = &'a (dyn Fn(Progress<'_>) + Sync);

/// Errors that end preprocessing as a whole.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The cache cannot be written.
    #[error("{path}: cannot be written: {}", crate::files::reason(source))]
    Cache {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A prepared case can no longer be read.
    #[error("{path}: {}; delete the file and run again", crate::files::reason(source))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// A case that could be read when it was checked, but not now.
    #[error("case {case} could be read when the run was planned, but not now: {reason}; run the same command again")]
    Unreadable {
        /// The case.
        case: String,
        /// The error.
        reason: String,
    },
    /// A case that this machine has no memory for.
    #[error("case {case}: {reason}")]
    Memory {
        /// The case.
        case: String,
        /// Wanted and free memory, and the keys to change.
        reason: String,
    },
    /// A file of a case was replaced while it was read.
    #[error("case {case} changed while it was read; run the same command again")]
    Changed {
        /// The case.
        case: String,
    },
    /// A case is not in the cache, and the caller forbids reading it.
    #[error("case {case} has not been read yet; run `segspec prepare`")]
    NotRead {
        /// The case.
        case: String,
    },
    /// Cancelled by the caller. Finished cases are in the cache.
    #[error("interrupted")]
    Cancelled,
}

impl PrepareError {
    /// Whether the environment is the cause (disk full, permissions): exit code 7.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Cache { source, .. } | Self::Damaged { source, .. } => files::is_environment(source),
            Self::Unreadable { .. } | Self::Changed { .. } | Self::Memory { .. } => true,
            Self::NotRead { .. } | Self::Cancelled => false,
        }
    }

    pub(super) fn cache(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Cache { path: path.to_owned(), source }
    }
}

/// Processes every case, a few at a time; results are in input order. Stops at the first error.
pub(super) fn each_case<T: Send>(
    cases: &[(Case, Content)],
    observer: Observer<'_>,
    cancelled: &Cancel,
    work: impl Fn(&Case, &Content) -> Result<(T, Outcome), PrepareError> + Sync,
) -> Result<Vec<T>, PrepareError> {
    let done = AtomicUsize::new(0);
    let each = |(case, content): &(Case, Content)| {
        let (result, outcome) = work(case, content)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        observer(Progress { case: &case.name, done, total: cases.len(), outcome });
        Ok(result)
    };
    parallel::each(cases, MAX_IN_FLIGHT, cancelled, each).map_err(|ended| match ended {
        Ended::Cancelled => PrepareError::Cancelled,
        Ended::Failed(error) => error,
    })
}
