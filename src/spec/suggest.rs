//! "Did you mean": the known word closest to a misspelled one.

/// Longest word, in bytes, that a known one is searched for.
const LONGEST: usize = 256;

/// The candidate closest to a word, if at most about one letter in three is wrong.
///
/// Distance is the number of letters inserted, deleted, replaced or swapped with their neighbour (Damerau 1964), ignoring
/// case and `_` for `-`; ties go to the larger Jaro–Winkler similarity, then to the first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name that is known is as long: the distance takes the product of the lengths.
    if word.len() > LONGEST {
        return None;
    }
    let word = plain(word);
    let limit = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, f64, &str)> = None;
    for candidate in candidates {
        let other = plain(candidate);
        let distance = strsim::damerau_levenshtein(&word, &other);
        let similarity = strsim::jaro_winkler(&word, &other);
        let better = best.is_none_or(|(least, most, _)| distance < least || (distance == least && similarity > most));
        if distance <= limit && better {
            best = Some((distance, similarity, candidate));
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

/// The form in which names are compared: lower case, with `-` for spaces and underscores.
pub fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['_', ' '], "-")
}

/// "did you mean `x`?", or every candidate.
pub fn help(word: &str, candidates: &[&str], kind: &str) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => format!("there are no {kind}"),
        None => format!("{kind}: {}", list(candidates)),
    }
}

/// Names in backticks, at most a dozen.
pub fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 12 { format!(" and {} more", names.len() - 12) } else { String::new() };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_not() {
        let keys = ["batch-size", "epochs", "patch-size"];
        assert_eq!(nearest("batch-sise", keys), Some("batch-size"));
        assert_eq!(nearest("batch_size", keys), Some("batch-size"));
        assert_eq!(nearest("pach-size", keys), Some("patch-size"));
        assert_eq!(nearest("Epoch", keys), Some("epochs"));
        assert_eq!(nearest("learning-rate", keys), None);
    }
}
