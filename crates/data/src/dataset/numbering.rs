//! Numbers in names: pictures of slices in their order, and which picture belongs to which slice.

use std::collections::BTreeSet;

/// Things in the order of their names, numbers by their value.
pub fn in_order_of<T>(things: &mut [T], name: impl Fn(&T) -> String) {
    things.sort_by_cached_key(|thing| (natural(&name(thing)), name(thing)));
}

/// A name as texts and numbers.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut digits = false;
    for letter in name.chars() {
        let Some(last) = parts.last_mut() else { break };
        match letter.to_digit(10) {
            Some(digit) => (last.1, digits) = (last.1.saturating_mul(10).saturating_add(digit.into()), true),
            None if digits => {
                parts.push((letter.into(), 0));
                digits = false;
            }
            None => last.0.push(letter),
        }
    }
    parts
}

/// The numbers that tell the pictures of a stack apart; `None` if their names differ in anything else.
pub fn numbers(names: &[String]) -> Option<Vec<u64>> {
    let first = names.first()?;
    if let [only] = names {
        let end = only.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let start = end.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        return Some(vec![end.get(start..)?.parse().ok()?]);
    }
    let front = names.iter().fold(first.as_str(), |front, name| &front[..alike(front.bytes(), name.bytes())]);
    let front = front.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let back = names.iter().fold(first.len(), |back, name| {
        back.min(alike(first.bytes().rev(), name.bytes().rev())).min(name.len() - front)
    });
    let tail = &first[first.floor_char_boundary(first.len() - back)..];
    let back = tail.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    names.iter().map(|name| name.get(front..name.len() - back)?.parse().ok()).collect()
}

fn alike(one: impl Iterator<Item = u8>, other: impl Iterator<Item = u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

/// The first number that is missing in a stack, and the number of the picture before it. Every second or third slice lacks none.
pub fn gap(names: &[String]) -> Option<(u64, u64)> {
    let numbers = numbers(names)?;
    let steps: BTreeSet<u64> = numbers.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let least = steps.first().copied().filter(|_| steps.len() > 1)?;
    let pair = numbers.windows(2).find(|pair| pair[1].saturating_sub(pair[0]) > least)?;
    Some((pair[0] + least.max(1), pair[0]))
}

/// Whether two stacks have the same names, or the same numbers.
pub fn are_same(one: &[String], other: &[String]) -> bool {
    one == other || one.len() == other.len() && numbers(one).is_some() && numbers(one) == numbers(other)
}

/// Why a stack lacks a slice, in words; `None` if it does not, as far as its names tell.
pub fn incomplete(names: &[String]) -> Option<String> {
    let (missing, before) = gap(names)?;
    Some(format!(
        "has no picture {missing} after {before}: its {} pictures would be taken as slices that follow each other. Add the picture \
         (all 0 if nothing is labelled), or number the pictures without a gap",
        names.len()
    ))
}

/// The same for pictures of an image's slices: what its own files leave out, the pictures may leave out, too.
pub fn incomplete_beside(pictures: &[String], files: &[String]) -> Option<String> {
    let from_first = |names: &[String]| {
        let numbers = numbers(names)?;
        let first = numbers.first().copied()?;
        Some(numbers.into_iter().map(|number| number.saturating_sub(first)).collect::<Vec<_>>())
    };
    let alike = are_same(pictures, files) || from_first(files).is_some_and(|own| Some(own) == from_first(pictures));
    if alike { None } else { incomplete(pictures) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn numbers_are_what_differs_in_names() {
        for (text, expected) in [
            ("1 2 10", Some(vec![1, 2, 10])),
            ("p3_s08_mask p3_s09_mask p3_s10_mask", Some(vec![8, 9, 10])),
            ("slice_100_0.5 slice_101_0.5", Some(vec![100, 101])),
            ("a b", None),
            ("s1 s2b", None),
            ("scan4_007", Some(vec![7])),
            ("x", None),
        ] {
            assert_eq!(numbers(&names(text)), expected, "{text}");
        }
    }

    #[test]
    fn gaps_are_numbers_left_out() {
        for (text, expected) in
            [("1 2 4", Some((3, 2))), ("2 4 6", None), ("2 4 8", Some((6, 4))), ("5 6 7", None), ("a b", None)]
        {
            assert_eq!(gap(&names(text)), expected, "{text}");
        }
    }

    #[test]
    fn numbers_in_names_count_by_their_value() {
        let mut names = ["slice10", "slice2", "slice1", "a3b10", "a3b9"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["a3b9", "a3b10", "slice1", "slice2", "slice10"]);
    }
}
