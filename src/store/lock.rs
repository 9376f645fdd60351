//! One writer per run folder. The operating system holds the lock and releases it when the process ends, even if it is killed. The
//! content of the file is only for messages.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::observe::event::now;

/// Held while a process writes into a run folder; released when dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// The open file that holds the lock.
    _file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Host name.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Time of locking, UTC.
    pub since: String,
}

/// Why a run folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("{path}: this run is locked by another segspec ({holder})")]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The holder.
        holder: String,
    },
    /// I/O error.
    #[error("{path}: {}", crate::files::reason(source))]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Maximum number of attempts, since others may remove the file at the same moment.
const ATTEMPTS: usize = 1000;

/// How often a lock is tried that another process holds for a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Number of refusals treated as momentary.
const PATIENCE: usize = 3;

impl Lock {
    /// Acquires the lock.
    ///
    /// # Errors
    /// The lock is held, or the folder cannot be written.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_path_buf(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let mut refusals = 0;
        for _ in 0..ATTEMPTS {
            let mut file = open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                // A process that queries the holder locks the file for a moment.
                Err(TryLockError::WouldBlock) if refusals < PATIENCE => {
                    refusals += 1;
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(held(path)),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            // The previous holder may have removed the file between the two lines above; another process could then lock a new one.
            if is_same(&file, path) {
                write_holder(&mut file).map_err(io)?;
                return Ok(Self { path: path.to_path_buf(), _file: file });
            }
        }
        Err(io(io::Error::other("other processes keep taking and releasing this lock; try again")))
    }

    /// Acquires the lock, and waits for others that hold it for a moment.
    ///
    /// # Errors
    /// The lock is held for longer than `patience`, or the folder cannot be written.
    pub fn wait(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let until = Instant::now() + patience;
        loop {
            match Self::take(path) {
                Err(LockError::Held { .. }) if Instant::now() < until => std::thread::sleep(PAUSE),
                taken => return taken,
            }
        }
    }

    /// The current holder; `None` if the lock is free.
    pub fn holder(path: &Path) -> Option<String> {
        let file = File::open(path).ok()?;
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| describe(path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Remove the file before releasing the lock, so that it cannot be another process's.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    let me = Holder { host: super::manifest::host(), pid: std::process::id(), since: now() };
    let text = serde_json::to_string(&me).map_err(io::Error::other)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.flush()
}

fn held(path: &Path) -> LockError {
    LockError::Held { path: path.to_path_buf(), holder: describe(path) }
}

/// Description of the holder. The file may be empty for a moment.
fn describe(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(Holder { host, pid, since }) => format!("process {pid} on {host}, since {since}"),
        None => "a process that has just started".into(),
    }
}

/// Whether an open file is still the one at this path.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => of(open) == of(named),
        _ => false,
    }
}

/// On other systems, an open file cannot be removed.
#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let message = Lock::take(&path).unwrap_err().to_string();
        assert!(message.contains(&std::process::id().to_string()), "{message}");
        assert!(Lock::holder(&path).is_some());
        drop(first);
        assert!(!path.exists() && Lock::holder(&path).is_none());
        drop(Lock::take(&path).unwrap());
    }

    #[test]
    fn a_file_that_a_dead_process_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for text in [r#"{"host":"elsewhere","pid":1,"since":"2026-01-01T00:00:00Z"}"#, "{\"host\":", ""] {
            fs::write(&path, text).unwrap();
            assert_eq!(Lock::holder(&path), None);
            drop(Lock::take(&path).unwrap());
        }
    }

    #[test]
    fn never_two_at_a_time_however_often_it_is_taken_and_released() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while taken.load(Ordering::SeqCst) < 400 {
                        let Ok(lock) = Lock::take(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                        taken.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
