//! Opens a DICOM file: preamble, file meta group, and all elements before the pixel data.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use flate2::read::DeflateDecoder;

use super::element::{self, Header, Pixels, Wanted};
use super::kind::lacks_pixels;
use super::syntax::Syntax;
use super::{damaged, value::Values};
use crate::ReadError;

/// Bytes before the magic bytes.
const PREAMBLE: u64 = 128;
/// The magic bytes after the preamble.
const MAGIC: &[u8; 4] = b"DICM";
/// Classes of objects that always hold an image.
const IMAGE_CLASSES: [&str; 10] = [
    uids::CT_IMAGE_STORAGE,
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
    uids::MR_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_MR_IMAGE_STORAGE,
    uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
    uids::ENHANCED_PET_IMAGE_STORAGE,
    uids::SEGMENTATION_STORAGE,
    uids::LABEL_MAP_SEGMENTATION_STORAGE,
];

/// A DICOM file without its pixel data.
#[derive(Debug)]
pub(super) struct DicomFile {
    pub path: PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
    pub syntax: Syntax,
    /// Elements before the pixel data, without large and most private ones.
    pub header: InMemDicomObject,
    /// `None` for objects without an image.
    pub pixels: Option<Pixels>,
    /// Offset of the data set.
    start: u64,
}

impl DicomFile {
    /// Opens a file; `None` where it is not a DICOM file. Contours, which may be long, are skipped.
    pub fn open(path: &Path) -> Result<Option<Self>, ReadError> {
        Self::opened(path, Wanted::Description)
    }

    /// Opens a file with its contours.
    pub fn with_contours(path: &Path) -> Result<Option<Self>, ReadError> {
        Self::opened(path, Wanted::Contours)
    }

    fn opened(path: &Path, wanted: Wanted) -> Result<Option<Self>, ReadError> {
        let failed = |source| ReadError::Open { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::new(file);
        let Some(origin) = Origin::of(&mut reader).map_err(failed)? else { return Ok(None) };
        let broken = |reason: String| damaged(path, reason);
        let uid = match origin {
            Origin::Meta(at) => transfer_syntax(&mut reader, at).map_err(|error| broken(error.to_string()))?,
            Origin::DataSet { explicit: true } => uids::EXPLICIT_VR_LITTLE_ENDIAN.into(),
            Origin::DataSet { explicit: false } => uids::IMPLICIT_VR_LITTLE_ENDIAN.into(),
        };
        let start = reader.stream_position().map_err(failed)?;
        let syntax = Syntax::of(&uid).corrected(&first_element(&mut reader).map_err(failed)?);
        match header(&syntax, reader, start, bytes, wanted) {
            // Without magic bytes, a file that cannot be read as DICOM is not DICOM.
            Err(_) if matches!(origin, Origin::DataSet { .. }) => Ok(None),
            Err(reason) => Err(broken(reason)),
            Ok(Header { elements, pixels }) => {
                let opened = Self { path: path.into(), bytes, syntax, header: elements, pixels, start };
                opened.checked(matches!(origin, Origin::Meta(_)))
            }
        }
    }

    /// Refuses an image without pixel data: it was truncated.
    fn checked(self, certain: bool) -> Result<Option<Self>, ReadError> {
        let class = self.header.text(tags::SOP_CLASS_UID).unwrap_or_default();
        if !certain && class.is_empty() {
            return Ok(None);
        }
        let rows = self.header.text(tags::ROWS).is_some();
        let expected = rows && !lacks_pixels(&class);
        if self.pixels.is_none() && (expected || IMAGE_CLASSES.contains(&class.as_str())) {
            return Err(damaged(&self.path, "ends before its pixel data"));
        }
        Ok(Some(self))
    }

    /// The bytes of the data set, decompressed, from an offset on.
    pub fn stream(&self, position: u64) -> io::Result<Box<dyn Read>> {
        let mut file = File::open(&self.path)?;
        if !self.syntax.deflated {
            file.seek(SeekFrom::Start(position))?;
            return Ok(Box::new(BufReader::new(file)));
        }
        file.seek(SeekFrom::Start(self.start))?;
        let mut inflated = DeflateDecoder::new(BufReader::new(file));
        io::copy(&mut (&mut inflated).take(position), &mut io::sink())?;
        Ok(Box::new(inflated))
    }
}

/// Beginning of a file.
enum Origin {
    /// The file meta group, at an offset.
    Meta(u64),
    /// The data set itself: some archives wrote files without a header.
    DataSet { explicit: bool },
}

impl Origin {
    fn of(reader: &mut BufReader<File>) -> io::Result<Option<Self>> {
        let mut first = Vec::new();
        reader.by_ref().take(PREAMBLE + 4).read_to_end(&mut first)?;
        let at = |place: usize, expected: &[u8]| first.get(place..place + expected.len()) == Some(expected);
        let origin = if at(PREAMBLE as usize, MAGIC) {
            Some(Self::Meta(PREAMBLE + 4))
        } else if at(0, MAGIC) {
            Some(Self::Meta(4))
        } else if at(0, &[2, 0, 0, 0]) || at(0, &[2, 0, 1, 0]) || at(0, &[2, 0, 2, 0]) {
            Some(Self::Meta(0))
        } else if at(0, &[8, 0]) && at(3, &[0]) {
            let explicit = first.get(4..6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase));
            Some(Self::DataSet { explicit })
        } else {
            None
        };
        let start = if let Some(Self::Meta(at)) = origin { at } else { 0 };
        reader.seek(SeekFrom::Start(start))?;
        Ok(origin)
    }
}

