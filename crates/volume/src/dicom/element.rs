//! Reads the elements of a data set up to the pixel data.
//!
//! Headers and values are decoded by `dicom-parser`, but not by its readers of whole data sets: the eager one allocates whatever length
//! a header states, and the lazy one forgets that an element of undefined length was of unknown type. Such an element holds implicit
//! elements in an explicit file (PS3.5 6.2.2).

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use dicom_core::header::{DataElementHeader, HasLength, Header as _, Length, SequenceItemHeader};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_parser::stateful::decode::{DynStatefulDecoder, StatefulDecode};

use super::syntax::{Encoding, Syntax};

/// Longest value that is kept, in bytes. Functional groups are sequences; no single value that matters is as long.
const LONGEST_VALUE: u32 = 1 << 20;
/// Longest list of the points of one contour, in bytes: a million points.
const LONGEST_CONTOUR: u32 = 1 << 25;
/// Longest value of a private element that is kept: b-values are short.
const LONGEST_PRIVATE: u32 = 64;
/// Deepest accepted nesting of sequences; the standard's own objects stay below 10.
const DEEPEST: usize = 24;

/// Ends an item of undefined length; not in the dictionary.
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);

type Element = DataElement<InMemDicomObject>;

/// Elements before the pixel data, and the position of the pixel data.
pub(super) struct Header {
    pub elements: InMemDicomObject,
    pub pixels: Option<Pixels>,
}

/// Position of a file's pixel data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub tag: Tag,
    /// Offset of the first byte after the element's header.
    pub start: u64,
    /// Length in bytes; `None` where the frames lie in fragments.
    pub length: Option<u32>,
}

/// Which elements are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All but the contours of a structure set.
    Description,
    /// The contours, too.
    Contours,
}

/// Reads a stream that begins at `start` up to its pixel data; `end` is the offset after its last byte, if known.
///
/// # Errors
/// What is wrong with the data set.
pub(super) fn header<R: BufRead>(
    syntax: &Syntax,
    stream: R,
    start: u64,
    end: Option<u64>,
    wanted: Wanted,
) -> Result<Header, String> {
    let source = Source(Rc::new(RefCell::new(Counted { stream, position: start })));
    let decoder = |encoding: Encoding| {
        let decoder = DynStatefulDecoder::new_with_ts(source.clone(), &encoding.entry(), start);
        decoder.map_err(|error| error.to_string())
    };
    let decoders = [decoder(syntax.encoding)?, decoder(Encoding::ImplicitLittle)?];
    let mut walk = Walk { source, decoders, end, pixels: None, wanted };
    let elements = walk.elements(None, 0, Typed::Stated)?;
    Ok(Header { elements: InMemDicomObject::from_element_iter(elements), pixels: walk.pixels })
}

/// A stream that both decoders read from, with its position.
struct Counted<R> {
    stream: R,
    position: u64,
}

struct Source<R>(Rc<RefCell<Counted<R>>>);

impl<R> Clone for Source<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut counted = self.0.borrow_mut();
        let count = counted.stream.read(buffer)?;
        counted.position += count as u64;
        Ok(count)
    }
}

/// Which decoder reads an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    /// That of the transfer syntax.
    Stated = 0,
    /// Implicit little endian, inside an element of unknown type.
    Implicit = 1,
}

struct Walk<R: BufRead> {
    source: Source<R>,
    decoders: [DynStatefulDecoder<Source<R>>; 2],
    end: Option<u64>,
    pixels: Option<Pixels>,
    wanted: Wanted,
}

impl<R: BufRead> Walk<R> {
    fn position(&self) -> u64 {
        self.source.0.borrow().position
    }

    fn is_exhausted(&self) -> Result<bool, String> {
        let mut counted = self.source.0.borrow_mut();
        counted.stream.fill_buf().map(<[u8]>::is_empty).map_err(|error| error.to_string())
    }

    /// Reads the elements of an item, or of the whole data set up to its pixel data.
    fn elements(&mut self, length: Option<u32>, depth: usize, typed: Typed) -> Result<Vec<Element>, String> {
        let end = length.map(|length| self.position() + u64::from(length));
        let mut elements = Vec::new();
        while !self.is_at(end)? {
            if depth == 0 && self.is_exhausted()? {
                break;
            }
            let header = self.decoders[typed as usize].decode_header();
            let header = header.map_err(|error| format!("no element at byte {}: {error}", self.position()))?;
            let tag = header.tag();
            if tag == ITEM_END && depth > 0 {
                break;
            }
            if depth == 0 && (is_pixels(tag) || tag > tags::PIXEL_DATA) {
                let place = Pixels { tag, start: self.position(), length: header.length().get() };
                self.pixels = is_pixels(tag).then_some(place);
                break;
            }
            elements.extend(self.element(&header, depth, typed)?);
        }
        Ok(elements)
    }

