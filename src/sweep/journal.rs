//! The journal of a search: one line of JSON per event, appended only, each with a checksum over itself and all lines before.
//!
//! Every decision of a search is a function of the lines before it, so that any process can go on where another ended. A lock is held
//! from reading the last line to writing the next one; the last line of a killed process, if it is incomplete, is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use segspec_search::{Point, Space};
use serde::{Deserialize, Serialize};

use crate::observe::event::now;
use crate::spec::search::Search;
use crate::store::{Lock, LockError, StoreError};

/// What happened in a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Entry {
    /// The first line: what is searched, and how.
    Opened {
        /// Name of the experiment.
        experiment: String,
        /// The settings.
        search: Box<Search>,
        /// The parameters.
        space: Space,
        /// The seeds that each trial is run with.
        seeds: Vec<u64>,
        /// The folds that each trial is run on.
        folds: Vec<usize>,
        /// Epochs of a whole training, where all trials have the same number.
        epochs: u64,
    },
    /// A trial was chosen; trials are counted from 0 in the order of these lines.
    Asked {
        /// Its values.
        point: Point,
    },
    /// A trial cannot be run: its values do not fit each other, or `exclude` leaves it out.
    Rejected {
        /// The trial.
        trial: usize,
        /// Why.
        reason: String,
    },
    /// All runs of a trial have reached a rung of successive halving.
    Rung {
        /// The trial.
        trial: usize,
        /// The rung, from 0.
        rung: usize,
        /// Its epochs.
        epochs: u64,
        /// The objective there; smaller is better. `None`: no structure had a score.
        value: Option<f64>,
        /// Seconds of training since the trial's line before.
        seconds: f64,
    },
    /// A paused trial was chosen to go on.
    Promoted {
        /// The trial.
        trial: usize,
        /// The rung that it leaves.
        from: usize,
        /// Epochs that it goes on to.
        epochs: u64,
    },
    /// One of a trial's runs is finished.
    Repeat {
        /// The trial.
        trial: usize,
        /// Its run: seeds vary fastest.
        repeat: usize,
        /// The objective of every case; smaller is better.
        cases: Vec<(String, f64)>,
    },
    /// A trial was ended early because its cases are worse than the best trial's.
    Pruned {
        /// The trial.
        trial: usize,
        /// Its finished runs.
        repeats: usize,
        /// Mean objective over them.
        value: f64,
        /// p-value of the test.
        p: Option<f64>,
    },
    /// All runs of a trial are finished.
    Finished {
        /// The trial.
        trial: usize,
        /// The objectives; smaller is better.
        objectives: Vec<Option<f64>>,
        /// Epochs of all its runs together.
        epochs: u64,
        /// Seconds of training since the trial's line before.
        seconds: f64,
    },
    /// A run of a trial failed.
    Failed {
        /// The trial.
        trial: usize,
        /// Why.
        reason: String,
    },
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Number, from 0.
    n: usize,
    /// Time, UTC.
    time: String,
    #[serde(flatten)]
    entry: Entry,
}

/// A journal open for reading and writing.
pub struct Journal {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Bytes that have been read.
    read: u64,
    /// Checksum of the last line.
    check: String,
}

/// Longest time to wait for another process to release the lock.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

