//! The log in a run folder: one line of JSON for each event.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use super::event::now;
use super::{Event, Kind, Listener};

/// Appends events to a file. A log that cannot be written stops nothing.
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log of a file, which may be there already.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Log {
    /// Keeps an event of a run that nobody else needs to hear of.
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
        // In one call, so that a killed process leaves no half line that the next one would append to.
        let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    }
}
