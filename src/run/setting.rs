//! The environment of a run: device, data root, cancellation, listeners.

use std::path::{Path, PathBuf};

use crate::Cancel;
use crate::backend::Selected;
use crate::observe::Events;
use crate::store::Stored;

/// The environment of a run.
#[derive(Clone)]
pub struct Setting<'a> {
    /// The device.
    pub device: &'a Selected,
    /// Root folder of all datasets; `None`: use the paths from planning time.
    pub data_root: Option<&'a Path>,
    /// Pauses each training after this number of epochs.
    pub stop_after: Option<usize>,
    /// Stops the run and saves its state.
    pub cancel: &'a Cancel,
    /// Listeners.
    pub events: Events,
    /// Adds listeners of their own to runs: trackers.
    pub follow: Option<Follow>,
}

/// Listeners of one run, which hear its events until it has ended. They may warn through the given ones.
pub type Follow = fn(&Stored, &Events) -> Events;

/// File of the file hashes in the cache folder.
pub fn hashes_file(cache: &Path) -> PathBuf {
    cache.join("file-hashes.json")
}
