//! The files that a run was planned from: their content, and where git has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A file of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// As it was named.
    pub path: PathBuf,
    /// BLAKE3 of its content, as `b3sum` prints it: also where the file is in no repository.
    pub blake3: String,
    /// The commit of its repository; `None` if it is in none, or differs from that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl SourceFile {
    /// A file that was read as `text`.
    pub fn of(path: &Path, text: &str) -> Self {
        Self { path: path.into(), blake3: blake3::hash(text.as_bytes()).to_hex().to_string(), commit: commit(path) }
    }
}

/// The commit that has the file as it is.
fn commit(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name()?;
    let git = |arguments: &[&str]| {
        let run = Command::new("git").current_dir(folder).args(arguments).arg("--").arg(name).output().ok()?;
        run.status.success().then(|| String::from_utf8_lossy(&run.stdout).trim().to_owned())
    };
    let is_clean = !git(&["ls-files"])?.is_empty() && git(&["status", "--porcelain"])?.is_empty();
    let head = || {
        let run = Command::new("git").current_dir(folder).args(["rev-parse", "HEAD"]).output().ok()?;
        run.status.success().then(|| String::from_utf8_lossy(&run.stdout).trim().to_owned())
    };
    if is_clean { head() } else { None }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_outside_git_is_known_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "seed = 1\n").unwrap();
        let found = SourceFile::of(&path, "seed = 1\n");
        assert_eq!((found.commit, found.blake3.len()), (None, 64));
        let run = |arguments: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let done = Command::new("git").current_dir(folder.path()).args(identity).args(arguments).output();
            done.is_ok_and(|done| done.status.success())
        };
        if !run(&["init", "-q"]) {
            println!("skipped: no git");
            return;
        }
        assert_eq!(commit(&path), None);
        assert!(run(&["add", "a.toml"]) && run(&["commit", "-qm", "a"]));
        assert_eq!(commit(&path).map(|commit| commit.len()), Some(40));
        fs::write(&path, "seed = 2\n").unwrap();
        assert_eq!(commit(&path), None);
    }
}
