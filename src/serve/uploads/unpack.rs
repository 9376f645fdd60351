//! Compressed uploads: zip archives are unpacked, gzip files are measured. What is inside may be made to fill the disk or the memory
//! ("bombs"), so nothing that a file says of its size is believed.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::super::Limits;
use super::super::error::{Answer, Refusal};
use super::messages::Messages;
use super::safe;
use crate::Cancel;
use crate::words::bytes;

/// Beginning of an entry in the directory of a zip archive.
const ENTRY: [u8; 4] = *b"PK\x01\x02";
/// Bytes of an entry without its name, extra field and comment.
const ENTRY_BYTES: usize = 46;
/// Bytes of all names, extra fields and comments in the directory.
const LARGEST_DIRECTORY: u64 = 16 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;
/// Kinds of files in Unix modes.
const KIND: u32 = 0o170_000;
const PLAIN_FILE: u32 = 0o100_000;

/// Bytes that a file may grow to.
pub fn allowed(limits: &Limits, stored: u64) -> u64 {
    stored.saturating_mul(limits.growth).max(limits.always).min(limits.unpacked)
}

/// Whether a file is a zip archive.
pub fn is_zip(path: &Path) -> bool {
    let mut beginning = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok() && beginning == *b"PK\x03\x04"
}

/// Unpacks an archive into a folder, and notes the names in it.
///
/// # Errors
/// No archive, an encrypted one, too many files, names that lead elsewhere, links, or more bytes than it may grow to.
pub fn unpack(archive: &Path, folder: &Path, limits: &Limits, cancel: &Cancel, messages: &Messages) -> Answer<()> {
    let wrong = |error: &dyn std::fmt::Display| Refusal::bad(format!("the zip archive cannot be read: {error}"));
    check_directory(archive, limits)?;
    let file = File::open(archive).map_err(Refusal::failed)?;
    let stored = file.metadata().map_err(Refusal::failed)?.len();
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| wrong(&error))?;
    if zip.len() > limits.files {
        return Err(too_many(limits));
    }
    let mut left = allowed(limits, stored);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| wrong(&error))?;
        if entry.unix_mode().is_some_and(|mode| !matches!(mode & KIND, 0 | PLAIN_FILE)) && !entry.is_dir() {
            return Err(Refusal::bad("the zip archive holds a link or a device, which are not unpacked"));
        }
        let name = entry.name().map_err(|error| wrong(&error))?.into_owned();
        messages.learn(&name);
        if entry.is_dir() {
            continue;
        }
        let Some(below) = safe(&name, limits.depth).map_err(Refusal::bad)? else { continue };
        let path = folder.join(below);
        if let Some(around) = path.parent() {
            fs::create_dir_all(around).map_err(|error| wrong(&crate::files::reason(&error)))?;
        }
        let mut to = File::options().write(true).create_new(true).open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => wrong(&"two files in it have the same name"),
            _ => Refusal::failed(crate::files::reason(&error)),
        })?;
        left -= copy(&mut entry, &mut to, left, cancel)?;
    }
    Ok(())
}

fn too_many(limits: &Limits) -> Refusal {
    Refusal::too_large(format!("the zip archive holds more than {} files", limits.files))
}

/// Counts the directory's entries by reading the archive: their number and the length of their names, as the archive states them, may
/// make a reader take any amount of memory.
fn check_directory(archive: &Path, limits: &Limits) -> Answer<()> {
    let mut file = File::open(archive).map_err(Refusal::failed)?;
    let (mut held, mut piece) = (Vec::new(), vec![0; PIECE]);
    let (mut entries, mut named) = (0_usize, 0_u64);
    loop {
        let count = file.read(&mut piece).map_err(Refusal::failed)?;
        held.extend_from_slice(piece.get(..count).unwrap_or_default());
        let last = if count == 0 { held.len() } else { held.len().saturating_sub(ENTRY_BYTES) };
        let mut from = 0;
        while let Some(at) = held.get(from..last).and_then(|rest| rest.iter().position(|&byte| byte == ENTRY[0])) {
            let entry = held.get(from + at..).unwrap_or_default();
            if entry.starts_with(&ENTRY) {
                let length = |place: usize| match entry.get(place..place + 2) {
                    Some(&[low, high]) => u64::from(u16::from_le_bytes([low, high])),
                    _ => 0,
                };
                entries += 1;
                named += length(28) + length(30) + length(32);
            }
            from += at + 1;
        }
        if entries > limits.files {
            return Err(too_many(limits));
        }
        if named > LARGEST_DIRECTORY {
            return Err(Refusal::too_large("the names in the zip archive are too long"));
        }
        if count == 0 {
            return Ok(());
        }
        held.drain(..last);
    }
}

