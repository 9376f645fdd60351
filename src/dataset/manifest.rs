//! Content hashes of the files of a dataset. Hashes are kept in a cache file under size, time of change and inode, so that
//! an unchanged dataset is not read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Case, DataError};
use crate::files;
use crate::volume::WriteError;

/// Version of the cache file.
const VERSION: u32 = 1;

/// Content of one file of one case; says nothing about where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Name of the case.
    pub case: String,
    /// `image-0`, `image-1`, … or `label`.
    pub role: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content, in hex.
    pub blake3: String,
}

/// Hashes of all files of the cases, in the order of the cases. `cache` is read if it is there, and rewritten whole; a
/// cache that cannot be understood counts as empty.
///
/// # Errors
/// [`DataError::Unreadable`] for a case's file, [`DataError::Write`] for the cache.
pub fn manifest(cases: &[Case], cache: &Path) -> Result<Vec<FileHash>, DataError> {
    let known = Cache::read(cache);
    let mut files: Vec<(&Case, String, PathBuf)> = Vec::new();
    for case in cases {
        let listed = case.files().map_err(|source| DataError::Unreadable {
            path: case.images.first().cloned().unwrap_or_default(),
            source,
        })?;
        files.extend(listed.into_iter().map(|(role, path)| (case, role, path)));
    }
    let hashed: Result<Vec<(FileHash, String, Entry)>, DataError> = files
        .par_iter()
        .map(|(case, role, path)| {
            let (key, entry) =
                known.hash(path).map_err(|source| DataError::Unreadable { path: path.clone(), source })?;
            let (bytes, blake3) = (entry.bytes, entry.blake3.clone());
            Ok((FileHash { case: case.name.clone(), role: role.clone(), bytes, blake3 }, key, entry))
        })
        .collect();
    let hashed = hashed?;
    let mut renewed = Cache { version: VERSION, files: known.files.clone() };
    renewed.files.extend(hashed.iter().map(|(_, key, entry)| (key.clone(), entry.clone())));
    if renewed.files != known.files {
        renewed.write(cache)?;
    }
    Ok(hashed.into_iter().map(|(hash, _, _)| hash).collect())
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Cache {
    version: u32,
    files: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    changed_ns: u64,
    inode: u64,
    blake3: String,
}

impl Cache {
    fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        let cache: Self = serde_json::from_slice(&text).unwrap_or_default();
        if cache.version == VERSION { cache } else { Self::default() }
    }

    fn write(&self, path: &Path) -> Result<(), DataError> {
        let text = serde_json::to_vec(self).map_err(std::io::Error::from);
        text.and_then(|text| files::write_atomic(path, &text)).map_err(|error| {
            // Whatever it is, it is not the data's fault.
            DataError::Write(WriteError { path: path.into(), reason: error.to_string(), environment: true })
        })
    }

    fn hash(&self, path: &Path) -> std::io::Result<(String, Entry)> {
        let place = std::fs::canonicalize(path)?;
        let metadata = std::fs::metadata(&place)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed_ns = u64::try_from(changed.as_nanos()).unwrap_or(u64::MAX);
        let (bytes, inode) = (metadata.len(), inode(&metadata));
        let key = place.to_string_lossy().into_owned();
        let is_unchanged = |entry: &&Entry| (entry.bytes, entry.changed_ns, entry.inode) == (bytes, changed_ns, inode);
        if let Some(entry) = self.files.get(&key).filter(is_unchanged) {
            return Ok((key, entry.clone()));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(&place)?)?;
        let blake3 = hasher.finalize().to_hex().to_string();
        Ok((key, Entry { bytes, changed_ns, inode, blake3 }))
    }
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Label;

    fn case(folder: &Path) -> Case {
        Case::new("a", vec![folder.join("image")], Some(Label::Map(folder.join("label"))))
    }

    #[test]
    fn hashes_follow_the_content_and_come_from_the_cache_while_the_file_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache/hashes.json");
        std::fs::write(folder.path().join("image"), b"one").unwrap();
        std::fs::write(folder.path().join("label"), b"two").unwrap();
        let cases = [case(folder.path())];
        let first = manifest(&cases, &cache).unwrap();
        assert_eq!(first[0].blake3, blake3::hash(b"one").to_hex().as_str());
        assert_eq!((first[1].role.as_str(), first[1].bytes), ("label", 3));
        // A planted hash shows that the cache is used; a changed file shows when it is not.
        let planted = std::fs::read_to_string(&cache).unwrap().replace(&first[0].blake3, "planted");
        std::fs::write(&cache, planted).unwrap();
        assert_eq!(manifest(&cases, &cache).unwrap()[0].blake3, "planted");
        std::fs::write(folder.path().join("image"), b"three").unwrap();
        assert_eq!(manifest(&cases, &cache).unwrap()[0].blake3, blake3::hash(b"three").to_hex().as_str());
        std::fs::write(&cache, b"{ no json").unwrap();
        assert_eq!(manifest(&cases, &cache).unwrap().len(), 2);
    }

    #[test]
    fn missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = manifest(&[case(folder.path())], &folder.path().join("cache")).unwrap_err().to_string();
        assert!(error.contains("image"), "{error}");
    }
}
