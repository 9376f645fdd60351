//! Where the parts of a model are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{ImportError, Kind};

/// A fold of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fold {
    /// One of the cross-validation.
    Number(usize),
    /// Trained on all cases.
    All,
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text.parse().map(Self::Number).map_err(|_| "a fold is a number or `all`".into()),
        }
    }
}

/// The model folders at or below a folder: those with `plans.json`, `dataset.json` and a fold.
pub fn models(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if folder.join("plans.json").is_file() && folder.join("dataset.json").is_file() && !present(&folder).is_empty()
        {
            found.push(folder);
        } else if depth < 3 {
            let below = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
            waiting.extend(below.filter(|path| path.is_dir()).map(|path| (path, depth + 1)));
        }
    }
    found.sort();
    found
}

/// The folds that have a folder, in order.
fn present(folder: &Path) -> Vec<Fold> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let fold = |name: std::ffi::OsString| name.to_str()?.strip_prefix("fold_")?.parse::<Fold>().ok();
    let mut found: Vec<Fold> = names.filter_map(fold).collect();
    found.sort();
    found
}

/// The wanted folds and their checkpoints. Without a wish: all that have one, but `all` only where there is no other, since it saw every
/// case.
///
/// # Errors
/// A wanted fold or its checkpoint is missing.
pub fn folds(folder: &Path, wanted: &[Fold], kind: Kind) -> Result<Vec<(Fold, PathBuf)>, ImportError> {
    let file = |fold: Fold| folder.join(format!("fold_{fold}")).join(kind.file());
    let present = present(folder);
    if !wanted.is_empty() {
        let list = present.iter().map(Fold::to_string).collect::<Vec<_>>().join(", ");
        let missing = wanted.iter().find(|fold| !file(**fold).is_file());
        return match missing {
            Some(fold) if present.contains(fold) => {
                Err(ImportError::of(&file(*fold), "missing: choose another checkpoint by --checkpoint"))
            }
            Some(fold) => Err(ImportError::of(folder, format!("has no fold {fold}; there are: {list}"))),
            None => {
                let mut wanted = wanted.to_vec();
                wanted.sort();
                wanted.dedup();
                Ok(wanted.into_iter().map(|fold| (fold, file(fold))).collect())
            }
        };
    }
    let mut found: Vec<Fold> = present.iter().copied().filter(|fold| file(*fold).is_file()).collect();
    if found.iter().any(|fold| *fold != Fold::All) {
        found.retain(|fold| *fold != Fold::All);
    }
    match found.is_empty() {
        true => {
            let text = format!("no fold has a `{}`; choose another by --checkpoint", kind.file());
            Err(ImportError::of(folder, text))
        }
        false => Ok(found.into_iter().map(|fold| (fold, file(fold))).collect()),
    }
}

/// Most bytes that an archive may unpack to: the largest models have 5 folds of 2 GB with their optimiser's state.
const LARGEST: u64 = 64 << 30;

/// Unpacks the archive of `nnUNetv2_export_model_to_zip` into a temporary folder.
///
/// # Errors
/// It is damaged, names files outside its folder, or the disk is full.
pub fn unpack(path: &Path) -> Result<tempfile::TempDir, ImportError> {
    let io = |error: &std::io::Error| ImportError::io(path, error);
    let file = std::fs::File::open(path).map_err(|error| io(&error))?;
    let wrong =
        |error: zip::result::ZipError| ImportError::of(path, format!("neither a folder nor a zip archive: {error}"));
    let mut archive = zip::ZipArchive::new(file).map_err(wrong)?;
    let folder = tempfile::tempdir().map_err(|error| io(&error))?;
    let mut left = LARGEST;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(wrong)?;
        let Some(name) = entry.enclosed_name() else {
            return Err(ImportError::of(path, format!("its entry {} is a file outside its folder", index + 1)));
        };
        if entry.is_dir() {
            continue;
        }
        let target = folder.path().join(name);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|error| io(&error))?;
        }
        let mut out = std::fs::File::create(&target).map_err(|error| io(&error))?;
        let damaged = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::PermissionDenied => io(&error),
            _ => ImportError::of(path, format!("its entry {} is damaged: {error}", index + 1)),
        };
        let written = std::io::copy(&mut std::io::Read::take(&mut entry, left), &mut out).map_err(damaged)?;
        left -= written;
        if left == 0 {
            return Err(ImportError::of(path, "unpacks to more than 64 GB"));
        }
    }
    Ok(folder)
}
