//! Burn's operations in place of our own kernels, on request: what GPUs compute, on the CPU.

use std::cell::Cell;

thread_local! {
    static COMPOSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs work on this thread without our own kernels: every operation is composed of Burn's, as it is on a GPU. A self-test compares the
/// two. Other threads are not affected.
pub fn composed<R>(work: impl FnOnce() -> R) -> R {
    /// Puts the state back, also where the work panics.
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            COMPOSED.set(self.0);
        }
    }
    let _back = Back(COMPOSED.replace(true));
    work()
}

/// Whether this thread is in [`composed`].
pub(super) fn is_composed() -> bool {
    COMPOSED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_ends_with_the_work_even_if_it_panics() {
        assert!(!is_composed());
        assert!(composed(is_composed));
        let _ = std::panic::catch_unwind(|| composed(|| std::panic::resume_unwind(Box::new(()))));
        assert!(!is_composed());
        composed(|| {
            composed(|| ());
            assert!(is_composed());
        });
    }
}
