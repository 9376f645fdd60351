//! The NIfTI header: checked before anything is allocated for the voxels.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::raw::Raw;
use super::{affine, pair};
use crate::volume::stored::{GZIP_EXPANSION, Layout, NumberType, Wrong, damaged, unsupported};
use crate::volume::{Geometry, ReadError};

/// What a file says about its image, read without the voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The grid.
    pub geometry: Geometry,
    /// Channels: the fourth (or fifth) dimension, or the colours of a voxel.
    pub channels: usize,
    /// Type of the stored values: `"int16"`, `"float32"`, …
    pub value_type: &'static str,
    /// False where the header states voxel sizes alone, so that left and right are a guess (nibabel's).
    pub oriented: bool,
}

/// Reads geometry, channels and value type of a `.nii`, `.nii.gz`, `.hdr` or `.img` file, not the voxels.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    Ok(Source::open(path)?.header)
}

/// An opened file whose header has been read and found sound.
pub(super) struct Source {
    pub header: Header,
    pub raw: Raw,
    pub number: NumberType,
    pub layout: Layout,
    /// Slope and intercept.
    pub scale: Option<(f64, f64)>,
    /// The file with the voxels.
    pub path: PathBuf,
    /// Stands behind the header, or at the beginning of an `.img` file.
    pub reader: Box<dyn Read>,
    /// Bytes of `reader` before the voxels.
    pub skip: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let header_path = pair::header_of(path)?;
        let (mut reader, mut largest) = open_stream(&header_path)?;
        let raw = Raw::read(&header_path, &mut reader)?;
        let mut path = header_path.clone();
        if raw.pair {
            path = pair::image_of(&header_path)?;
            (reader, largest) = open_stream(&path)?;
        }
        let skip = skip(&raw).map_err(|wrong| wrong.at(&header_path))?;
        let value = value_type(&raw).map_err(|wrong| wrong.at(&header_path))?;
        let layout = layout(&raw, value.samples).map_err(|wrong| wrong.at(&header_path))?;
        let bytes = layout.count().and_then(|count| count.checked_mul(value.number.bytes()));
        if bytes.is_none_or(|bytes| bytes as u64 > largest) {
            let (channels, shape) = (layout.channels, layout.shape);
            let text = format!("its header claims {channels} × {shape:?} voxels, more than the file can hold");
            return Err(damaged(&path, text));
        }
        let placement = affine::placement(&raw, layout.shape).map_err(|reason| damaged(&header_path, reason))?;
        let scale =
            if value.samples > 1 { None } else { scale(&raw).map_err(|reason| damaged(&header_path, reason))? };
        let geometry = Geometry { shape: layout.shape, affine: placement.affine, has_spacing: placement.has_spacing };
        let value_type = value.number.name();
        let header = Header { geometry, channels: layout.channels, value_type, oriented: placement.oriented };
        Ok(Self { header, raw, number: value.number, layout, scale, path, reader, skip })
    }
}

/// A file's content, uncompressed, and the most bytes that it can hold.
fn open_stream(path: &Path) -> Result<(Box<dyn Read>, u64), ReadError> {
    let open_error = |source| ReadError::Open { path: path.into(), source };
    let file = File::open(path).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    if metadata.is_dir() {
        return Err(unsupported(path, "is a folder, expected a .nii or .nii.gz file"));
    }
    let mut buffered = BufReader::with_capacity(1 << 16, file);
    if buffered.fill_buf().map_err(open_error)?.starts_with(&[0x1f, 0x8b]) {
        return Ok((Box::new(MultiGzDecoder::new(buffered)), metadata.len().saturating_mul(GZIP_EXPANSION)));
    }
    Ok((Box::new(buffered), metadata.len()))
}

