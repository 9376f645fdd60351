//! Files that are either whole or not there: written to a temporary name, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::unfinished::{Unfinished, undisturbed};

/// How files begin that are not finished.
const TEMPORARY: &str = ".tmp-";

/// A temporary file that nobody has written to for as long belongs to a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Writes a file so that a reader, or a crash, sees either the old content or the new one.
///
/// # Errors
/// The operating system's: disk full, permission, missing parent that cannot be made.
pub fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(content))
}

/// As [`write_atomic`], with a writer in place of the content.
///
/// # Errors
/// The writer's, and the operating system's. The target stays as it was.
pub fn write_atomic_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut temporary = builder(FILE).tempfile_in(folder).map_err(|error| unwritable(folder, error))?;
    let _unfinished = Unfinished::new(temporary.path());
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Writes files into a folder that is new or empty: it holds all of them or none. `write` gets the folder to write to, which takes the
/// place of `folder` at the end.
///
/// # Errors
/// Those of `write`, and the operating system's.
pub fn write_folder<T, E>(
    folder: &Path,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent).map_err(&failed)?;
    let temporary = builder(FOLDER).tempdir_in(parent).map_err(|error| failed(unwritable(parent, error)))?;
    let _unfinished = Unfinished::new(temporary.path());
    let written = write(temporary.path())?;
    let moved = || {
        // An empty folder that cannot be replaced, such as a mount point, is filled.
        match folder.is_dir() && fs::remove_dir(folder).is_err() {
            true => fs::read_dir(temporary.path())?
                .try_for_each(|entry| entry.and_then(|it| fs::rename(it.path(), folder.join(it.file_name())))),
            false => fs::rename(temporary.path(), folder),
        }?;
        sync_folder(parent)
    };
    undisturbed(moved).map_err(&failed)?;
    Ok(written)
}

/// As [`write_folder`], in place of a folder that holds files: it stays as it was if `write` fails. `write` gets the name of a new folder.
///
/// # Errors
/// Those of `write`, and the operating system's.
pub fn replace_folder<T, E>(
    folder: &Path,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = builder(FOLDER).tempdir_in(parent).map_err(|error| failed(unwritable(parent, error)))?;
    let _unfinished = Unfinished::new(temporary.path());
    let staged = temporary.path().join(folder.file_name().unwrap_or_default());
    let written = write(&staged)?;
    let moved = || {
        fs::remove_dir_all(folder)?;
        fs::rename(&staged, folder)?;
        sync_folder(parent)
    };
    undisturbed(moved).map_err(&failed)?;
    Ok(written)
}

/// Makes a folder and those around it.
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))
}

/// The operating system's own error of a file or folder that could not be made: the name of the temporary one says nothing to a person.
/// Where nothing can be made although the folders around are there (`/proc`), they are not writable.
fn unwritable(folder: &Path, error: io::Error) -> io::Error {
    let text = error.to_string();
    let code = text.split("(os error ").nth(1).and_then(|rest| rest.split(')').next()?.parse().ok());
    let own = code.map_or(error, io::Error::from_raw_os_error);
    match folder.ancestors().find(|around| around.is_dir()) {
        Some(around) if own.kind() == io::ErrorKind::NotFound => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("nothing can be written to the folder {}", around.display()),
        ),
        _ => own,
    }
}

/// Writes files that belong together into a folder with others: `write` gets a temporary folder and returns its files in there, which are
/// then moved into `folder`.
///
/// # Errors
/// Those of `write`, and the operating system's.
pub fn write_together<E>(
    folder: &Path,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, E>,
) -> Result<Vec<PathBuf>, E> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    make_folder(folder).map_err(&failed)?;
    let temporary = builder(FOLDER).tempdir_in(folder).map_err(|error| failed(unwritable(folder, error)))?;
    let _unfinished = Unfinished::new(temporary.path());
    let written = write(temporary.path())?;
    let place = |file: &PathBuf| folder.join(file.file_name().unwrap_or_default());
    let moved = undisturbed(|| written.iter().try_for_each(|file| fs::rename(file, place(file))));
    moved.and_then(|()| sync_folder(folder)).map_err(&failed)?;
    Ok(written.iter().map(place).collect())
}

/// Writes a file of a cache, as [`write_atomic`]. A cache that must not be written (another user's, or on a read-only medium) is no
/// error: it saves time, nothing else.
///
/// # Errors
/// The operating system's others, such as a full disk.
pub fn write_cached(path: &Path, content: &[u8]) -> io::Result<()> {
    match write_atomic(path, content) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Ok(())
        }
        result => result,
    }
}

/// Removes the half-written files that a killed process left in a folder and the folders in it. What cannot be removed stays: it
/// is in nobody's way.
///
/// The caller holds the folder's lock, which does not cover the folders named `shared`: files there may still be written.
pub fn remove_unfinished(folder: &Path, shared: &str) {
    let in_shared = |path: &Path| path.strip_prefix(folder).is_ok_and(|below| below.iter().any(|part| part == shared));
    remove_temporary(folder, &|path| !in_shared(path) || is_abandoned(path));
}

/// As [`remove_unfinished`], for a folder that several processes share.
pub fn remove_abandoned(folder: &Path) {
    remove_temporary(folder, &is_abandoned);
}

