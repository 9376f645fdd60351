//! Label values of segments. DICOM numbers segments from 1 without a gap, so that a segment of another value states it beside its number.

use std::collections::BTreeSet;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::Segment;
use crate::dicom::value::Values;

/// The program whose objects state values.
pub(super) const MANUFACTURER: &str = "segspec";
/// Beginning of the SegmentDescription of a segment that states its value.
const STATED: &str = "label value ";
/// Beginning of the name of a value that nobody named.
const UNNAMED: &str = "label ";
/// Most values in a message.
const SHOWN: usize = 5;

/// The value that a text states: what follows its beginning is a number.
fn value_of(text: &str, beginning: &str) -> Option<u16> {
    text.strip_prefix(beginning)?.parse().ok().filter(|value| *value != 0)
}

/// Each segment with its number in the object.
fn numbered(segments: &[Segment]) -> impl Iterator<Item = (usize, &Segment)> {
    (1..).zip(segments)
}

/// The descriptions that state the values of segments; `None` where these are the numbers and no name says otherwise.
pub(super) fn descriptions(segments: &[Segment]) -> Option<Vec<String>> {
    let differs = |(number, segment): (usize, &Segment)| {
        usize::from(segment.value) != number
            || value_of(&segment.name, UNNAMED).is_some_and(|value| usize::from(value) != number)
    };
    let stated = segments.iter().map(|segment| format!("{STATED}{}", segment.value));
    numbered(segments).any(differs).then(|| stated.collect())
}

/// A remark on segments whose numbers in an object are not their values.
pub fn renumbered(segments: &[Segment]) -> Option<String> {
    let other: Vec<String> = numbered(segments)
        .filter(|(number, segment)| usize::from(segment.value) != *number)
        .map(|(number, segment)| format!("value {} is segment {number}", segment.value))
        .collect();
    let more = if other.len() > SHOWN { format!(", … ({} in all)", other.len()) } else { String::new() };
    (!other.is_empty()).then(|| {
        format!(
            "DICOM numbers segments from 1: {}{more}; each segment states its value, which segspec reads back, other programs show its number",
            other[..other.len().min(SHOWN)].join(", ")
        )
    })
}

/// Gives segments, which have their numbers, the values that this program's object states: all of them or none.
pub(super) fn restore(header: &InMemDicomObject, segments: &mut [Segment]) {
    if header.text(tags::MANUFACTURER).as_deref() != Some(MANUFACTURER) {
        return;
    }
    let items = header.items(tags::SEGMENT_SEQUENCE);
    let stated = |segment: &Segment| {
        let is_own = |item: &&InMemDicomObject| {
            item.count(tags::SEGMENT_NUMBER).ok().flatten() == Some(usize::from(segment.value))
        };
        let description = items.iter().find(is_own)?.text(tags::SEGMENT_DESCRIPTION);
        description.and_then(|text| value_of(&text, STATED)).or_else(|| value_of(&segment.name, UNNAMED))
    };
    let Some(values) = segments.iter().map(stated).collect::<Option<Vec<u16>>>() else { return };
    if values.iter().collect::<BTreeSet<_>>().len() == values.len() {
        segments.iter_mut().zip(values).for_each(|(segment, value)| segment.value = value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::write::build::DataSet;

    fn segment((name, value): (&str, u16)) -> Segment {
        Segment { name: name.into(), value, color: None }
    }

    /// Names and values of segments, and whether their values are stated beside the numbers.
    #[test]
    fn values_other_than_the_numbers_are_stated() {
        for (segments, stated) in [
            (&[("liver", 1), ("spleen", 2)][..], false),
            (&[("label 1", 1), ("label 2", 2)], false),
            (&[("liver", 1), ("spleen", 4)], true),
            (&[("label 5", 5)], true),
            (&[("label 2", 1), ("label 1", 2)], true),
        ] {
            let segments: Vec<Segment> = segments.iter().copied().map(segment).collect();
            assert_eq!(descriptions(&segments).is_some(), stated, "{segments:?}");
            let differs = (1..).zip(&segments).any(|(number, segment)| segment.value != number);
            assert_eq!(renumbered(&segments).is_some(), differs, "{segments:?}");
        }
        let many: Vec<Segment> = (2..40).map(|value| segment(("a", value))).collect();
        let note = renumbered(&many).unwrap();
        assert!(note.contains("value 2 is segment 1,") && note.contains("(38 in all)"), "{note}");
    }

    /// Manufacturer, names and descriptions of an object, and the values that are read.
    #[test]
    fn values_are_read_where_every_segment_of_an_own_object_states_one() {
        type Row = (&'static str, [(&'static str, &'static str); 2], [u16; 2]);
        let rows: [Row; 7] = [
            ("segspec", [("liver", "label value 5"), ("spleen", "label value 9")], [5, 9]),
            // Written before values were stated.
            ("segspec", [("label 5", ""), ("label 9", "")], [5, 9]),
            ("segspec", [("label 5", "label value 2"), ("label 9", "label value 1")], [2, 1]),
            ("segspec", [("liver", "label value 5"), ("spleen", "")], [1, 2]),
            ("segspec", [("liver", "label value 5"), ("spleen", "label value 5")], [1, 2]),
            ("segspec", [("liver", "label value 0"), ("spleen", "label value 70000")], [1, 2]),
            ("another", [("label 5", "label value 5"), ("label 9", "label value 9")], [1, 2]),
        ];
        for (manufacturer, described, expected) in rows {
            let item = |(number, (name, text)): (u16, &(&str, &str))| {
                let set = DataSet::default().words(tags::SEGMENT_NUMBER, &[number]).text(tags::SEGMENT_LABEL, name);
                if text.is_empty() { set } else { set.text(tags::SEGMENT_DESCRIPTION, text) }
            };
            let items = (1..).zip(&described).map(item).collect();
            let header = DataSet::default().text(tags::MANUFACTURER, manufacturer).items(tags::SEGMENT_SEQUENCE, items);
            let mut segments = [segment((described[0].0, 1)), segment((described[1].0, 2))];
            restore(&header.object(), &mut segments);
            assert_eq!(segments.map(|segment| segment.value), expected, "{manufacturer} {described:?}");
        }
    }
}
