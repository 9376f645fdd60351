//! Values of elements as text and numbers.

use dicom_core::value::{PrimitiveValue, Value};
use dicom_core::{DataDictionary, DataElement, Tag};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;
use segspec_base::counted;

/// Access to the values of a data set; an empty value counts as missing.
pub(super) trait Values {
    /// The values as one text, without padding.
    fn text(&self, tag: Tag) -> Option<String>;

    /// The values as numbers.
    ///
    /// # Errors
    /// The element's name and value where one is not a finite number.
    fn numbers(&self, tag: Tag) -> Result<Option<Vec<f64>>, String>;

    /// The items of a sequence; empty where it is missing.
    fn items(&self, tag: Tag) -> &[InMemDicomObject];

    /// The first value as a number.
    ///
    /// # Errors
    /// As [`Values::numbers`].
    fn number(&self, tag: Tag) -> Result<Option<f64>, String> {
        Ok(self.numbers(tag)?.and_then(|numbers| numbers.first().copied()))
    }

    /// The first value as a count.
    ///
    /// # Errors
    /// The element's name and value where it is not a whole number of at least 0.
    fn count(&self, tag: Tag) -> Result<Option<usize>, String> {
        let Some(number) = self.number(tag)? else { return Ok(None) };
        if number.fract() != 0.0 || !(0.0..=4_294_967_295.0).contains(&number) {
            return Err(format!("{} is {number}, which is not a count", name(tag)));
        }
        Ok(Some(number as usize))
    }

    /// As [`Values::count`], for required elements.
    ///
    /// # Errors
    /// Also where the element is missing.
    fn required_count(&self, tag: Tag) -> Result<usize, String> {
        self.count(tag)?.ok_or_else(|| format!("{} is missing", name(tag)))
    }

    /// A fixed number of values.
    ///
    /// # Errors
    /// The element's name and value where there are too few or they are not numbers.
    fn vector<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>, String> {
        let Some(numbers) = self.numbers(tag)? else { return Ok(None) };
        let vector = <[f64; N]>::try_from(numbers.as_slice());
        vector.map(Some).map_err(|_| format!("{} has {}, expected {N}", name(tag), counted(numbers.len(), "value")))
    }
}

impl Values for InMemDicomObject {
    fn text(&self, tag: Tag) -> Option<String> {
        self.get(tag).and_then(text_of)
    }

    fn numbers(&self, tag: Tag) -> Result<Option<Vec<f64>>, String> {
        self.get(tag).map_or(Ok(None), numbers_of)
    }

    fn items(&self, tag: Tag) -> &[InMemDicomObject] {
        self.get(tag).and_then(DataElement::items).unwrap_or_default()
    }
}

/// The values of an element as one text, without padding; `None` where there are none.
pub(super) fn text_of(element: &DataElement<InMemDicomObject>) -> Option<String> {
    let Value::Primitive(value) = element.value() else { return None };
    let text = match value {
        // An element without a known type: implicit files, and private elements.
        PrimitiveValue::U8(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_str().into_owned(),
    };
    let text = text.split('\\').map(trimmed).collect::<Vec<_>>().join("\\");
    (!text.is_empty()).then_some(text)
}

/// The values of an element as finite numbers.
pub(super) fn numbers_of(element: &DataElement<InMemDicomObject>) -> Result<Option<Vec<f64>>, String> {
    let Value::Primitive(value) = element.value() else { return Ok(None) };
    let wrong = |text: &str| format!("{} is `{text}`, which is not a number", name(element.header().tag));
    let numbers = match value {
        PrimitiveValue::Str(_) | PrimitiveValue::Strs(_) | PrimitiveValue::U8(_) => {
            let Some(text) = text_of(element) else { return Ok(None) };
            let parts = text.split('\\').map(|part| part.parse().map_err(|_| wrong(part)));
            parts.collect::<Result<Vec<f64>, _>>()?
        }
        PrimitiveValue::Empty => return Ok(None),
        other => other.to_multi_float64().map_err(|_| wrong(&other.to_str()))?,
    };
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(number) => Err(wrong(&number.to_string())),
        None => Ok(Some(numbers)),
    }
}

fn trimmed(part: &str) -> &str {
    part.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace())
}

/// The keyword of an element, as in the standard.
pub(super) fn name(tag: Tag) -> String {
    StandardDataDictionary.by_tag(tag).map_or_else(|| tag.to_string(), |entry| entry.alias.to_string())
}
