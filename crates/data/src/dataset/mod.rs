//! Datasets: which cases there are, what their labels mean, and who tests whom.
//!
//! [`open`] lists the files, [`Inputs`] names their contents and checks them, [`split()`] deals the cases, [`target()`] names the
//! structures.

pub mod case;
pub mod check;
pub mod content;
mod grid;
pub mod hashes;
pub mod inputs;
pub mod label;
pub mod layout;
mod listing;
pub mod mirror;
pub mod parallel;
pub mod phantom;
pub mod read;
pub mod recognise;
pub mod spec;
pub mod split;
pub mod target;

use std::path::PathBuf;

pub use case::{Case, Reading};
pub use check::{CaseCheck, check};
pub use content::{Content, FileHash};
pub use hashes::FileHashes;
pub use inputs::{Access, Inputs};
pub use label::Label;
pub use layout::{Opened, open, unlabelled};
pub use read::{CaseError, read_image, read_label};
pub use recognise::{Proposal, recognise};
pub use spec::Dataset;
pub use split::{SplitError, held_out, split};
pub use target::{Target, TargetError, TargetStructure, target};

/// A case that cannot be used, and why. It becomes a row in the tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Excluded {
    /// Name of the case, or of the file where no case could be made of it.
    pub case: String,
    /// The reason, naming the file.
    pub reason: String,
}

/// Which cases train, choose the weights, and are scored; names in sorted order.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fold {
    /// Cases that train.
    pub train: Vec<String>,
    /// Cases that choose the weights.
    pub validation: Vec<String>,
    /// Cases that are scored.
    pub test: Vec<String>,
}

impl Fold {
    /// The fold without the cases that turned out to be unusable.
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
    /// The dataset's folder is not there.
    #[error(
        "dataset `{name}`: no folder at {path}; `root` is taken below SEGSPEC_DATA (here {data_root}): \
         set SEGSPEC_DATA to the folder that holds `{root}`, or write an absolute `root`"
    )]
    RootMissing {
        /// The dataset.
        name: String,
        /// Where the folder was looked for.
        path: PathBuf,
        /// `root` as written.
        root: String,
        /// The data root in use.
        data_root: PathBuf,
    },
    /// A folder cannot be listed, a file not be opened.
    #[error("{path}: {source}")]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// `dataset.json` is missing or not what the layout needs.
    #[error("{path}: {reason}")]
    DatasetJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file pattern of the layout is of no use.
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
    /// The folder is there, but holds no case.
    #[error("dataset `{name}`: no case in {path}; expected {expected}")]
    Empty {
        /// The dataset.
        name: String,
        /// The folder.
        path: PathBuf,
        /// What the layout expects there.
        expected: String,
    },
    /// `exclude` names a case that does not exist.
    #[error("dataset `{name}`: `exclude` names `{case}`, which is no case{hint}")]
    UnknownExclusion {
        /// The dataset.
        name: String,
        /// The name as written.
        case: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// Cases were found, but none of them can be used.
    #[error("dataset `{name}`: none of {count} cases can be used; the first: {case}: {reason}")]
    NoUsableCase {
        /// The dataset.
        name: String,
        /// Cases found.
        count: usize,
        /// The first of them.
        case: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The phantom folder holds another phantom than the dataset asks for.
    #[error(
        "{path}: holds another phantom ({found}) than the dataset's `generate` asks for ({wanted}); remove the folder, or name another `root`"
    )]
    OtherPhantom {
        /// The folder.
        path: PathBuf,
        /// What lies there.
        found: String,
        /// What the dataset asks for.
        wanted: String,
    },
    /// A set, or what is remembered of one, could not be written.
    #[error(transparent)]
    Write(#[from] crate::volume::WriteError),
    /// A case would have to be read, which the caller does not want.
    #[error("case {case} was not read yet; `segspec prepare` reads every case")]
    NotRead {
        /// The case.
        case: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

impl DataError {
    /// Whether the machine (disk full, permission) is the reason rather than the data.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } => crate::files::is_environment(source),
            Self::Write(error) => error.environment,
            _ => false,
        }
    }
}

/// The suggestion after an unknown name: `; did you mean …?`, or nothing where no name is near.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4);
    nearest.map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}
