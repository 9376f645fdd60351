//! What mends a run folder: a run is made again from its experiment, an imported one by importing its model again.

use std::fs;
use std::path::Path;

use super::folder::{PLAN, PREDICTIONS, entries};

/// What mends an imported run.
pub const IMPORT: &str = "import the model again with `segspec import nnunet`";

/// What only plans of imported networks and their means say.
const MARKS: [&str; 2] = ["[work.train.imported]", "averaged = \"logits\""];

/// Folders from a file of a run up to the run.
const DEPTH: usize = 6;

/// Whether a file or folder belongs to an imported run, also where its plan is damaged.
pub fn is_of_import(path: &Path) -> bool {
    let says = |folder: &Path| {
        let text = fs::read(folder.join(PLAN)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        MARKS.iter().any(|mark| text.contains(mark))
    };
    let is_run = |folder: &Path| says(folder) || entries(&folder.join(PREDICTIONS)).iter().any(|folder| says(folder));
    path.ancestors().take(DEPTH).any(is_run)
}

/// What makes a file of a run again: `usual`, or `imported` for that of an imported run.
pub(super) fn of<'a>(path: &Path, usual: &'a str, imported: &'a str) -> &'a str {
    if is_of_import(path) { imported } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imported_runs_are_known_by_any_of_their_plans() {
        let place = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("own/plan.toml", "[work.train]\nseed = 0\n");
        write("fold/plan.toml", "damaged");
        write("fold/predictions/x/plan.toml", "[work.train.imported]\nfrom = \"nnU-Net v2\"\n");
        write("mean/plan.toml", "[predict]\naveraged = \"logits\"\n");
        let is = |path: &str| is_of_import(&place.path().join(path));
        assert!(is("fold/manifest.json") && is("fold/predictions/x/excluded.json") && is("mean/plan.toml"));
        assert!(!is("own/manifest.json") && !is("own"));
    }
}
