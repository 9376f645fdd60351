//! Temporary files and folders of this process: an interrupted process removes them before it exits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Removes what this process has not finished writing. To be called right before the process exits: writers that still run fail.
pub fn remove_own_unfinished() {
    for path in own().iter() {
        // What cannot be removed stays: it is in nobody's way.
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}
