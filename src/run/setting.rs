//! What a run needs besides its plan and its folder.

use std::path::{Path, PathBuf};

use crate::Cancel;
use crate::backend::Selected;
use crate::observe::Events;

/// Where a run is done, and who watches it.
#[derive(Clone)]
pub struct Setting<'a> {
    /// Where to compute.
    pub device: &'a Selected,
    /// Folder of all datasets; none: each dataset lies where it was found when the run was planned.
    pub data_root: Option<&'a Path>,
    /// Pauses each training after so many epochs.
    pub stop_after: Option<usize>,
    /// Stops, with everything saved.
    pub cancel: &'a Cancel,
    /// Who watches.
    pub events: Events,
}

/// Folder of prepared cases and of everything else that is remembered, below a run root.
pub fn cache(run_root: &Path) -> PathBuf {
    run_root.join(".cache")
}
