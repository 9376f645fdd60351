//! The best weights belong to the saved state that knows them.

use std::fs;
use std::path::Path;

use super::{BEST, CheckpointError, NEXT, State, hash_of, state};

/// Rejects best weights that changed since they were written.
///
/// # Errors
/// A file is missing or damaged.
pub fn verify_best(folder: &Path) -> Result<(), CheckpointError> {
    state(folder)?.map_or(Ok(()), |state| settle_best(folder, &state))
}

/// Gives the best weights of a saved state their name. A process may have been killed before, or after [`export`] and before the state
/// that knows them was saved: the epoch is then done again.
pub(in crate::train) fn settle_best(folder: &Path, state: &State) -> Result<(), CheckpointError> {
    let Some(written) = &state.best_file else { return Ok(()) };
    let (best, next) = (folder.join(BEST), folder.join(NEXT));
    let is_it = |path: &Path| hash_of(path).is_ok_and(|found| found == *written);
    if is_it(&best) {
        return Ok(());
    }
    if is_it(&next) {
        return fs::rename(&next, &best).map_err(|error| CheckpointError::io(&best, error));
    }
    let reason = if best.exists() { "its content changed since it was written" } else { "it is missing" };
    Err(CheckpointError::damaged(&best, reason))
}
