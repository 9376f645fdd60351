//! Cases one beside the other: progress, cancellation, bounded memory.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Cancel;
use crate::dataset::Case;
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
///
/// Plain threads, not a rayon loop: a rayon worker that waits inside one case would begin another, without bound.
pub(super) fn each_case<T: Send>(
    cases: &[Case],
    observer: Observer<'_>,
    cancelled: &Cancel,
    work: impl Fn(&Case) -> Result<(T, Outcome), PrepareError> + Sync,
) -> Result<Vec<T>, PrepareError> {
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
    let results = Mutex::new(Vec::with_capacity(cases.len()));
    let worker = || {
        while let Some((index, case)) = claim(cases, &next) {
            let stopped = || if cancelled.is_stopped() { Err(PrepareError::Cancelled) } else { Ok(()) };
            match stopped().and_then(|()| work(case)) {
                Ok((result, outcome)) => {
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    lock(&results).push((index, result));
                    observer(Progress { case: &case.name, done, total: cases.len(), outcome });
                }
                Err(error) => {
                    next.store(cases.len(), Ordering::Relaxed);
                    lock(&failed).get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| (0..in_flight(cases.len())).for_each(|_| drop(scope.spawn(worker))));
    if let Some(error) = lock(&failed).take() {
        return Err(error);
    }
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn claim<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    cases.get(index).map(|case| (index, case))
}

fn in_flight(cases: usize) -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MAX_IN_FLIGHT).min(cases)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
