//! Bounded parallel processing: results in input order, stopped by cancellation or by the first error.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::Cancel;

/// Why processing ended early.
#[derive(Debug)]
pub enum Ended<E> {
    /// Processing was cancelled.
    Cancelled,
    /// The first error.
    Failed(E),
}

/// Processes every item, at most `most` at a time. Results are in the order of the items.
///
/// Uses plain threads instead of rayon: a rayon worker that waits inside an item would start further items without bound.
///
/// # Errors
/// [`Ended`]; items already started are finished first.
pub fn each<I: Sync, T: Send, E: Send>(
    items: &[I],
    most: usize,
    cancel: &Cancel,
    work: impl Fn(&I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, Ended<E>> {
    let (next, ended, results) = (AtomicUsize::new(0), Mutex::new(None), Mutex::new(Vec::with_capacity(items.len())));
    let stop = |reason: Ended<E>| {
        next.store(items.len(), Ordering::Relaxed);
        lock(&ended).get_or_insert(reason);
    };
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            if cancel.is_stopped() {
                return stop(Ended::Cancelled);
            }
            match work(item) {
                Ok(result) => lock(&results).push((index, result)),
                Err(error) => return stop(Ended::Failed(error)),
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(most).min(items.len());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(worker))));
    if let Some(reason) = lock(&ended).take() {
        return Err(reason);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_error_or_a_token_ends_the_work() {
        let items: Vec<usize> = (0..100).collect();
        let squares = each(&items, 8, &Cancel::new(), |item| Ok::<_, ()>(item * item)).unwrap();
        assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
        let failed = each(&items, 2, &Cancel::new(), |item| if *item == 7 { Err("seven") } else { Ok(()) });
        assert!(matches!(failed, Err(Ended::Failed("seven"))));
        let cancel = Cancel::new();
        let stopped = each(&items, 1, &cancel, |item| {
            if *item == 3 {
                cancel.stop();
            }
            Ok::<_, ()>(())
        });
        assert!(matches!(stopped, Err(Ended::Cancelled)));
    }
}
