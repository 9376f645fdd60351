//! Ends requests that wait for a silent archive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, sleep};
use std::time::Duration;

use crate::Cancel;

/// How often the token is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A thread that closes the connections of a client once a token is set; it ends when this is dropped.
pub(super) struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Without a thread (the system gives none), requests end where they look at the token themselves.
    pub(super) fn start(agent: ureq::Agent, cancel: Cancel) -> Option<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = is_over.clone();
        let watching = Builder::new().name("archive".into()).spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                if cancel.is_stopped() {
                    return agent.shutdown();
                }
                sleep(LOOK);
            }
        });
        watching.ok().map(|_| Self(is_over))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
