//! Numbers in place of names: the image and the labels of a case have one number, whatever their folders are called.

use std::collections::{BTreeMap, BTreeSet};

use super::Item;

/// Folders and files that are called like this hold images.
const IMAGES: [&str; 10] = ["image", "images", "img", "imgs", "imaging", "scan", "scans", "volume", "volumes", "data"];
/// Folders and files that are called like this hold labels.
const LABELS: [&str; 13] = [
    "label",
    "labels",
    "mask",
    "masks",
    "seg",
    "segs",
    "segmentation",
    "segmentations",
    "gt",
    "groundtruth",
    "annotation",
    "annotations",
    "labelmap",
];
/// Training and test cases of nnU-Net and the Decathlon (`imagesTr`).
const PARTS: [&str; 3] = ["tr", "ts", ""];

/// What the name of an item says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    /// The case, without the words for images and labels.
    case: String,
    /// Whether it holds the labels.
    is_label: bool,
    /// `_0001` in nnU-Net's names.
    channel: String,
}

/// Gives each case a number, in the order of their names.
pub(super) fn number(items: &mut [Item]) {
    let named = named(items);
    let mut counts: BTreeMap<(&Named, &str), BTreeSet<&str>> = BTreeMap::new();
    for (item, named) in items.iter().zip(&named) {
        counts.entry((named, &item.suffix)).or_default().insert(&item.case);
    }
    // Two images of one name are two cases.
    let is_alone = |item: &Item, named: &Named| counts.get(&(named, &item.suffix)).is_none_or(|cases| cases.len() < 2);
    let key = |(item, named): (&Item, &Named)| {
        let own = if is_alone(item, named) { String::new() } else { item.case.clone() };
        (named.case.clone(), own)
    };
    let keys: Vec<(String, String)> = items.iter().zip(&named).map(key).collect();
    let mut numbers: BTreeMap<&(String, String), usize> = keys.iter().map(|key| (key, 0)).collect();
    numbers.values_mut().zip(1..).for_each(|(number, next)| *number = next);
    for ((item, named), key) in items.iter_mut().zip(&named).zip(&keys) {
        let number = numbers.get(key).copied().unwrap_or_default();
        item.case = format!("case-{number:04}{}", named.channel);
        if named.is_label && item.suffix.is_empty() {
            item.suffix = "-labels".into();
        }
    }
}

/// What the names of all items say.
fn named(items: &[Item]) -> Vec<Named> {
    // The folder of a file, where its name alone is that of the case.
    let folder = |item: &Item| {
        let folder = item.source.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        if item.is_series { None } else { role(&folder.to_string_lossy()) }
    };
    let has_images = items.iter().any(|item| folder(item).is_none_or(|(is_label, _)| !is_label));
    let whole: BTreeSet<String> = items.iter().map(|item| Named::of(item, false).case).collect();
    let of = |item: &Item| {
        let mut named = Named::of(item, true);
        let in_part = folder(item).is_some_and(|(_, part)| !part.is_empty());
        // `a_0001` is a channel of `a` if there is such a case, or in a folder of nnU-Net; else it is a case.
        if !named.channel.is_empty() && !in_part && !whole.contains(&named.case) {
            named = Named::of(item, false);
        }
        named.is_label |= has_images && folder(item).is_some_and(|(is_label, _)| is_label);
        named
    };
    items.iter().map(of).collect()
}

impl Named {
    fn of(item: &Item, with_channel: bool) -> Self {
        let mut parts: Vec<&str> = item.case.split('/').collect();
        let last = parts.pop().unwrap_or_default();
        let (stem, channel) = if with_channel { without_channel(last) } else { (last, "") };
        let (stem, mut is_label) = without_word(stem);
        let mut case = Vec::new();
        for part in parts {
            match role(part) {
                Some((labels, rest)) => {
                    is_label |= labels;
                    case.push(rest);
                }
                None => case.push(part),
            }
        }
        case.extend(stem);
        case.retain(|part| !part.is_empty());
        Self { case: case.join("/"), is_label: is_label || item.is_label, channel: channel.to_owned() }
    }
}

/// Whether a word stands for labels (or images), and which part of the cases it means.
fn role(word: &str) -> Option<(bool, &'static str)> {
    let word = word.to_ascii_lowercase();
    PARTS.iter().find_map(|part| {
        let word = word.strip_suffix(part)?.trim_end_matches(['_', '-']);
        let labels = LABELS.contains(&word);
        (labels || IMAGES.contains(&word)).then_some((labels, *part))
    })
}

/// `a_0001` → `a`, `_0001`.
fn without_channel(stem: &str) -> (&str, &str) {
    let at = stem.len().saturating_sub("_0000".len());
    match stem.split_at_checked(at) {
        Some((case, channel))
            if !case.is_empty()
                && channel.starts_with('_')
                && channel[1..].bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (case, channel)
        }
        _ => (stem, ""),
    }
}

/// The name without the word that says what it holds, and whether that is labels: `a_seg` → `a`; nothing is left of `segmentation`.
fn without_word(stem: &str) -> (Option<&str>, bool) {
    if let Some((labels, _)) = role(stem) {
        return (None, labels);
    }
    match stem.rsplit_once(['_', '-', '.']) {
        Some((case, word)) if !case.is_empty() && LABELS.contains(&word.to_ascii_lowercase().as_str()) => {
            (Some(case), true)
        }
        _ => (Some(stem), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases, and what they are called.
    #[test]
    fn images_and_labels_of_a_case_have_one_number() {
        let rows: [(&[&str], &[&str]); 10] = [
            (&["anna", "bert"], &["case-0001", "case-0002"]),
            (
                &["images/p1", "images/p2", "labels/p1", "labels/p2"],
                &["case-0001", "case-0002", "case-0001-labels", "case-0002-labels"],
            ),
            (
                &["imagesTr/a_0000", "imagesTr/a_0001", "labelsTr/a", "imagesTs/a_0000"],
                &["case-0001_0000", "case-0001_0001", "case-0001-labels", "case-0002_0000"],
            ),
            (&["pelvis_0001", "pelvis_0002"], &["case-0001", "case-0002"]),
            (&["a", "a-label", "b"], &["case-0001", "case-0001-labels", "case-0002"]),
            (&["k1/imaging", "k1/segmentation"], &["case-0001", "case-0001-labels"]),
            (&["s1/a", "s1/b", "s2/a"], &["case-0001", "case-0002", "case-0003"]),
            (&["images/a", "scans/a"], &["case-0001", "case-0002"]),
            (&["images/anna/x", "Labels/anna/x_seg"], &["case-0001", "case-0001-labels"]),
            (&["müller_ärzte", "a"], &["case-0002", "case-0001"]),
        ];
        for (cases, expected) in rows {
            let item = |case: &&str| Item { case: (*case).into(), source: case.into(), ..Item::default() };
            let mut items: Vec<Item> = cases.iter().map(item).collect();
            number(&mut items);
            let found: Vec<String> = items.iter().map(|item| format!("{}{}", item.case, item.suffix)).collect();
            assert_eq!(found, expected, "{cases:?}");
        }
        // Named segments and objects have a suffix of their own.
        let of = |case: &str, suffix: &str| Item {
            case: case.into(),
            suffix: suffix.into(),
            is_label: !suffix.is_empty(),
            ..Item::default()
        };
        let mut items = [of("p1", ""), of("p1", "-labels"), of("p1", "-labels-2")];
        number(&mut items);
        let found = items.map(|item| format!("{}{}", item.case, item.suffix));
        assert_eq!(found, ["case-0001", "case-0001-labels", "case-0001-labels-2"]);
    }
}
