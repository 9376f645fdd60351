//! Names of structures as people write them: the same whatever the capital letters, spaces, hyphens and underscores.

/// Letters and digits of a name in lower case, words separated by single spaces: `Left_Kidney ` and `left-kidney` are the same.
pub fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|letter: char| letter.is_whitespace() || letter == '-' || letter == '_');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether programs give this name to any segment that nobody named: `label 3`, `Segment_1`, `3`. It then says nothing.
pub fn is_generic(name: &str) -> bool {
    let folded = folded(name);
    let rest = ["label", "segment", "structure", "value", "class", "roi"]
        .iter()
        .find_map(|word| folded.strip_prefix(word))
        .unwrap_or(&folded);
    rest.trim().bytes().all(|byte| byte.is_ascii_digit())
}

/// The position of a name among others: exactly, else folded if only one is the same then.
pub fn position<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    if let Some(exact) = names.clone().position(|known| known == name) {
        return Some(exact);
    }
    let wanted = folded(name);
    let mut alike = names.enumerate().filter(|(_, known)| folded(known) == wanted);
    match (alike.next(), alike.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capital_letters_spaces_hyphens_and_underscores_make_no_difference() {
        for name in ["left-kidney", "Left_Kidney", " left  kidney ", "LEFT-KIDNEY"] {
            assert_eq!(folded(name), "left kidney", "{name}");
        }
        assert_ne!(folded("left kidney"), folded("right kidney"));
        assert_ne!(folded("Leber"), folded("liver"));
    }

    #[test]
    fn names_of_unnamed_segments_say_nothing() {
        for name in ["label 3", "Segment_1", "3", "value-2", "Label12"] {
            assert!(is_generic(name), "{name}");
        }
        for name in ["liver", "L3", "labeled lesion", "lung 1"] {
            assert!(!is_generic(name), "{name}");
        }
    }

    #[test]
    fn an_exact_name_goes_before_a_similar_one_and_doubt_finds_none() {
        let names = ["Liver", "liver", "spleen"];
        let at = |name| position(name, names.into_iter());
        assert_eq!([at("liver"), at("LIVER"), at("Spleen "), at("lung")], [Some(1), None, Some(2), None]);
    }
}
