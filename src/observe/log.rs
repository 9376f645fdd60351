//! The log in a run folder: one line of JSON for each event.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use super::event::now;
use super::{Event, Kind, Listener};

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

impl Log {
    /// Logs an event of a run without sending it to other listeners.
    pub fn keep(&mut self, run: &str, kind: Kind) {
        self.event(&Event { run: Some(run.to_owned()), time: now(), kind });
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
