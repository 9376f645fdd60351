//! Why cases cannot be split as specified, and what to do.

use crate::counted;

/// Why cases cannot be split as specified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A fixed split names a case that does not exist.
    #[error("split: `{list}` names the unknown case `{case}`{hint}")]
    UnknownCase {
        /// `train`, `validation` or `test`.
        list: &'static str,
        /// The name as written.
        case: String,
        /// A suggestion, or empty.
        hint: String,
    },
    /// A case is in two lists, or twice in one.
    #[error("split: `{case}` is listed twice, in `{first}` and in `{second}`; list each case once")]
    ListedTwice {
        /// The case.
        case: String,
        /// The first list.
        first: &'static str,
        /// The second list.
        second: &'static str,
    },
    /// Fewer groups than folds.
    #[error("split: {folds} folds need at least {folds} {units}, got {found}; {}", enough(*found))]
    TooFew {
        /// Requested folds.
        folds: usize,
        /// `cases` or `patients`.
        units: &'static str,
        /// Number of cases or patients.
        found: usize,
    },
    /// A fold has no training cases or no test cases.
    #[error("split: no cases left to {purpose}{place} ({} in total){}", counted(*found, "case"), for_few(*found))]
    EmptyPart {
        /// `train on` or `test on`.
        purpose: &'static str,
        /// ` in fold 2`, or empty.
        place: String,
        /// Total number of cases.
        found: usize,
    },
    /// `group-by` is not a regular expression, has no capture group, or does not match a case.
    #[error("split: `group-by` = `{expression}`: {reason}")]
    GroupBy {
        /// The expression as written.
        expression: String,
        /// What is wrong.
        reason: String,
    },
    /// A number out of range.
    #[error("split: `{key}` must be {expected}, got {value}")]
    Number {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// The valid range.
        expected: &'static str,
    },
}

/// The setting that works with any number of cases.
const ALL_TRAIN: &str = "`split.ratio = { test = 0.0 }` trains on all cases and scores none";

/// What to do where there are fewer cases or patients than folds.
fn enough(found: usize) -> String {
    if found < 2 { ALL_TRAIN.into() } else { format!("set `folds` to {found} or less; {ALL_TRAIN}") }
}

/// What to do where so few cases cannot be divided; empty for more.
fn for_few(found: usize) -> String {
    if found > 2 { String::new() } else { format!("; {ALL_TRAIN}") }
}
