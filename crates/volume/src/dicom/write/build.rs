//! Elements of new objects.

use std::path::Path;
use std::time::{Duration, SystemTime};

use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataDictionary, DataElement, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use crate::WriteError;
use crate::files;

/// Longest decimal string (DS), in characters.
const LONGEST_DECIMAL: usize = 16;
/// Longest long string (LO), in characters.
const LONGEST_TEXT: usize = 64;
/// Implementation class UID of the program, derived from a random UUID.
const IMPLEMENTATION: &str = "2.25.201738460253718464039481265204916137";

/// A data set that is built element by element; types come from the dictionary.
#[derive(Clone, Debug, Default)]
pub(in crate::dicom) struct DataSet(Vec<DataElement<InMemDicomObject>>);

impl DataSet {
    /// A text, without reserved characters and truncated to the length that its type allows.
    pub fn text(mut self, tag: Tag, value: &str) -> Self {
        let vr = type_of(tag);
        let value = if matches!(vr, VR::LO | VR::SH | VR::PN) { plain(value, vr) } else { value.to_string() };
        self.0.push(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        self
    }

    /// Several texts of one element, as `\`-separated values.
    pub fn texts(mut self, tag: Tag, values: &[&str]) -> Self {
        self.0.push(DataElement::new(tag, type_of(tag), PrimitiveValue::from(values.join("\\"))));
        self
    }

    /// Decimal strings.
    pub fn decimals(mut self, tag: Tag, values: &[f64]) -> Self {
        let texts: Vec<String> = values.iter().map(|&value| decimal(value)).collect();
        self.0.push(DataElement::new(tag, VR::DS, PrimitiveValue::from(texts.join("\\"))));
        self
    }

    /// An integer as text (IS).
    pub fn integer(mut self, tag: Tag, value: usize) -> Self {
        self.0.push(DataElement::new(tag, VR::IS, PrimitiveValue::from(value.to_string())));
        self
    }

    /// 16-bit numbers.
    pub fn words(mut self, tag: Tag, values: &[u16]) -> Self {
        self.0.push(DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into())));
        self
    }

    /// 32-bit numbers.
    pub fn longs(mut self, tag: Tag, values: &[u32]) -> Self {
        self.0.push(DataElement::new(tag, VR::UL, PrimitiveValue::U32(values.into())));
        self
    }

    /// A reference to an element.
    pub fn tag(mut self, tag: Tag, value: Tag) -> Self {
        self.0.push(DataElement::new(tag, VR::AT, PrimitiveValue::Tags([value].as_slice().into())));
        self
    }

    /// Uncompressed pixel data of single bytes or bits.
    pub fn bytes(mut self, tag: Tag, value: Vec<u8>) -> Self {
        self.0.push(DataElement::new(tag, VR::OB, PrimitiveValue::U8(value.into())));
        self
    }

    /// Uncompressed pixel data of 16-bit words.
    pub fn pixels(mut self, value: Vec<u16>) -> Self {
        self.0.push(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(value.into())));
        self
    }

    /// A sequence.
    pub fn items(mut self, tag: Tag, items: Vec<DataSet>) -> Self {
        let items: Vec<InMemDicomObject> = items.into_iter().map(DataSet::object).collect();
        self.0.push(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    /// A sequence of one item.
    pub fn item(self, tag: Tag, item: DataSet) -> Self {
        self.items(tag, vec![item])
    }

    /// An element of another data set.
    pub fn element(mut self, element: DataElement<InMemDicomObject>) -> Self {
        self.0.push(element);
        self
    }

    pub fn object(self) -> InMemDicomObject {
        InMemDicomObject::from_element_iter(self.0)
    }

    /// Writes the data set as a file, whole or not at all.
    pub fn write(self, path: &Path, syntax: &str) -> Result<(), WriteError> {
        let failed = |reason: String| WriteError { path: path.into(), reason, environment: false };
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(syntax)
            .implementation_class_uid(IMPLEMENTATION)
            .implementation_version_name("SEGSPEC");
        let object = self.object().with_meta(meta).map_err(|error| failed(error.to_string()))?;
        let mut bytes = Vec::new();
        object.write_all(&mut bytes).map_err(|error| failed(error.to_string()))?;
        files::write_atomic(path, &bytes).map_err(|error| WriteError::io(path, &error))
    }
}

/// The dictionary's type of an element; where it allows two, text or unsigned numbers.
fn type_of(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr.relaxed())
}

