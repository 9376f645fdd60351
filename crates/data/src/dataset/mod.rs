//! Datasets: their cases, the meaning of their labels, and how cases are split into training, validation and test.
//!
//! [`open`] lists the files, [`Inputs`] hashes and checks them, [`split()`] assigns cases to folds, [`target()`] resolves the structures
//! to segment.

pub mod case;
pub mod check;
pub mod color;
pub mod content;
mod grid;
pub mod hashes;
pub mod inputs;
pub mod label;
pub mod layout;
mod listing;
pub mod mirror;
pub mod name;
pub mod numbering;
pub mod parallel;
pub mod phantom;
pub mod raw;
pub mod read;
pub mod recognise;
mod structure;
pub mod spec;
pub mod split;
pub mod target;

use std::path::PathBuf;

use crate::counted;

pub use case::{Case, Reading};
pub use check::{CaseCheck, absent, check};
pub use content::{Content, FileHash};
pub use hashes::FileHashes;
pub use inputs::{Access, Inputs};
pub use label::Label;
pub use layout::{Opened, open, unlabelled};
pub use read::{CaseError, read_image, read_label};
pub use recognise::{Grid, LeftOut, Proposal, Stated, recognise};
pub use spec::Dataset;
pub use split::{Groups, SplitError, held_out, split};
pub use target::{Target, TargetError, TargetStructure, target};

/// A case that cannot be used, and the reason. Listed in the tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Excluded {
    /// Name of the case, or of the file if it could not be assigned to a case.
    pub case: String,
    /// The reason, naming the file.
    pub reason: String,
}

impl Excluded {
    /// The reasons of several cases, the most frequent first, each with its number of cases and an example.
    pub fn grouped(all: &[Self]) -> String {
        const SHOWN: usize = 3;
        // Reasons of one kind differ in the names of their files.
        let kind = |row: &Self| row.reason.replace(&row.case, "…");
        let mut kinds: Vec<(String, &Self, usize)> = Vec::new();
        for row in all {
            match kinds.iter_mut().find(|(known, ..)| *known == kind(row)) {
                Some((_, _, count)) => *count += 1,
                None => kinds.push((kind(row), row, 1)),
            }
        }
        kinds.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let more = kinds.len().saturating_sub(SHOWN);
        let text = |(_, row, count): &(String, &Self, usize)| match count {
            1 => format!("{}: {}", row.case, row.reason),
            count => format!("{}, such as {}: {}", counted(*count, "case"), row.case, row.reason),
        };
        let mut parts: Vec<String> = kinds.iter().take(SHOWN).map(text).collect();
        parts.extend((more > 0).then(|| format!("and {more} other reasons")));
        if parts.is_empty() { "no file".into() } else { parts.join("; ") }
    }
}

/// Training, validation and test cases of one fold; names in sorted order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fold {
    /// Training cases.
    pub train: Vec<String>,
    /// Validation cases, used to select the checkpoint.
    pub validation: Vec<String>,
    /// Test cases.
    pub test: Vec<String>,
}

impl Fold {
    /// The fold without the excluded cases.
    #[must_use]
    pub fn without(&self, excluded: &[Excluded]) -> Self {
        let kept = |names: &[String]| {
            names.iter().filter(|name| excluded.iter().all(|row| row.case != **name)).cloned().collect()
        };
        Self { train: kept(&self.train), validation: kept(&self.validation), test: kept(&self.test) }
    }
}

