//! Files made for the page (images and label maps as NIfTI, surfaces), kept for the next request up to a number of bytes. Those of an
//! upload or a job go with it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::error::{Answer, Refusal};
use super::state::locked;

/// The files.
pub struct Volumes {
    folder: PathBuf,
    most: u64,
    /// Name and bytes, least recently used first.
    known: Mutex<VecDeque<(String, u64)>>,
    /// Held while a file is made: two requests for one file must not make it twice.
    making: Mutex<()>,
}

impl Volumes {
    pub fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most, known: Mutex::default(), making: Mutex::default() }
    }

    /// The file of a key, made by `make` if there is none. `ending` decides its format. It can be read also if it is removed meanwhile.
    ///
    /// # Errors
    /// Those of `make`; the disk is full.
    pub fn get(&self, key: &[&str], ending: &str, make: impl FnOnce(&Path) -> Answer<()>) -> Answer<File> {
        self.get_of("", key, ending, make)
    }

    /// As [`Volumes::get`], for an upload or a job, with which the file is forgotten.
    ///
    /// # Errors
    /// As [`Volumes::get`].
    pub fn get_of(
        &self,
        owner: &str,
        key: &[&str],
        ending: &str,
        make: impl FnOnce(&Path) -> Answer<()>,
    ) -> Answer<File> {
        let name = name(owner, key, ending);
        if let Some(file) = self.known(&name) {
            return Ok(file);
        }
        let _one_at_a_time = locked(&self.making);
        if let Some(file) = self.known(&name) {
            return Ok(file);
        }
        let path = self.folder.join(&name);
        make(&path)?;
        let file = File::open(&path).map_err(Refusal::failed)?;
        let bytes = file.metadata().map_err(Refusal::failed)?.len();
        self.add(name, bytes);
        Ok(file)
    }

    /// Removes the files of an upload or a job.
    pub fn forget(&self, owner: &str) {
        let beginning = format!("{owner}-");
        // A file that is being made is removed once it is there.
        let _one_at_a_time = locked(&self.making);
        locked(&self.known).retain(|(name, _)| {
            let is_own = name.starts_with(&beginning);
            if is_own {
                let _ = fs::remove_file(self.folder.join(name));
            }
            !is_own
        });
    }

    fn known(&self, name: &str) -> Option<File> {
        let mut known = locked(&self.known);
        let place = known.iter().position(|(other, _)| other == name)?;
        let entry = known.remove(place)?;
        let file = File::open(self.folder.join(name)).ok()?;
        known.push_back(entry);
        Some(file)
    }

    fn add(&self, name: String, bytes: u64) {
        let mut known = locked(&self.known);
        known.push_back((name, bytes));
        let mut sum: u64 = known.iter().map(|(_, bytes)| bytes).sum();
        while sum > self.most && known.len() > 1 {
            let Some((oldest, bytes)) = known.pop_front() else { break };
            let _ = fs::remove_file(self.folder.join(oldest));
            sum -= bytes;
        }
    }
}

/// Names are hashes, after the name that the server gave to their owner: nothing of a request becomes part of a path.
fn name(owner: &str, key: &[&str], ending: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in key {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    format!("{owner}-{}.{ending}", hasher.finalize().to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_once_and_the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let volumes = Volumes::new(folder.path().into(), 10);
        let get = |key: &str| {
            let mut made = false;
            let file = volumes.get(&[key], "x", |path| {
                made = true;
                fs::write(path, "12345").map_err(Refusal::failed)
            });
            (file.is_ok(), made)
        };
        assert_eq!(["a", "b", "a", "c"].map(get), [(true, true), (true, true), (true, false), (true, true)]);
        // `b` was the least recently used one.
        assert_eq!(["a", "c", "b"].map(get), [(true, false), (true, false), (true, true)]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        // Where one part ends matters.
        assert_ne!(name("", &["ab", "c"], "x"), name("", &["a", "bc"], "x"));
    }

    #[test]
    fn files_go_with_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let volumes = Volumes::new(folder.path().into(), 1000);
        for owner in ["n1", "n2", ""] {
            volumes.get_of(owner, &["a"], "x", |path| fs::write(path, "1").map_err(Refusal::failed)).unwrap();
        }
        volumes.forget("n1");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
