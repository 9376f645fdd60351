//! What several modules' unit tests have in common.

pub mod damage;

use std::path::PathBuf;

/// Folder of real images for tests: `SEGSPEC_TEST_DATA`, else `shared/data` beside the repository. None, with a word to
/// the person, where there is no such folder.
pub fn data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("SEGSPEC_TEST_DATA").map_or_else(beside, PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no test images at {}", root.display());
    None
}