/// Reads the file meta group at an offset and leaves the reader after it.
///
/// Only the transfer syntax matters. The stated length of the group is often wrong, so that elements are read one by one.
fn transfer_syntax(reader: &mut BufReader<File>, start: u64) -> io::Result<String> {
    let (mut at, mut uid) = (start, None);
    loop {
        reader.seek(SeekFrom::Start(at))?;
        let mut head = [0; 12];
        if !fill(reader, &mut head[..8])? || head[..2] != [2, 0] {
            break;
        }
        let long = [*b"OB", *b"OW", *b"UN", *b"UT", *b"SQ"].contains(&[head[4], head[5]]);
        if long && !fill(reader, &mut head[8..])? {
            break;
        }
        let [a, b, c, d] = [head[8], head[9], head[10], head[11]];
        let short = u32::from(u16::from_le_bytes([head[6], head[7]]));
        let length = if long { u32::from_le_bytes([a, b, c, d]) } else { short };
        if head[2..4] == [0x10, 0] {
            let mut value = String::new();
            // A UID has at most 64 characters.
            reader.by_ref().take(u64::from(length.min(64))).read_to_string(&mut value)?;
            uid = Some(value.trim_end_matches(['\0', ' ']).to_string());
        }
        at += u64::from(length) + if long { 12 } else { 8 };
    }
    reader.seek(SeekFrom::Start(at))?;
    Ok(uid.unwrap_or_else(|| uids::IMPLICIT_VR_LITTLE_ENDIAN.into()))
}

/// The first bytes of the next element; the reader stays before it.
fn first_element(reader: &mut BufReader<File>) -> io::Result<[u8; 6]> {
    let start = reader.stream_position()?;
    let mut head = [0; 6];
    fill(reader, &mut head)?;
    reader.seek(SeekFrom::Start(start))?;
    Ok(head)
}

/// Fills a buffer; false at the end of the file.
fn fill(reader: &mut BufReader<File>, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn header(syntax: &Syntax, reader: BufReader<File>, start: u64, bytes: u64, wanted: Wanted) -> Result<Header, String> {
    if syntax.deflated {
        let inflated = BufReader::new(DeflateDecoder::new(reader));
        return element::header(syntax, inflated, 0, None, wanted);
    }
    element::header(syntax, reader, start, Some(bytes), wanted)
}
