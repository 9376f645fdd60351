//! What a DICOM file says of itself, as far as an archive is concerned: its mark, and which object of which series it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::volume::dicom;

/// Bytes before the mark of a DICOM file.
const PREAMBLE: usize = 128;
/// The mark.
const MARK: &[u8; 4] = b"DICM";
/// Bytes of a file that are looked at: SOPInstanceUID is among the first elements.
const BEGINNING: u64 = 64 << 10;
/// Group and element of MediaStorageSOPInstanceUID and of SOPInstanceUID.
const INSTANCES: [[u16; 2]; 2] = [[0x0002, 0x0003], [0x0008, 0x0018]];
/// Types whose length has four bytes (PS3.5, table 7.1-1).
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// Whether a file has the mark of DICOM behind its preamble.
///
/// # Errors
/// The file cannot be read.
pub(super) fn is_dicom(path: &Path) -> io::Result<bool> {
    let mut start = [0; PREAMBLE + MARK.len()];
    let mut file = File::open(path)?;
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start.ends_with(MARK)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The SOPInstanceUID of a DICOM file, first as its data set has it, then as its header has it: programs that change the one forget the
/// other. None where the file states none.
///
/// # Errors
/// The file cannot be read.
pub(super) fn instances(path: &Path) -> io::Result<Vec<String>> {
    let mut beginning = Vec::new();
    File::open(path)?.take(BEGINNING).read_to_end(&mut beginning)?;
    let mut rest = beginning.get(PREAMBLE + MARK.len()..).unwrap_or_default();
    let mut found = Vec::new();
    let mut last = [0, 0];
    while let Some((tag, value, after)) = element(rest) {
        // The data set is in another encoding, or what was looked for would have come by now.
        if tag < last || tag > INSTANCES[1] {
            break;
        }
        if INSTANCES.contains(&tag) {
            let text = String::from_utf8_lossy(value);
            found.push(text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace()).to_owned());
        }
        (last, rest) = (tag, after);
    }
    found.retain(|uid| !uid.is_empty());
    found.reverse();
    Ok(found)
}

/// The first element: its tag, its value, and what follows it. Little endian, with types or without.
fn element(bytes: &[u8]) -> Option<([u16; 2], &[u8], &[u8])> {
    let two = |at: usize| bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map(u16::from_le_bytes);
    let four = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    let tag = [two(0)?, two(2)?];
    let kind = bytes.get(4..6)?;
    let (head, length) = if !kind.iter().all(u8::is_ascii_uppercase) {
        (8_usize, four(4)? as usize)
    } else if LONG.iter().any(|long| long.as_slice() == kind) {
        (12, four(8)? as usize)
    } else {
        (8, usize::from(two(6)?))
    };
    let end = head.checked_add(length)?;
    Some((tag, bytes.get(head..end)?, bytes.get(end..)?))
}

/// Why an object is not of the series that was asked for. None where it is, and for an object that cannot be read: it becomes no part of
/// an image, and whoever reads the series is told of it.
pub(super) fn foreign(path: &Path, [study, series]: [&str; 2]) -> Option<String> {
    let found = dicom::identity(path).ok().flatten()?;
    if found.study == study && found.series == series {
        return None;
    }
    if found.study.is_empty() || found.series.is_empty() {
        return Some("does not state its study and series".into());
    }
    Some(format!("is of series {} of study {}, not of what was asked for", found.series, found.study))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An element with its type, little endian.
    fn written([group, number]: [u16; 2], kind: &str, value: &str) -> Vec<u8> {
        let mut value = value.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        let length = u16::try_from(value.len()).unwrap();
        let head = [group.to_le_bytes(), number.to_le_bytes()].concat();
        [head, kind.as_bytes().to_vec(), length.to_le_bytes().to_vec(), value].concat()
    }

    /// A DICOM object without an image: study, series and SOP instance.
    pub fn object([study, series, instance]: [&str; 3]) -> Vec<u8> {
        let elements = [
            written([0x0002, 0x0010], "UI", "1.2.840.10008.1.2.1"),
            written([0x0008, 0x0018], "UI", instance),
            written([0x0020, 0x000d], "UI", study),
            written([0x0020, 0x000e], "UI", series),
        ];
        [vec![0; PREAMBLE], MARK.to_vec(), elements.concat()].concat()
    }

    fn instances_of(bytes: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        std::fs::write(&path, bytes).unwrap();
        instances(&path).unwrap()
    }

    #[test]
    fn the_uid_of_an_object_is_read_from_data_set_and_header() {
        let start = [vec![0; PREAMBLE], MARK.to_vec()].concat();
        let header = written([0x0002, 0x0003], "UI", "1.2.3");
        // A value whose length has four bytes comes first; the data set has no types.
        let long = [&[2_u8, 0, 1, 0][..], b"OB\0\0", &2_u32.to_le_bytes(), &[0, 1]].concat();
        let implicit = [&[8_u8, 0, 0x18, 0][..], &6_u32.to_le_bytes(), b"1.2.4\0"].concat();
        assert_eq!(instances_of(&[start.clone(), long, header.clone(), implicit].concat()), ["1.2.4", "1.2.3"]);
        assert_eq!(instances_of(&[start.clone(), header].concat()), ["1.2.3"]);
        assert_eq!(instances_of(&object(["1.2", "1.3", "1.4"])), ["1.4"]);
        // Nothing, an end within an element, a length without an end.
        let endless = [&[8_u8, 0, 6, 0][..], b"SQ\0\0", &[0xff; 4]].concat();
        for rest in [vec![], vec![8, 0, 0x18, 0, b'U', b'I', 9], endless] {
            assert!(instances_of(&[start.clone(), rest].concat()).is_empty());
        }
        assert!(instances_of(b"text").is_empty());
    }

    #[test]
    fn objects_of_other_series_are_foreign() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        let why = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            foreign(&path, ["1.2", "1.3"])
        };
        assert_eq!(why(&object(["1.2", "1.3", "1.4"])), None);
        assert!(why(&object(["1.2", "9.3", "1.4"])).unwrap().contains("is of series 9.3 of study 1.2"));
        assert!(why(&object(["9.2", "1.3", "1.4"])).unwrap().contains("of study 9.2"));
        assert!(why(&object(["1.2", "", "1.4"])).unwrap().contains("does not state"));
        assert_eq!(why(b"text"), None, "whoever reads the series is told of it");
    }
}
