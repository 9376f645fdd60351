//! One writer per run folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Held while a process writes into a run folder; released when dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
}

/// Who holds a lock.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    host: String,
    pid: u32,
    /// Start of the process, in clock ticks since boot: tells a process from a later one with the same number.
    started: Option<u64>,
    since: String,
}

/// Why a run folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes there.
    #[error(
        "{path}: another segspec works on this run (process {pid} on {host}, since {since}); if it is dead, delete this file"
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Its process.
        pid: u32,
        /// Its machine.
        host: String,
        /// Its beginning.
        since: String,
    },
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock. A lock whose process on this machine is gone is taken over.
    ///
    /// # Errors
    /// The lock is held, or the folder cannot be written.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_path_buf(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let me = Holder::me();
        for _ in 0..2 {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    let text = serde_json::to_string(&me).map_err(io::Error::other).map_err(io)?;
                    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
                    return Ok(Self { path: path.to_path_buf() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => release_if_stale(path, &me)?,
                Err(error) => return Err(io(error)),
            }
        }
        Err(io(io::Error::other("the lock was taken by another process at the same moment; try again")))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Holder {
    fn me() -> Self {
        let pid = std::process::id();
        Self { host: super::manifest::host(), pid, started: process_start(pid), since: super::clock::now() }
    }

    /// Whether the process is known to be gone.
    fn is_gone(&self, me: &Self) -> bool {
        self.host == me.host && self.started.is_some() && process_start(self.pid) != self.started
    }
}

/// Removes the lock of a dead process; an unreadable lock was cut off while it was written, and counts as dead.
fn release_if_stale(path: &Path, me: &Holder) -> Result<(), LockError> {
    let text = fs::read(path).unwrap_or_default();
    match serde_json::from_slice::<Holder>(&text) {
        Ok(holder) if !holder.is_gone(me) => {
            Err(LockError::Held { path: path.to_path_buf(), pid: holder.pid, host: holder.host, since: holder.since })
        }
        _ => fs::remove_file(path).map_err(|source| LockError::Io { path: path.to_path_buf(), source }),
    }
}

/// Start time of a process, where the system tells it (Linux: field 22 of `/proc/PID/stat`).
fn process_start(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name in parentheses, may hold spaces.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    // A killed process that its parent has not yet taken note of is still listed.
    fields.next().filter(|state| !matches!(*state, "Z" | "X"))?;
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let message = Lock::take(&path).unwrap_err().to_string();
        assert!(message.contains(&std::process::id().to_string()), "{message}");
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_lock_of_a_dead_process_and_a_cut_off_lock_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let dead = Holder { started: Some(1), ..Holder::me() };
        for text in [serde_json::to_string(&dead).unwrap(), "{\"host\":".into()] {
            fs::write(&path, text).unwrap();
            Lock::take(&path).unwrap();
        }
    }
}
