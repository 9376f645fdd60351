//! The environment of a run: device, data root, cancellation, listeners.

use std::path::{Path, PathBuf};

use crate::Cancel;
use crate::backend::Selected;
use crate::observe::Events;

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
}

/// File of the file hashes in the cache folder.
pub fn hashes_file(cache: &Path) -> PathBuf {
    cache.join("file-hashes.json")
}
