//! The archive: a compressed tar file with the run root in one folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::files;
use crate::run::RunError;

/// Bytes that an archive may unpack to: weights and tables have less.
const MOST: u64 = 16 << 30;

/// Writes everything below a folder into an archive, sorted by name and without times and owners, so that equal content gives equal
/// bytes; returns the number of files.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(folder: &Path, out: &Path) -> Result<usize, RunError> {
    let all = files::below(folder).map_err(RunError::file(folder.into()))?;
    let pack = |file: &mut File| -> io::Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        for path in &all {
            let name = path.strip_prefix(folder).unwrap_or(path);
            let mut header = tar::Header::new_gnu();
            header.set_size(path.metadata()?.len());
            header.set_mode(0o644);
            archive.append_data(&mut header, name, File::open(path)?)?;
        }
        archive.into_inner()?.finish()?.flush()
    };
    files::write_atomic_with(out, pack).map_err(RunError::file(out.into()))?;
    Ok(all.len())
}

/// Unpacks an archive into a folder and returns the run folders in it, that of the packed run last.
///
/// # Errors
/// The file is no archive of a run, names files outside the folder, or unpacks to too much.
pub fn read(archive: &Path, folder: &Path) -> Result<PathBuf, RunError> {
    let bad = |reason: String| RunError::NothingThere(format!("{}: {reason}", archive.display()));
    let file = File::open(archive).map_err(RunError::file(archive.into()))?;
    let mut entries = tar::Archive::new(io::Read::take(GzDecoder::new(file), MOST));
    let no_archive = |error: io::Error| {
        bad(format!("no whole archive of `segspec pack`, or damaged: {}; copy it again", files::reason(&error)))
    };
    let mut run = None;
    for entry in entries.entries().map_err(no_archive)? {
        let mut entry = entry.map_err(no_archive)?;
        let name = entry.path().map_err(no_archive)?.into_owned();
        // Of an archive that was packed again by hand.
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let is_plain = matches!(entry.header().entry_type(), tar::EntryType::Regular);
        if !is_plain || !entry.unpack_in(folder).map_err(no_archive)? {
            return Err(bad(format!("{} is no file of a packed run", name.display())));
        }
        if name.file_name().is_some_and(|name| name == "ro-crate-metadata.json") {
            run = main_run(&folder.join(&name));
        }
    }
    run.ok_or_else(|| bad("no run in it: is it an archive of `segspec pack`?".into()))
}

/// The folder of the packed run, which the metadata name.
fn main_run(metadata: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(metadata).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let root = value.get("@graph")?.as_array()?.iter().find(|entity| entity["@id"] == "./")?;
    let name = root.get("mainEntity")?.get("@id")?.as_str()?.trim_end_matches('/').to_owned();
    let is_below = Path::new(&name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    is_below.then(|| metadata.with_file_name("").join(name))
}
