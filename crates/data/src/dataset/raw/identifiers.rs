//! nnU-Net's names of the cases: parts of file names.

use std::collections::BTreeMap;

use super::RawError;

/// Whether a letter may stand in a file name everywhere.
fn is_plain(letter: char) -> bool {
    !letter.is_control() && !"/\\:*?\"<>|".contains(letter)
}

/// A name of each case: its own, with `_` for letters that file names cannot have, and in front if it would be hidden.
///
/// # Errors
/// [`RawError::SameName`].
pub(super) fn identifiers(cases: &[&str]) -> Result<BTreeMap<String, String>, RawError> {
    let (mut names, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for case in cases {
        let plain: String = case.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
        let name = if plain.starts_with('.') { format!("_{plain}") } else { plain };
        // Names that differ in capital letters only are one file on some disks.
        if let Some(first) = owners.insert(name.to_lowercase(), (*case).to_owned()) {
            return Err(RawError::SameName { first, second: (*case).to_owned(), name });
        }
        names.insert((*case).to_owned(), name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_mapped_or_refused() {
        let names = identifiers(&["p 01", "a:b", ".x", "é_0001"]).unwrap();
        let of = |case: &str| names[case].as_str();
        assert_eq!([of("p 01"), of("a:b"), of(".x"), of("é_0001")], ["p 01", "a_b", "_.x", "é_0001"]);
        for pair in [["a:b", "a?b"], ["A", "a"]] {
            let error = identifiers(&pair).unwrap_err().to_string();
            assert!(error.contains(pair[0]) && error.contains(pair[1]), "{error}");
        }
    }
}
