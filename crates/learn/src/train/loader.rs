//! An ordered, bounded, multi-threaded loader on host memory.
//!
//! Batch n is made by worker n mod workers and received from that worker's own channel, so the order does not depend on the
//! number of workers, and at most two batches per worker are queued.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Queued batches per worker.
const READY: usize = 2;

/// Starts workers that make batches `from..to` with `make`. Dropping the result ends them.
pub fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    workers: usize,
    batches: std::ops::Range<usize>,
    make: impl Fn(usize) -> T + Copy + Send + 'scope,
) -> Loader<T> {
    let workers = workers.max(1);
    let receivers = (0..workers)
        .map(|worker| {
            let (sender, receiver) = sync_channel(READY);
            let mine = batches.clone().skip(worker).step_by(workers);
            scope.spawn(move || {
                for batch in mine {
                    if sender.send(make(batch)).is_err() {
                        break;
                    }
                }
            });
            receiver
        })
        .collect();
    Loader { receivers, next: 0 }
}

/// The batches in order.
pub struct Loader<T> {
    receivers: Vec<Receiver<T>>,
    next: usize,
}

impl<T> Iterator for Loader<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let worker = self.next % self.receivers.len();
        self.next += 1;
        self.receivers[worker].recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_depend_on_the_number_of_workers() {
        for workers in [1, 2, 3, 7] {
            let batches: Vec<usize> = std::thread::scope(|scope| {
                let make = |batch: usize| {
                    std::thread::sleep(std::time::Duration::from_micros((batch * 37 % 5) as u64 * 100));
                    batch
                };
                start(scope, workers, 3..25, make).collect()
            });
            assert_eq!(batches, (3..25).collect::<Vec<_>>(), "{workers} workers");
        }
    }

    #[test]
    fn dropping_the_loader_ends_its_workers() {
        std::thread::scope(|scope| {
            let mut loader = start(scope, 2, 0..usize::MAX, |batch| batch);
            assert_eq!(loader.next(), Some(0));
        });
    }
}
