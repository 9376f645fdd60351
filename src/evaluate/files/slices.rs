//! Stacks of pictures: which picture is which slice, by the numbers in their names.

use std::path::Path;

use super::labelled::{Labelled, unsupported};
use crate::dataset::numbering::{are_same, incomplete, numbers};
use crate::volume::ReadError;

/// Most names in a message.
const NAMED: usize = 4;

/// Refuses stacks whose pictures would be compared with those of other slices. Says in words how pictures without numbers are paired.
///
/// # Errors
/// A slice without a picture on the other side; a number that is missing, where the other side has no numbers.
pub fn refuse_shifted(one: &Labelled, other: &Labelled) -> Result<Option<String>, ReadError> {
    match (one.slices.is_empty(), other.slices.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => between(one, other),
        (false, true) => whole(&one.path, &one.slices).map(|()| None),
        (true, false) => whole(&other.path, &other.slices).map(|()| None),
    }
}

/// Refuses a stack that lacks a slice.
///
/// # Errors
/// Its numbers leave one out.
pub fn whole(path: &Path, names: &[String]) -> Result<(), ReadError> {
    incomplete(names).map_or(Ok(()), |reason| Err(unsupported(path, reason)))
}

fn between(one: &Labelled, other: &Labelled) -> Result<Option<String>, ReadError> {
    if are_same(&one.slices, &other.slices) {
        return Ok(None);
    }
    let (first, second) = (one.path.display(), other.path.display());
    if let (Some(ours), Some(theirs)) = (numbers(&one.slices), numbers(&other.slices)) {
        let only = |these: &[u64], those: &[u64], names: &[String]| -> String {
            let alone = these.iter().zip(names).filter(|(number, _)| !those.contains(number));
            let mut names: Vec<String> = alone.map(|(_, name)| format!("`{name}`")).collect();
            let more = names.len().saturating_sub(NAMED);
            names.truncate(NAMED);
            names.extend((more > 0).then(|| format!("and {more} more")));
            if names.is_empty() { "none".into() } else { names.join(", ") }
        };
        let reason = format!(
            "its pictures and those of {second} have other numbers, so that slices would be compared with other slices: only here {}; \
             only there {}. Give the pictures of a slice the same number on both sides",
            only(&ours, &theirs, &one.slices),
            only(&theirs, &ours, &other.slices)
        );
        return Err(unsupported(&one.path, reason));
    }
    match one.slices.len() == other.slices.len() {
        true => Ok(Some(format!(
            "{first}, {second}: pictures are paired in the order of their names: `{}` with `{}`",
            one.slices[0], other.slices[0]
        ))),
        false => {
            let reason = format!(
                "has {} pictures and {second} {}, and their names do not tell which belong together",
                one.slices.len(),
                other.slices.len()
            );
            Err(unsupported(&one.path, reason))
        }
    }
}