    /// Reads or skips the value after a header.
    fn element(&mut self, header: &DataElementHeader, depth: usize, typed: Typed) -> Result<Option<Element>, String> {
        let (tag, length) = (header.tag(), header.length().get());
        let unwanted = tag == tags::ROI_CONTOUR_SEQUENCE && self.wanted == Wanted::Description;
        if let Some(bytes) = length.filter(|_| unwanted) {
            self.check_length(tag, bytes)?;
            return self.skip(bytes).map(|()| None);
        }
        let Some(bytes) = length.filter(|_| header.vr() != VR::SQ) else {
            if is_pixels(tag) {
                return self.skip_fragments().map(|()| None);
            }
            let typed = if header.vr() == VR::UN { Typed::Implicit } else { typed };
            let items = DataSetSequence::new(self.items(length, depth + 1, typed)?, Length::UNDEFINED);
            let element = DataElement::new_with_len(tag, VR::SQ, Length::UNDEFINED, items);
            return Ok((!is_private(tag) && !unwanted).then_some(element));
        };
        self.check_length(tag, bytes)?;
        let longest = match tag {
            tags::CONTOUR_DATA => LONGEST_CONTOUR,
            _ if is_private(tag) => LONGEST_PRIVATE,
            _ => LONGEST_VALUE,
        };
        if bytes > longest || is_pixels(tag) {
            return self.skip(bytes).map(|()| None);
        }
        let value = self.decoders[typed as usize].read_value_preserved(header);
        let value = value.map_err(|error| format!("the element {tag}: {error}"))?;
        Ok(Some(DataElement::new(tag, header.vr(), value)))
    }

    /// Reads the items of a sequence.
    fn items(&mut self, length: Option<u32>, depth: usize, typed: Typed) -> Result<Vec<InMemDicomObject>, String> {
        if depth > DEEPEST {
            return Err(format!("sequences are nested deeper than {DEEPEST}"));
        }
        let end = length.map(|length| self.position() + u64::from(length));
        let mut items = Vec::new();
        while !self.is_at(end)? {
            match self.item_header(typed)? {
                SequenceItemHeader::Item { len } => {
                    let elements = self.elements(len.get(), depth, typed)?;
                    items.push(InMemDicomObject::from_element_iter(elements));
                }
                SequenceItemHeader::SequenceDelimiter => break,
                SequenceItemHeader::ItemDelimiter => return Err("an item ends that never began".into()),
            }
        }
        Ok(items)
    }

    /// Skips the fragments of an icon.
    fn skip_fragments(&mut self) -> Result<(), String> {
        while let SequenceItemHeader::Item { len } = self.item_header(Typed::Stated)? {
            let bytes = len.get().ok_or("a fragment has no length")?;
            self.check_length(tags::PIXEL_DATA, bytes)?;
            self.skip(bytes)?;
        }
        Ok(())
    }

    fn item_header(&mut self, typed: Typed) -> Result<SequenceItemHeader, String> {
        let header = self.decoders[typed as usize].decode_item_header();
        header.map_err(|error| format!("no item at byte {}: {error}", self.position()))
    }

    /// Whether a sequence or item of known length has ended.
    fn is_at(&self, end: Option<u64>) -> Result<bool, String> {
        match end {
            Some(end) if self.position() > end => Err("a sequence and its items differ in length".into()),
            Some(end) => Ok(self.position() == end),
            None => Ok(false),
        }
    }

    fn check_length(&self, tag: Tag, bytes: u32) -> Result<(), String> {
        match self.end {
            Some(end) if self.position() + u64::from(bytes) > end => {
                Err(format!("the element {tag} claims {bytes} bytes, more than the file holds"))
            }
            _ => Ok(()),
        }
    }

    fn skip(&mut self, bytes: u32) -> Result<(), String> {
        let skipped = io::copy(&mut (&mut self.source).take(u64::from(bytes)), &mut io::sink());
        let skipped = skipped.map_err(|error| error.to_string())?;
        if skipped < u64::from(bytes) { Err("ends inside an element".into()) } else { Ok(()) }
    }
}

fn is_pixels(tag: Tag) -> bool {
    [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA].contains(&tag)
}

fn is_private(tag: Tag) -> bool {
    tag.group() % 2 == 1
}
