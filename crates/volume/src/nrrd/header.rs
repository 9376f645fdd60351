//! The header: number type, encoding, axes, and position of the data.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use super::axes::{Axes, axes};
use super::files::Files;
use super::text::Text;
use crate::stored::{ByteOrder, NumberType, Wrong, damaged, unsupported};
use crate::{Header, ReadError};

/// Reads geometry, channels and value type of a `.nrrd` or `.nhdr` file, not the voxels.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    let source = Source::open(path)?;
    let Axes { layout, geometry, oriented, .. } = source.format.axes;
    Ok(Header {
        geometry,
        channels: layout.channels,
        value_type: source.format.number.name(),
        oriented,
        warnings: Vec::new(),
    })
}

/// Encoding of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw,
    Ascii,
    Hex,
    Gzip,
    Bzip2,
}

/// Which bytes hold the numbers, after skipped lines and decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteSkip {
    /// All after this many.
    Forward(u64),
    /// The last ones.
    ToEnd,
}

/// A parsed header.
pub(super) struct Format {
    pub number: NumberType,
    pub order: ByteOrder,
    pub encoding: Encoding,
    pub line_skip: u64,
    pub byte_skip: ByteSkip,
    pub axes: Axes,
    /// `None` where the data follow the header.
    pub files: Option<Files>,
}

/// An opened file with its header.
pub(super) struct Source {
    /// The file with the header.
    pub path: PathBuf,
    pub pairs: BTreeMap<String, String>,
    pub format: Format,
    /// Positioned after the header.
    pub file: File,
    /// That position.
    pub header_bytes: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let open_error = |source| ReadError::Open { path: path.into(), source };
        let file = File::open(path).map_err(open_error)?;
        if file.metadata().map_err(open_error)?.is_dir() {
            return Err(unsupported(path, "is a folder, expected a .nrrd or .nhdr file"));
        }
        let mut reader = BufReader::new(file);
        let text = Text::read(&mut reader).map_err(|wrong| wrong.at(path))?;
        let format = Format::of(&text).map_err(|wrong| wrong.at(path))?;
        if format.files.is_none() && !text.ended {
            return Err(damaged(path, "ends within its header, or lacks the field `data file`"));
        }
        let header_bytes = reader.stream_position().map_err(open_error)?;
        let source = Self { path: path.into(), pairs: text.pairs, format, file: reader.into_inner(), header_bytes };
        source.check_size()?;
        Ok(source)
    }
}

impl Format {
    fn of(text: &Text) -> Result<Self, Wrong> {
        let number = number_type(text.require("type")?)?;
        let encoding = encoding(text.require("encoding")?)?;
        let order = match text.get("endian").map(str::to_lowercase).as_deref() {
            Some("little") => ByteOrder::Little,
            Some("big") => ByteOrder::Big,
            Some(other) => return Err(Wrong::Damaged(format!("`endian: {other}` is neither little nor big"))),
            None if number.bytes() == 1 || encoding == Encoding::Ascii => ByteOrder::Little,
            None => return Err(Wrong::Damaged("its header has no field `endian`".into())),
        };
        let line_skip = text.get("line skip").map_or(Ok(0), str::parse);
        let line_skip =
            line_skip.map_err(|_| Wrong::Damaged("`line skip` must be a whole number of at least 0".into()))?;
        let byte_skip = match text.get("byte skip").map_or(Ok(0), str::parse::<i64>) {
            Ok(-1) => ByteSkip::ToEnd,
            Ok(count) if count >= 0 => ByteSkip::Forward(count.unsigned_abs()),
            _ => return Err(Wrong::Damaged("`byte skip` must be a whole number of at least −1".into())),
        };
        if byte_skip == ByteSkip::ToEnd && matches!(encoding, Encoding::Ascii | Encoding::Hex) {
            return Err(Wrong::Damaged("`byte skip: -1` has no meaning in a text encoding".into()));
        }
        let axes = axes(text)?;
        let files = Files::of(text, &axes.sizes)?;
        Ok(Self { number, order, encoding, line_skip, byte_skip, axes, files })
    }
}

/// Names of Teem's `nrrdType`.
fn number_type(name: &str) -> Result<NumberType, Wrong> {
    let words: Vec<&str> = name.split_whitespace().collect();
    Ok(match words.join(" ").to_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => NumberType::Int8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => NumberType::Uint8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => NumberType::Int16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => NumberType::Uint16,
        "int" | "signed int" | "int32" | "int32_t" => NumberType::Int32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => NumberType::Uint32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => NumberType::Int64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => NumberType::Uint64,
        "float" => NumberType::Float32,
        "double" => NumberType::Float64,
        "block" => return Err(Wrong::Unsupported("holds opaque blocks (`type: block`); save numbers".into())),
        _ => return Err(Wrong::Damaged(format!("its header names the unknown type `{name}`"))),
    })
}

fn encoding(name: &str) -> Result<Encoding, Wrong> {
    Ok(match name.to_lowercase().as_str() {
        "raw" => Encoding::Raw,
        "txt" | "text" | "ascii" => Encoding::Ascii,
        "hex" => Encoding::Hex,
        "gz" | "gzip" => Encoding::Gzip,
        "bz2" | "bzip2" => Encoding::Bzip2,
        _ => {
            let text = format!("has the encoding `{name}`; raw, gzip, bzip2, ascii and hex are read");
            return Err(Wrong::Unsupported(text));
        }
    })
}
