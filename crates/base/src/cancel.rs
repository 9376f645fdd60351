//! The request to stop: one token for everything that takes long.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Set by Ctrl-C, a dashboard or a server; looked at between the steps of everything that takes long. Clones are one token.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    holds: AtomicUsize,
}

impl Cancel {
    /// A token that nobody has set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Returns whether somebody had asked before.
    pub fn stop(&self) -> bool {
        self.0.stopped.swap(true, Ordering::Relaxed)
    }

    /// Whether somebody asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Asks the process not to exit until the hold is dropped: state is being saved.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.0.holds.fetch_add(1, Ordering::SeqCst);
        Hold(self.clone())
    }

    /// Whether state is being saved.
    pub fn is_held(&self) -> bool {
        self.0.holds.load(Ordering::SeqCst) > 0
    }
}

/// Lasts as long as state is being saved.
#[derive(Debug)]
pub struct Hold(Cancel);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.holds.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Work was left at an [`interruption_point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

thread_local! {
    static TOKEN: RefCell<Option<Cancel>> = const { RefCell::new(None) };
}

/// Runs work that may be left in the middle: at the next [`interruption_point`] on this thread after `cancel` was set. A training step of
/// a large network takes minutes on a CPU, and users do not wait that long for Ctrl-C. The work must not leave anything half changed that
/// is used afterwards.
///
/// # Errors
/// [`Interrupted`], if it was left.
pub fn interruptible<R>(cancel: &Cancel, work: impl FnOnce() -> R) -> Result<R, Interrupted> {
    let before = TOKEN.with(|token| token.replace(Some(cancel.clone())));
    let result = catch_unwind(AssertUnwindSafe(work));
    TOKEN.with(|token| token.replace(before));
    result.map_err(|panic: Box<dyn Any + Send>| match panic.downcast::<Interrupted>() {
        Ok(interrupted) => *interrupted,
        Err(panic) => resume_unwind(panic),
    })
}

/// Leaves the work of [`interruptible`] if its token is set; does nothing outside it. Called by kernels that take long.
pub fn interruption_point() {
    let stopped = TOKEN.with(|token| token.borrow().as_ref().is_some_and(Cancel::is_stopped));
    if stopped {
        // Unlike a panic, this prints nothing.
        resume_unwind(Box::new(Interrupted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interruptible_work_is_left_at_the_first_point_after_the_request() {
        let (cancel, mut done) = (Cancel::new(), Vec::new());
        let result = interruptible(&cancel, || {
            for step in 0..5 {
                interruption_point();
                done.push(step);
                if step == 2 {
                    cancel.stop();
                }
            }
        });
        assert_eq!((result, done), (Err(Interrupted), vec![0, 1, 2]));
        // Outside, the same token stops nothing.
        interruption_point();
    }

    #[test]
    fn other_panics_pass_through() {
        let inner = || interruptible(&Cancel::new(), || panic!("a fault"));
        let panic = catch_unwind(AssertUnwindSafe(inner)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a fault"));
    }

    #[test]
    fn a_hold_lasts_until_it_is_dropped() {
        let cancel = Cancel::new();
        let (one, two) = (cancel.hold(), cancel.clone().hold());
        drop(one);
        assert!(cancel.is_held());
        drop(two);
        assert!(!cancel.is_held());
    }
}
