//! Temporary files and folders of this process: an interrupted process removes them before it exits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static OWN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A temporary file or folder for as long as it is one.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    pub(crate) fn new(path: &Path) -> Self {
        own().insert(path.to_path_buf());
        Self(path.to_path_buf())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        own().remove(&self.0);
    }
}

fn own() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // The set is whole whatever its last user did.
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something that an interrupted process finishes before it exits. It must not take long.
pub(crate) fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _removal_waits = own();
    work()
}

/// Tries to remove a folder in which a file may still be made.
const TRIES: usize = 20;

/// Removes what this process has not finished writing. To be called right before the process exits: whoever still writes waits forever.
pub fn remove_own_unfinished() {
    let own = own();
    for path in own.iter() {
        for _ in 0..TRIES {
            // What cannot be removed stays: it is in nobody's way.
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            if !path.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // The next temporary file is not begun: that takes this lock.
    std::mem::forget(own);
}
