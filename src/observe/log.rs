//! The log in a run folder: one line of JSON for each event.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Event, Listener};

/// Appends events to a file. Write errors are ignored.
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// A log in a file, which may already exist.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Listener for Log {
    fn event(&mut self, event: &Event) {
        if !event.kind.is_logged() {
            return;
        }
        let Ok(line) = serde_json::to_string(event) else { return };
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        // In one call, so that a killed process leaves no partial line for the next one to append to.
        let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}

/// The events in a log; lines of another version, and one torn by a power cut, are left out. None without a log.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<Event>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