/// Text without control characters and backslashes, truncated to the length that the type allows.
fn plain(value: &str, vr: VR) -> String {
    let longest = if vr == VR::SH { 16 } else { LONGEST_TEXT };
    let allowed = |letter: char| if letter == '\\' { '/' } else { letter };
    value.chars().filter(|letter| !letter.is_control()).map(allowed).take(longest).collect()
}

/// The decimal string of at most 16 characters that is nearest to a number.
pub(in crate::dicom) fn decimal(value: f64) -> String {
    let plain = format!("{value}");
    if plain.len() <= LONGEST_DECIMAL {
        return plain;
    }
    let fixed = (0..LONGEST_DECIMAL).map(|digits| format!("{value:.digits$}"));
    let scientific = (0..LONGEST_DECIMAL).map(|digits| format!("{value:.digits$e}"));
    let fitting = fixed.chain(scientific).filter(|text| text.len() <= LONGEST_DECIMAL);
    let error = |text: &String| text.parse::<f64>().map_or(f64::INFINITY, |read| (read - value).abs());
    fitting.min_by(|a, b| error(a).total_cmp(&error(b))).unwrap_or(plain)
}

/// A UID below the root for UUIDs, derived from content: the same content has the same UID.
pub(in crate::dicom) fn uid(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 DICOM UID v1");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    // Version 8 (vendor-specific) and the variant of RFC 9562.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

/// Date and time of day as DICOM writes them (DA, TM), in UTC.
pub(in crate::dicom) fn date_and_time(moment: SystemTime) -> (String, String) {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, seconds) = (since / 86_400, since % 86_400);
    // Days → civil date, counting years from March (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let date = format!("{:04}{month:02}{day:02}", year + era * 400 + late);
    (date, format!("{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

/// Transfer syntax of written files.
pub(in crate::dicom) const NATIVE: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_the_nearest_of_sixteen_characters() {
        let cases = [
            (1.0, "1"),
            (-0.810547, "-0.810547"),
            (1.0 / 3.0, "0.33333333333333"),
            (-1.0 / 3.0, "-0.3333333333333"),
            (-1.5e-11 / 7.0, "-2.142857143e-12"),
            (123_456_789.123_456_79, "123456789.123457"),
            (1e-20, "1e-20"),
        ];
        for (value, text) in cases {
            assert!(decimal(value).len() <= LONGEST_DECIMAL);
            assert_eq!(decimal(value).parse::<f64>(), text.parse::<f64>(), "{}", decimal(value));
        }
    }

    #[test]
    fn days_are_counted_through_leap_years() {
        let at = |seconds| date_and_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), ("19700101".into(), "000000".into()));
        assert_eq!(at(1_709_210_096), ("20240229".into(), "123456".into()));
        assert_eq!(at(4_107_542_399), ("21000228".into(), "235959".into()));
        assert_eq!(at(4_107_542_400), ("21000301".into(), "000000".into()));
    }

    #[test]
    fn uids_follow_from_their_parts_and_are_valid() {
        let made = uid(&[b"a", b"bc"]);
        assert_eq!(made, uid(&[b"a", b"bc"]));
        assert_ne!(made, uid(&[b"ab", b"c"]));
        assert!(made.len() <= 64 && made.starts_with("2.25.") && !made.starts_with("2.25.0"));
    }
}
