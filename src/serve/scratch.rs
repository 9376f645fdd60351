//! The server's temporary folder: uploads, results and files made for the page. It is removed at the end, and that of a server that was
//! killed when the next one starts.

use std::fs::{self, DirBuilder, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Folder in the cache of the runs.
const FOLDER: &str = "serve";
/// File that a living server holds locked.
const LOCK: &str = "lock";

/// The folder.
pub struct Scratch {
    path: PathBuf,
    /// The lock lasts as long as the file is open.
    _lock: File,
    /// Where the cache cannot be written.
    _elsewhere: Option<TempDir>,
}

impl Scratch {
    /// A new folder in a cache, or in the system's folder for temporary files where the cache cannot be written. Only this user can read it.
    ///
    /// # Errors
    /// Neither can be written.
    pub fn new(cache: &Path) -> Result<Self, String> {
        let place = cache.join(FOLDER);
        remove_abandoned(&place);
        let own = format!("{}-{}", std::process::id(), crate::observe::event::now().replace(':', ""));
        let path = place.join(own);
        if let Ok(lock) = made(&path) {
            return Ok(Self { path, _lock: lock, _elsewhere: None });
        }
        let failed =
            |error: std::io::Error| format!("no temporary folder can be made: {}", crate::files::reason(&error));
        let elsewhere = tempfile::Builder::new().prefix("segspec-serve-").tempdir().map_err(failed)?;
        let path = elsewhere.path().join("files");
        let lock = made(&path).map_err(failed)?;
        Ok(Self { path, _lock: lock, _elsewhere: Some(elsewhere) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    ///
    /// # Errors
    /// The disk is full.
    pub fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {}", path.display(), crate::files::reason(&error)))?;
        Ok(path)
    }

    /// Removes everything.
    pub fn remove(&self) {
        // What cannot be removed is removed by the next server.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Makes the folder and locks it.
fn made(path: &Path) -> std::io::Result<File> {
    if let Some(around) = path.parent() {
        fs::create_dir_all(around)?;
    }
    #[cfg_attr(not(unix), allow(unused_mut, reason = "permissions are those of the folder around"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    let file = File::create(path.join(LOCK))?;
    file.try_lock().map_err(std::io::Error::from)?;
    Ok(file)
}

/// Removes the folders of servers that are gone: their locks are free.
fn remove_abandoned(place: &Path) {
    for folder in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_folder = folder.file_type().is_ok_and(|kind| kind.is_dir());
        let path = folder.path();
        let is_free = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_folder && is_free {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_dead_are_removed_and_those_of_the_living_stay() {
        let cache = tempfile::tempdir().unwrap();
        let living = Scratch::new(cache.path()).unwrap();
        let kept = living.folder("uploads").unwrap();
        let dead = cache.path().join(FOLDER).join("1-2026");
        fs::create_dir_all(dead.join("uploads")).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        remove_abandoned(&cache.path().join(FOLDER));
        assert!(kept.is_dir() && !dead.exists());
        drop(living);
        assert!(!kept.exists());
    }
}