/// Why a dataset cannot be used. Every message names the dataset or the file, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The dataset's folder does not exist.
    #[error(
        "dataset `{name}`: no folder at {path}; `root` is relative to SEGSPEC_DATA (here {data_root}): \
         set SEGSPEC_DATA to the folder that contains `{root}`, or use an absolute `root`"
    )]
    RootMissing {
        /// The dataset.
        name: String,
        /// The expected location.
        path: PathBuf,
        /// `root` as written.
        root: String,
        /// The data root in use.
        data_root: PathBuf,
    },
    /// A folder cannot be listed, or a file cannot be opened.
    #[error("{path}: {}", crate::files::reason(source))]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `dataset.json` is missing or invalid for the layout.
    #[error("{path}: {reason}")]
    DatasetJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file pattern of the layout is invalid.
    #[error("dataset `{name}`: pattern `{pattern}` {reason}")]
    Pattern {
        /// The dataset.
        name: String,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the layout that lists or describes others cannot be read.
    #[error("{reason}")]
    Layout {
        /// The file, and what is wrong.
        reason: String,
    },
    /// The folder exists but contains no cases.
    #[error("dataset `{name}`: no cases in {path}; expected {expected}")]
    Empty {
        /// The dataset.
        name: String,
        /// The folder.
        path: PathBuf,
        /// What the layout expects there.
        expected: String,
    },
    /// A folder in which no layout was recognised.
    #[error("{path}: no dataset recognised\nseen: {seen}\nthe nearest layouts:\n{nearest}")]
    Unrecognised {
        /// The folder.
        path: PathBuf,
        /// Number of files by format and depth.
        seen: String,
        /// The layouts that come nearest, with an example of each.
        nearest: String,
    },
    /// A folder above datasets that describe themselves.
    #[error(
        "{path}: holds {}, which {}; give the folder of one:\n  {datasets}",
        crate::counted(*count, "dataset"), if *count == 1 { "describes itself" } else { "describe themselves" }
    )]
    Above {
        /// The folder.
        path: PathBuf,
        /// Number of datasets.
        count: usize,
        /// Their folders, one a line.
        datasets: String,
    },
    /// A folder of labels without an image.
    #[error(
        "{path}: only masks, no image: {}, such as {example}; give the folder that holds the images, too \
         (a01/ct.nii.gz with a01/segmentations/liver.nii.gz, or images/a01.nii.gz with labels/a01.nii.gz), or list images and labels in \
         a dataset file with `[layout.list]`", crate::counted(*count, "file")
    )]
    OnlyMasks {
        /// The folder.
        path: PathBuf,
        /// Number of files.
        count: usize,
        /// One of them.
        example: String,
    },
    /// `exclude` names a case that does not exist.
    #[error("dataset `{name}`: `exclude` names the unknown case `{case}`{hint}")]
    UnknownExclusion {
        /// The dataset.
        name: String,
        /// The name as written.
        case: String,
        /// A suggestion, or empty.
        hint: String,
    },
    /// Cases were found, but none of them can be used.
    #[error("dataset `{name}`: none of its cases can be used ({count} in all): {reasons}")]
    NoUsableCase {
        /// The dataset.
        name: String,
        /// Number of cases found.
        count: usize,
        /// Their problems, each with its number of cases and its first case.
        reasons: String,
    },
    /// The folder contains a phantom with another recipe than `generate`.
    #[error(
        "{path}: the existing phantom ({found}) differs from the dataset's `generate` ({wanted}); remove the folder or change `root`"
    )]
    OtherPhantom {
        /// The folder.
        path: PathBuf,
        /// Recipe of the existing phantom.
        found: String,
        /// Recipe in the dataset file.
        wanted: String,
    },
    /// A phantom or a cache file could not be written.
    #[error(transparent)]
    Write(#[from] crate::volume::WriteError),
    /// A case is not in the cache, and the caller forbids reading it.
    #[error("case {case} has not been read yet; run `segspec prepare`")]
    NotRead {
        /// The case.
        case: String,
    },
    /// This machine has no memory for a case. It is not excluded: another machine would not exclude it.
    #[error("case {case}: {reason}")]
    Memory {
        /// The case.
        case: String,
        /// The file, wanted and free memory, and what to do.
        reason: String,
    },
    /// Cancelled by the caller.
    #[error("interrupted")]
    Cancelled,
}

impl DataError {
    /// Whether the environment (disk full, permissions) is the cause rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } => crate::files::is_environment(source),
            Self::Write(error) => error.environment,
            Self::Memory { .. } => true,
            _ => false,
        }
    }
}

/// Suggestion for an unknown name: `; did you mean …?`, or empty if no known name is similar.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4);
    nearest.map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_grouped_with_the_most_frequent_first() {
        let row = |case: &str, reason: &str| Excluded { case: case.into(), reason: reason.replace('$', case) };
        let rows = [row("a", "$.nii: damaged"), row("b", "$.nii: value 2"), row("c", "$.nii: value 2")];
        assert_eq!(Excluded::grouped(&rows), "2 cases, such as b: b.nii: value 2; a: a.nii: damaged");
        assert_eq!(Excluded::grouped(&[]), "no file");
        let many: Vec<Excluded> = ["p", "q", "r", "s", "t"].map(|case| row(case, &case.repeat(3))).into();
        assert_eq!(Excluded::grouped(&many), "5 cases, such as p: ppp");
    }
}