/// Where the voxels begin, behind what has been read.
fn skip(raw: &Raw) -> Result<u64, Wrong> {
    if !raw.vox_offset.is_finite() || raw.vox_offset < 0.0 {
        return Err(Wrong::Damaged(format!("its header puts the voxels at byte {}", raw.vox_offset)));
    }
    let offset = raw.vox_offset as u64;
    if raw.pair {
        return Ok(offset);
    }
    // Four bytes say whether extensions follow; voxels begin behind them at the earliest.
    let header_bytes = raw.header_bytes as u64;
    Ok(offset.max(header_bytes + 4) - header_bytes)
}

/// The numbers of one voxel.
struct Value {
    number: NumberType,
    /// More than 1 for colours, which lie side by side.
    samples: usize,
}

/// Codes of `nifti1.h`.
fn value_type(raw: &Raw) -> Result<Value, Wrong> {
    let refuse = |what: &str, remedy: &str| Err(Wrong::Unsupported(format!("holds {what} values; {remedy}")));
    let one = |number| Ok(Value { number, samples: 1 });
    match raw.datatype {
        2 => one(NumberType::Uint8),
        4 => one(NumberType::Int16),
        8 => one(NumberType::Int32),
        16 => one(NumberType::Float32),
        64 => one(NumberType::Float64),
        256 => one(NumberType::Int8),
        512 => one(NumberType::Uint16),
        768 => one(NumberType::Uint32),
        1024 => one(NumberType::Int64),
        1280 => one(NumberType::Uint64),
        128 => Ok(Value { number: NumberType::Uint8, samples: 3 }),
        2304 => Ok(Value { number: NumberType::Uint8, samples: 4 }),
        1 => refuse("1-bit", "save them as uint8"),
        32 | 1792 | 2048 => refuse("complex", "save the magnitude as float32"),
        1536 => refuse("128-bit float", "save them as float64"),
        other => Err(Wrong::Damaged(format!("its header names the unknown value type {other}"))),
    }
}

/// Shape and channels. A 2D image has depth 1.
fn layout(raw: &Raw, samples: usize) -> Result<Layout, Wrong> {
    let rank = raw.dim[0];
    let stated = usize::try_from(rank).ok().filter(|&rank| rank > 0).and_then(|rank| raw.dim.get(1..=rank));
    let Some(stated) = stated else { return Err(Wrong::Damaged(format!("its header claims {rank} dimensions"))) };
    let counts: Vec<usize> = stated.iter().filter_map(|&count| usize::try_from(count).ok()).collect();
    if let Some(wrong) = stated.iter().position(|&count| count <= 0) {
        return Err(Wrong::Damaged(format!("dimension {} of its header is {}", wrong + 1, stated[wrong])));
    }
    if rank == 1 {
        return Err(Wrong::Unsupported("has one dimension; expected an image of two or three".into()));
    }
    let count = |axis: usize| counts.get(axis).copied().unwrap_or(1);
    let outer: Vec<usize> = (3..7).map(count).filter(|&count| count > 1).collect();
    let shape = [count(2), count(1), count(0)];
    match (samples, outer.as_slice()) {
        (1, []) => Ok(Layout::planar(shape, 1)),
        (1, [channels]) => Ok(Layout::planar(shape, *channels)),
        (samples, []) => Ok(Layout { shape, channels: samples, slower: 3 }),
        _ => {
            let what = if samples == 1 { "more than one dimension" } else { "colours and a dimension" };
            let text = format!("has the shape {stated:?}: {what} beside x, y, z; keep one, as channels");
            Err(Wrong::Unsupported(text))
        }
    }
}

/// nibabel's rule: a slope of 0 or NaN means that stored values are the values.
fn scale(raw: &Raw) -> Result<Option<(f64, f64)>, String> {
    let (slope, intercept) = (raw.slope, raw.intercept);
    if slope == 0.0 || !slope.is_finite() || (slope == 1.0 && intercept == 0.0) {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err(format!("its header has the slope {slope} but the intercept {intercept}"));
    }
    Ok(Some((slope, intercept)))
}
