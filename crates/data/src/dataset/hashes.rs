//! File hashes in a cache file, validated by size, timestamps and inode, so that an unchanged dataset is not read again.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::DataError;
use super::content::hash_of;
use crate::files;
use crate::volume::WriteError;

/// Version of the cache file.
const VERSION: u32 = 2;

/// BLAKE3 hashes of files; can be used from any number of threads.
#[derive(Debug)]
pub struct FileHashes {
    place: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    files: HashMap<String, Entry>,
    changed: bool,
}

/// The hash of a file and its state when it was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    state: State,
    blake3: String,
}

/// Detects changes to a file. A writer can reset the modification time, but not the change time (ctime).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    bytes: u64,
    modified_ns: u64,
    changed_ns: i128,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    files: HashMap<String, Entry>,
}

impl FileHashes {
    /// Loads the hashes of a cache file; none if it is missing or invalid.
    pub fn open(place: &Path) -> Self {
        Self { place: place.into(), known: Mutex::new(Known { files: stored(place), changed: false }) }
    }

    /// BLAKE3 of a file in hex. The file is read only if it is unknown or has changed.
    ///
    /// # Errors
    /// I/O errors, naming the file.
    pub fn of(&self, path: &Path) -> io::Result<String> {
        let naming = |error| files::naming(path, &error);
        let key = std::path::absolute(path).map_err(naming)?.to_string_lossy().into_owned();
        let state = state(&std::fs::metadata(path).map_err(naming)?);
        if let Some(entry) = self.lock().files.get(&key).filter(|entry| entry.state == state) {
            return Ok(entry.blake3.clone());
        }
        let blake3 = hash_of(path)?;
        let mut known = self.lock();
        known.files.insert(key, Entry { state, blake3: blake3.clone() });
        known.changed = true;
        Ok(blake3)
    }

    /// Whether a file was hashed and has not changed since. It is not read.
    pub fn knows(&self, path: &Path) -> bool {
        let key = std::path::absolute(path).map(|path| path.to_string_lossy().into_owned());
        let (Ok(key), Ok(metadata)) = (key, std::fs::metadata(path)) else { return false };
        self.lock().files.get(&key).is_some_and(|entry| entry.state == state(&metadata))
    }

    /// Writes the cache file if hashes were added.
    ///
    /// # Errors
    /// [`DataError::Write`].
    pub fn save(&self) -> Result<(), DataError> {
        let mut known = self.lock();
        if !known.changed {
            return Ok(());
        }
        // Keep what other processes have written in the meantime.
        let mut files = stored(&self.place);
        files.extend(known.files.clone());
        let text = serde_json::to_vec(&Stored { version: VERSION, files });
        let written = text.map_err(io::Error::from).and_then(|text| files::write_cached(&self.place, &text));
        written.map_err(|error| {
            // Never caused by the data.
            DataError::Write(WriteError { path: self.place.clone(), reason: files::reason(&error), environment: true })
        })?;
        known.changed = false;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored(place: &Path) -> HashMap<String, Entry> {
    let stored = std::fs::read(place).ok().and_then(|text| serde_json::from_slice::<Stored>(&text).ok());
    stored.filter(|stored| stored.version == VERSION).map(|stored| stored.files).unwrap_or_default()
}

fn state(metadata: &std::fs::Metadata) -> State {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let (changed_ns, inode) = changed_and_inode(metadata);
    let modified_ns = u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX);
    State { bytes: metadata.len(), modified_ns, changed_ns, inode }
}

#[cfg(unix)]
fn changed_and_inode(metadata: &std::fs::Metadata) -> (i128, u64) {
    use std::os::unix::fs::MetadataExt;
    (i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()), metadata.ino())
}

#[cfg(not(unix))]
fn changed_and_inode(_: &std::fs::Metadata) -> (i128, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &[u8]) -> String {
        blake3::hash(text).to_hex().to_string()
    }

    #[test]
    fn hashes_come_from_the_cache_while_a_file_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, image) = (folder.path().join("cache/hashes.json"), folder.path().join("image"));
        std::fs::write(&image, b"one").unwrap();
        let hashes = FileHashes::open(&cache);
        assert!(!hashes.knows(&image));
        assert_eq!(hashes.of(&image).unwrap(), hash(b"one"));
        assert!(hashes.knows(&image));
        hashes.save().unwrap();
        // A planted hash shows whether the cache is used.
        let planted = std::fs::read_to_string(&cache).unwrap().replace(&hash(b"one"), "planted");
        std::fs::write(&cache, planted).unwrap();
        assert_eq!(FileHashes::open(&cache).of(&image).unwrap(), "planted");
        std::fs::write(&image, b"three").unwrap();
        assert!(!FileHashes::open(&cache).knows(&image));
        assert_eq!(FileHashes::open(&cache).of(&image).unwrap(), hash(b"three"));
        std::fs::write(&cache, b"{ no json").unwrap();
        assert_eq!(FileHashes::open(&cache).of(&image).unwrap(), hash(b"three"));
    }

    #[test]
    #[cfg(unix)]
    fn a_voxel_changed_behind_the_back_of_size_and_modification_time_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        std::fs::write(&image, b"one").unwrap();
        let hashes = FileHashes::open(&folder.path().join("cache"));
        hashes.of(&image).unwrap();
        let modified = std::fs::metadata(&image).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&image, b"two").unwrap();
        std::fs::File::options().write(true).open(&image).unwrap().set_modified(modified).unwrap();
        assert_eq!(hashes.of(&image).unwrap(), hash(b"two"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = FileHashes::open(&folder.path().join("cache")).of(&folder.path().join("image")).unwrap_err();
        assert!(error.to_string().contains("image"), "{error}");
    }
}
