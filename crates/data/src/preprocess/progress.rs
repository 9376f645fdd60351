//! Cases one beside the other: progress, cancellation, bounded memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Cancel;
use crate::dataset::parallel::{self, Ended};
use crate::dataset::{Case, Content};
use crate::files;

/// Cases in memory at a time. Each uses all cores where it resamples; several overlap that with reading and decompression.
const MAX_IN_FLIGHT: usize = 4;

/// What has just happened to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Name of the case.
    pub case: &'a str,
    /// Cases that are finished, this one included.
    pub done: usize,
    /// All cases.
    pub total: usize,
    /// How this one ended.
    pub outcome: Outcome,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was computed and stored.
    Computed,
    /// It was there already.
    Cached,
    /// It cannot be used.
    Excluded,
}

/// Called after every case, from several threads.
pub type Observer<'a> = &'a (dyn Fn(Progress<'_>) + Sync);

/// What ends preparation as a whole.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The cache cannot be written.
    #[error("{path}: cannot be written: {source}")]
    Cache {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A prepared case cannot be read any more.
    #[error("{path}: {source}: delete it and run again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// A case would have to be read, which the caller does not want.
    #[error("case {case} was not read yet; `segspec prepare` reads every case")]
    NotRead {
        /// The case.
        case: String,
    },
    /// The caller asked to stop. Finished cases are in the cache.
    #[error("interrupted")]
    Cancelled,
}

impl PrepareError {
    /// Whether the machine is the reason (disk full, permission): exit code 7.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Cache { source, .. } | Self::Damaged { source, .. } if files::is_environment(source))
    }

    pub(super) fn cache(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Cache { path: path.to_owned(), source }
    }
}

/// Work on every case, a few at a time; results in the order of the cases. Stops at the first error.
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
