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
///
/// # Errors
/// The folder cannot be read, or none was found and a folder below it cannot be read.
pub fn models(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let (mut found, mut unread) = (Vec::new(), None);
    let mut waiting = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if folder.join("plans.json").is_file() && folder.join("dataset.json").is_file() && !present(&folder).is_empty()
        {
            found.push(folder);
            continue;
        }
        match std::fs::read_dir(&folder) {
            Err(error) => unread = unread.or_else(|| Some(ImportError::io(&folder, &error))),
            Ok(entries) if depth < 3 => {
                let below = entries.flatten().map(|entry| entry.path());
                waiting.extend(below.filter(|path| path.is_dir()).map(|path| (path, depth + 1)));
            }
            Ok(_) => {}
        }
    }
    found.sort();
    match unread.filter(|_| found.is_empty()) {
        Some(error) => Err(error),
        None => Ok(found),
    }
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