fn is_abandoned(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED))
}

fn remove_temporary(folder: &Path, is_left: &dyn Fn(&Path) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_unfinished = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
        match path.is_dir() && !path.is_symlink() {
            true => remove_temporary(&path, is_left),
            false if is_unfinished && is_left(&path) => drop(fs::remove_file(&path)),
            false => {}
        }
    }
}

/// Permissions of new files and folders, less the user's umask, as all other files of the user have.
const FILE: u32 = 0o666;
const FOLDER: u32 = 0o777;

#[cfg_attr(not(unix), allow(unused_variables))]
fn builder(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    builder
}

/// Makes renames in a folder survive a power cut. Not every file system can; that is no error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if let Ok(handle) = File::open(folder) {
        let _ = handle.sync_all();
    }
    Ok(())
}

/// The file itself, or every file below a folder, sorted; hidden ones (`.DS_Store`) are skipped.
///
/// # Errors
/// The operating system's, naming the path.
pub fn below(path: &Path) -> io::Result<Vec<PathBuf>> {
    let naming = |error| naming(path, &error);
    if !fs::metadata(path).map_err(naming)?.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(naming)? {
        let entry = entry.map_err(naming)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        files.extend(below(&entry)?);
    }
    Ok(files)
}

/// A path that another file names, if it lies in that file's folder or below: lists and headers may come from anywhere and must
/// not reach beyond.
pub fn inside(named: &str) -> Option<PathBuf> {
    let path = Path::new(named);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    is_inside.then(|| path.components().filter(|part| *part != Component::CurDir).collect())
}

/// Whether an error is the machine's (disk full, permission, read-only) rather than the data's.
pub fn is_environment(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::FileTooLarge
    )
}

/// The same error, naming the path.
pub fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {}", path.display(), reason(error)))
}

/// An error of the operating system in plain words: `no such file or folder`, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    if error.raw_os_error().is_none() {
        return text;
    }
    if error.kind() == io::ErrorKind::NotFound {
        return "no such file or folder".into();
    }
    let plain = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = plain.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words_without_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let missing = fs::read(folder.path().join("gone")).unwrap_err();
        assert_eq!(reason(&missing), "no such file or folder");
        assert_eq!(reason(&io::Error::from_raw_os_error(13)), "permission denied");
        assert_eq!(reason(&io::Error::other("of our own")), "of our own");
    }

    #[test]
    fn unfinished_files_are_removed_at_every_depth_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("predictions");
        fs::create_dir(&inner).unwrap();
        for place in [folder.path(), &inner] {
            fs::write(place.join(".tmp-a1B2"), "half").unwrap();
            fs::write(place.join("case.nii.gz"), "whole").unwrap();
        }
        let shared = inner.join("report");
        fs::create_dir(&shared).unwrap();
        fs::write(shared.join(".tmp-c3D4"), "being written").unwrap();
        remove_unfinished(folder.path(), "report");
        for place in [folder.path(), &inner] {
            assert!(!place.join(".tmp-a1B2").exists() && place.join("case.nii.gz").exists());
        }
        assert!(shared.join(".tmp-c3D4").exists());
        remove_unfinished(&folder.path().join("nowhere"), "report");
    }

    #[test]
    fn only_old_leftovers_are_removed_from_a_folder_that_others_use() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [".tmp-old", ".tmp-new", "old.parquet"].map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "half").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * ABANDONED;
        for path in [&paths[0], &paths[2]] {
            File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
        remove_abandoned(folder.path());
        assert_eq!(paths.map(|path| path.exists()), [false, true, true]);
    }

    #[test]
    fn a_folder_is_written_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("series");
        let written = write_folder(&folder, |error| error, |staged| fs::write(staged.join("1.dcm"), "one")).is_ok();
        assert!(written && folder.join("1.dcm").is_file());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o700, 0o700);
        }
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        let failed = write_folder(
            &other,
            |error| error,
            |staged| {
                fs::write(staged.join("1.dcm"), "one")?;
                Err::<(), _>(io::Error::other("full"))
            },
        );
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_is_replaced_as_a_whole_or_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("series");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("old.dcm"), "old").unwrap();
        let names = || below(&folder).unwrap().into_iter().map(|path| path.file_name().unwrap().to_owned());
        let write = |fails: bool| {
            replace_folder(
                &folder,
                |error| error,
                |staged| {
                    fs::create_dir(staged)?;
                    fs::write(staged.join("new.dcm"), "new")?;
                    if fails { Err(io::Error::other("full")) } else { Ok(()) }
                },
            )
        };
        assert!(write(true).is_err());
        assert_eq!(names().collect::<Vec<_>>(), ["old.dcm"]);
        write(false).unwrap();
        assert_eq!(names().collect::<Vec<_>>(), ["new.dcm"]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_folder_that_takes_no_files_is_no_place_to_write_to() {
        for path in ["/proc/x.csv", "/proc/folder/x.csv"] {
            let error = write_atomic(Path::new(path), b"text").unwrap_err();
            assert!(is_environment(&error), "{path}: {error:?}");
            let text = reason(&error);
            assert!(text.contains("/proc") && !text.contains(TEMPORARY), "{path}: {text}");
        }
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        write_atomic(&path, b"old").unwrap();
        let failed = write_atomic_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