/// Copies at most `most` bytes; returns their number.
fn copy(from: &mut impl Read, to: &mut impl Write, most: u64, cancel: &Cancel) -> Answer<u64> {
    let (mut piece, mut sum) = (vec![0; PIECE], 0);
    loop {
        if cancel.is_stopped() {
            return Err(Refusal::failed("the server stops"));
        }
        let count = from.read(&mut piece);
        let count = count.map_err(|error| Refusal::bad(format!("a compressed file is damaged: {error}")))?;
        if count == 0 {
            return Ok(sum);
        }
        sum += count as u64;
        if sum > most {
            return Err(Refusal::too_large(format!("compressed files grow to more than {}", bytes(most)))
                .help("send them as they are, without compression"));
        }
        let written = to.write_all(piece.get(..count).unwrap_or_default());
        written.map_err(|error| Refusal::failed(crate::files::reason(&error)))?;
    }
}

/// Refuses a gzip file that grows to more than it may: it is decompressed once, and nothing is kept.
///
/// # Errors
/// As said, or damaged.
pub fn check_growth(path: &Path, limits: &Limits, cancel: &Cancel) -> Answer<()> {
    let mut file = File::open(path).map_err(Refusal::failed)?;
    let mut beginning = [0; 2];
    if file.read_exact(&mut beginning).is_err() || beginning != [0x1f, 0x8b] {
        return Ok(());
    }
    file.seek(SeekFrom::Start(0)).map_err(Refusal::failed)?;
    let stored = file.metadata().map_err(Refusal::failed)?.len();
    copy(&mut MultiGzDecoder::new(BufReader::new(file)), &mut io::sink(), allowed(limits, stored), cancel).map(drop)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn limits() -> Limits {
        Limits { files: 5, always: 10_000, ..Limits::default() }
    }

    fn archive(folder: &Path, entries: &[(&str, Vec<u8>, u32)]) -> std::path::PathBuf {
        let path = folder.join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content, mode) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn unpacked_to(place: &Path, archive: &Path, limits: &Limits) -> Answer<()> {
        unpack(archive, place, limits, &Cancel::new(), &Messages::new(place, false))
    }

    fn unpacked(entries: &[(&str, Vec<u8>, u32)]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        fs::create_dir(&place).unwrap();
        let path = archive(folder.path(), entries);
        let result = unpacked_to(&place, &path, &limits()).map_err(|refusal| refusal.text());
        let beside = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(beside, 2, "nothing lies beside the folder");
        result.map(|()| {
            let below = |path: std::path::PathBuf| path.strip_prefix(&place).unwrap().to_string_lossy().into_owned();
            crate::files::below(&place).unwrap().into_iter().map(below).collect()
        })
    }

    #[test]
    fn archives_are_unpacked_below_their_folder_or_refused() {
        let file = |name: &'static str| (name, b"x".to_vec(), 0o644);
        assert_eq!(
            unpacked(&[file("a/1.dcm"), file("a/2.dcm"), file(".DS_Store")]),
            Ok(vec!["a/1.dcm".into(), "a/2.dcm".into()])
        );
        let zeros = vec![0; 100_000];
        /// Name, content and mode of each file.
        type Entries = Vec<(&'static str, Vec<u8>, u32)>;
        let cases: [(Entries, &str); 6] = [
            (vec![file("../evil")], "leads out of its folder"),
            (vec![file("/etc/evil")], "is not relative"),
            (vec![file("a\\..\\..\\evil")], "leads out of its folder"),
            (vec![("bomb", zeros.clone(), 0o644)], "grow to more than"),
            ((0..6).map(|index| (["1", "2", "3", "4", "5", "6"][index], vec![], 0o644)).collect(), "more than 5 files"),
            (vec![file("a"), file("a/b")], "cannot be read"),
        ];
        for (entries, part) in cases {
            let error = unpacked(&entries).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn links_in_archives_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        zip.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        let error = unpacked_to(folder.path(), &path, &limits()).unwrap_err().text();
        assert!(error.contains("a link or a device"), "{error}");
    }

    #[test]
    fn long_names_and_damaged_archives_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        // Entries whose names would take memory, without an end of the directory.
        let entry = [&ENTRY[..], &[0; 24], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0; 12]].concat();
        fs::write(&path, entry.repeat(100)).unwrap();
        let many = Limits { files: 1000, ..limits() };
        let error = unpacked_to(folder.path(), &path, &many).unwrap_err().text();
        assert!(error.contains("names in the zip archive"), "{error}");
        fs::write(&path, b"PK\x03\x04nothing").unwrap();
        let error = unpacked_to(folder.path(), &path, &many).unwrap_err().text();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn gzip_files_grow_only_so_far() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let grown = |count: usize| {
            let mut encoder = GzEncoder::new(File::create(&path).unwrap(), Compression::best());
            encoder.write_all(&vec![0; count]).unwrap();
            encoder.finish().unwrap();
            check_growth(&path, &limits(), &Cancel::new())
        };
        assert!(grown(9_000).is_ok());
        assert!(grown(1_000_000).unwrap_err().text().contains("grow to more than"));
        fs::write(&path, b"\x1f\x8bnonsense").unwrap();
        assert!(check_growth(&path, &limits(), &Cancel::new()).unwrap_err().text().contains("damaged"));
        fs::write(&path, b"plain").unwrap();
        assert!(check_growth(&path, &limits(), &Cancel::new()).is_ok());
    }
}
