//! The target: which formats are written, and what lies there already.

use std::path::{Path, PathBuf};

use super::Convert;
use super::scene;
use crate::cli::{Exit, Failure};
use crate::files;
use crate::volume::convert::ConvertError;
use crate::volume::format::FORMATS;
use crate::volume::{Format, WriteError};

const REPLACE: &str = "choose another target, or replace it with --overwrite";

fn usage<T>(text: String) -> Result<T, Failure> {
    Err(Failure::message(Exit::Usage, text))
}

/// Refuses what is wrong with the command line, before anything is read.
pub(super) fn check(args: &Convert) -> Result<(), Failure> {
    let target = &args.target;
    let is_scene = scene::Kind::of(target).is_some();
    if !is_scene && Format::written_as(target).is_none() {
        return usage(unwritten(target));
    }
    if args.reference.is_some() && !is_scene {
        return usage(
            "--reference compares surfaces on a page: the target's name must end in .html (`segspec evaluate` computes scores)".into(),
        );
    }
    if let (Ok(source), Ok(there)) = (args.source.canonicalize(), target.canonicalize())
        && source == there
    {
        return usage(format!("{}: this would replace the source; choose another target", target.display()));
    }
    let further = args.colours.as_ref();
    std::iter::once(target).chain(further).try_for_each(|path| refuse(path, args.overwrite))
}

/// Refuses to write over what is there.
pub(super) fn refuse(path: &Path, overwrite: bool) -> Result<(), Failure> {
    if path.is_dir() && Format::written_as(path) != Some(Format::DicomImage) {
        return usage(format!("{}: is a folder, and a file is to be written: choose another name", path.display()));
    }
    match is_there(path) {
        true if !overwrite => usage(format!("{}: is there already: {REPLACE}", path.display())),
        true if path.is_dir() => refuse_others(path),
        _ => Ok(()),
    }
}

/// Whether a file, or a folder that is not empty, is at the target.
pub(super) fn is_there(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    }
}

/// A folder is replaced as a whole: it may hold nothing but what this program writes into it.
fn refuse_others(folder: &Path) -> Result<(), Failure> {
    let is_slice = |name: &str| {
        let number = name.strip_suffix(".dcm").unwrap_or_default();
        number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let other = entries
        .map(|entry| entry.path())
        .find(|path| path.is_dir() || !is_slice(&path.file_name().unwrap_or_default().to_string_lossy()));
    match other {
        Some(other) => usage(format!(
            "{}: is no slice that segspec has written (0001.dcm, …), and --overwrite replaces the whole folder: choose another target",
            other.display()
        )),
        None => Ok(()),
    }
}

/// Writes to a target; a series that is there is replaced once the new one is complete.
pub(super) fn write(
    target: &Path,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, Failure>,
) -> Result<Vec<PathBuf>, Failure> {
    if Format::written_as(target) != Some(Format::DicomImage) || !is_there(target) {
        return write(target);
    }
    let failed = |error: std::io::Error| ConvertError::Write(WriteError::io(target, &error)).into();
    // The folder that is written to has a name of its own until then.
    let named = |staged: &Path, failure: Failure| {
        let text = failure.error.to_string().replace(&*staged.to_string_lossy(), &target.to_string_lossy());
        Failure::message(failure.exit, text)
    };
    let written = files::replace_folder(target, failed, |staged| write(staged).map_err(|error| named(staged, error)))?;
    let place = |file: PathBuf| target.join(file.file_name().unwrap_or_default());
    Ok(written.into_iter().map(place).collect())
}

/// What the name of a target may end in.
fn unwritten(target: &Path) -> String {
    let endings = FORMATS.iter().flat_map(|format| format.entry().write.endings).copied();
    let endings: Vec<&str> = endings.chain([".html", ".gif"]).collect();
    format!("{}: its name ends in no format that is written: {}, or a folder", target.display(), endings.join(", "))
}

/// Refuses an ending of `--to` that no file of a folder can have.
pub(super) fn refuse_ending(ending: &str) -> Result<(), Failure> {
    let name = format!("a.{ending}");
    if scene::Kind::of(Path::new(&name)).is_some() {
        return usage(format!(
            "--to {ending}: pages and animations are made one by one: `segspec convert LABELS NAME.{ending}`"
        ));
    }
    match ending == "dicom" || Format::written_as(Path::new(&name)).is_some() {
        true => Ok(()),
        false => {
            let endings = FORMATS.iter().flat_map(|format| format.entry().write.endings);
            let endings: Vec<&str> = endings.map(|ending| ending.trim_start_matches('.')).chain(["dicom"]).collect();
            usage(format!("--to {ending}: is no format that is written: {}", endings.join(", ")))
        }
    }
}