impl Journal {
    /// The journal in a file, which need not exist yet.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut journal = Self { path: path.into(), entries: Vec::new(), read: 0, check: String::new() };
        journal.read_new()?;
        Ok(journal)
    }

    /// The entries that have been read.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what others have written since; whether there was anything.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn read_new(&mut self) -> Result<bool, StoreError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::at(&self.path)(error)),
        };
        let length = file.metadata().map_err(StoreError::at(&self.path))?.len();
        if length < self.read {
            return Err(self.damaged(self.entries.len(), "the file is shorter than before"));
        }
        if length == self.read {
            return Ok(false);
        }
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.read)).map_err(StoreError::at(&self.path))?;
        file.read_to_end(&mut text).map_err(StoreError::at(&self.path))?;
        let before = self.entries.len();
        // A line without an end is still being written, or was cut off by a kill.
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            self.take(&line[..end])?;
            self.read += line.len() as u64;
        }
        Ok(self.entries.len() > before)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let number = self.entries.len();
        let whole = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
        let Some((check, text)) = whole else { return Err(self.damaged(number, "no checksum")) };
        if check != checksum(&self.check, text) {
            return Err(self.damaged(number, "the checksum does not fit"));
        }
        let line: Line = serde_json::from_str(text).map_err(|error| self.damaged(number, &error.to_string()))?;
        if line.n != number {
            return Err(self.damaged(number, "lines are missing"));
        }
        check.clone_into(&mut self.check);
        self.entries.push(line.entry);
        Ok(())
    }

    /// Appends what `decide` says, given all entries; nothing if it says nothing. No other process writes in between.
    ///
    /// # Errors
    /// The file is damaged, or cannot be written, or `decide` finds that its lines contradict each other.
    pub fn append(&mut self, decide: impl FnOnce(&[Entry]) -> Result<Vec<Entry>, String>) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        self.read_new()?;
        let new = decide(&self.entries).map_err(|reason| StoreError::damaged(&self.path, reason))?;
        if new.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.path)
            .map_err(StoreError::at(&self.path))?;
        // What a killed process left of a line.
        file.set_len(self.read).map_err(StoreError::at(&self.path))?;
        file.seek(SeekFrom::Start(self.read)).map_err(StoreError::at(&self.path))?;
        let mut text = String::new();
        for entry in new {
            let line = Line { n: self.entries.len(), time: now(), entry };
            let json = serde_json::to_string(&line).map_err(|error| self.damaged(line.n, &error.to_string()))?;
            self.check = checksum(&self.check, &json);
            text.push_str(&format!("{} {json}\n", self.check));
            self.entries.push(line.entry);
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(StoreError::at(&self.path))?;
        self.read += text.len() as u64;
        Ok(())
    }

    /// The error of a journal whose lines contradict each other.
    pub fn contradiction(&self, reason: String) -> StoreError {
        StoreError::damaged(&self.path, reason)
    }

    fn lock(&self) -> Result<Lock, StoreError> {
        let path = self.path.with_extension("lock");
        let begun = std::time::Instant::now();
        loop {
            match Lock::take(&path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held { .. }) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(error) => return Err(StoreError::at(&path)(std::io::Error::other(error.to_string()))),
            }
        }
    }

    fn damaged(&self, line: usize, reason: &str) -> StoreError {
        let reason = format!(
            "line {}: {reason}; restore the file, or move it away: finished runs are found again, only what was pruned is not",
            line + 1
        );
        StoreError::damaged(&self.path, reason)
    }
}

/// Checksum of a line and all before it: 16 hexadecimal digits.
fn checksum(before: &str, text: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 journal v1");
    hasher.update(before.as_bytes()).update(text.as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Removes a journal, as `--fresh` does.
///
/// # Errors
/// It cannot be removed.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::at(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: f64) -> Entry {
        Entry::Asked { point: vec![Some(segspec_search::Value::Number(number)), None] }
    }

    #[test]
    fn what_one_writes_the_other_reads_and_a_torn_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut one, mut other) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        one.append(|before| Ok(vec![asked(before.len() as f64)])).unwrap();
        other.append(|before| Ok(vec![asked(before.len() as f64), asked(0.1 + 0.2)])).unwrap();
        assert!(one.read_new().unwrap());
        assert_eq!(one.entries(), [asked(0.0), asked(1.0), asked(0.1 + 0.2)]);
        let whole = fs::read(&path).unwrap();
        for cut in 1..20 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut after = Journal::open(&path).unwrap();
            assert_eq!(after.entries().len(), 2);
            after.append(|_| Ok(vec![asked(0.1 + 0.2)])).unwrap();
            assert_eq!(Journal::open(&path).unwrap().entries(), one.entries());
        }
    }

    #[test]
    fn a_changed_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        journal.append(|_| Ok(vec![asked(1.0), asked(2.0), asked(3.0)])).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        for (text, line) in [
            (whole.replace("2.0", "2.5"), "line 2"),
            (format!("{}\n{}\n", lines[0], lines[2]), "line 2"),
            (format!("{whole}{}\n", lines[2]), "line 4"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Journal::open(&path).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains("journal.jsonl"), "{error}");
        }
    }
}
