//! The NIfTI header, checked before memory for the voxels is allocated.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::raw::Raw;
use super::{affine, pair};
use crate::stored::{Content, GZIP_EXPANSION, Layout, NumberType, Wrong, content, damaged, unsupported};
use crate::{Geometry, ReadError};

/// The header of an image, read without the voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The grid.
    pub geometry: Geometry,
    /// Channels: the fourth (or fifth) dimension, or the colours of a voxel.
    pub channels: usize,
    /// Type of the stored values: `"int16"`, `"float32"`, …
    pub value_type: &'static str,
    /// False where the header states only voxel sizes, so that left and right are guessed as in nibabel.
    pub oriented: bool,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Reads geometry, channels and value type of a `.nii`, `.nii.gz`, `.hdr` or `.img` file, not the voxels.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    Ok(Source::open(path)?.header)
}

/// The grid of a file's qform, if its header also states an sform, which is used, and the two differ.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn second_grid(path: &Path) -> Result<Option<Geometry>, ReadError> {
    Ok(Source::open(path)?.second)
}

/// An opened file with a valid header.
pub(super) struct Source {
    pub header: Header,
    /// The grid of the transform that is not used, if it differs.
    pub second: Option<Geometry>,
    pub raw: Raw,
    pub number: NumberType,
    pub layout: Layout,
    /// Slope and intercept.
    pub scale: Option<(f64, f64)>,
    /// The file with the voxels.
    pub path: PathBuf,
    /// Bytes of that file, uncompressed, before the voxels.
    pub offset: usize,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let header_path = pair::header_of(path)?;
        let stored = Stored::open(&header_path)?;
        let mut largest = stored.largest();
        let raw = Raw::read(&header_path, &mut stored.stream())?;
        let mut path = header_path.clone();
        if raw.pair {
            path = pair::image_of(&header_path)?;
            largest = Stored::open(&path)?.largest();
        }
        let offset = offset(&raw).map_err(|wrong| wrong.at(&header_path))?;
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
        let (oriented, warnings) = (placement.oriented, placement.warning.into_iter().collect());
        let header = Header { geometry, channels: layout.channels, value_type, oriented, warnings };
        Ok(Self { header, second: placement.second, raw, number: value.number, layout, scale, path, offset })
    }

    /// The file's bytes up to the end of the voxels. The voxels are `length` bytes in the file and `decoded` bytes in memory.
    pub(super) fn content(&self, length: usize, decoded: usize) -> io::Result<Content> {
        let Stored { file, bytes, compressed } = Stored::open(&self.path).map_err(io::Error::other)?;
        content(file, compressed, bytes, [(self.offset + length) as u64, decoded as u64])
    }
}

/// A file on disk.
struct Stored {
    file: BufReader<File>,
    bytes: u64,
    compressed: bool,
}

impl Stored {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let open_error = |source| ReadError::Open { path: path.into(), source };
        let file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(unsupported(path, "is a folder, expected a .nii or .nii.gz file"));
        }
        let mut file = BufReader::with_capacity(1 << 16, file);
        let compressed = file.fill_buf().map_err(open_error)?.starts_with(&[0x1f, 0x8b]);
        Ok(Self { file, bytes: metadata.len(), compressed })
    }

    /// Most bytes that it can hold, uncompressed.
    fn largest(&self) -> u64 {
        if self.compressed { self.bytes.saturating_mul(GZIP_EXPANSION) } else { self.bytes }
    }

    /// Its content, uncompressed.
    fn stream(self) -> Box<dyn Read> {
        if self.compressed { Box::new(MultiGzDecoder::new(self.file)) } else { Box::new(self.file) }
    }
}

/// Where the voxels begin.
fn offset(raw: &Raw) -> Result<usize, Wrong> {
    if !raw.vox_offset.is_finite() || raw.vox_offset < 0.0 {
        return Err(Wrong::Damaged(format!("its header puts the voxels at byte {}", raw.vox_offset)));
    }
    // Larger than any file, but small enough that adding the size of the voxels does not overflow.
    let offset = raw.vox_offset.min(1e15) as usize;
    // Four bytes say whether extensions follow; voxels begin behind them at the earliest.
    Ok(if raw.pair { offset } else { offset.max(raw.header_bytes + 4) })
}

/// The samples of one voxel.
struct Value {
    number: NumberType,
    /// More than 1 for colours, which are interleaved.
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

/// Shape and channels. A 2D image has depth 1, a 1D image also height 1.
fn layout(raw: &Raw, samples: usize) -> Result<Layout, Wrong> {
    let rank = raw.dim[0];
    let stated = usize::try_from(rank).ok().filter(|&rank| rank > 0).and_then(|rank| raw.dim.get(1..=rank));
    let Some(stated) = stated else { return Err(Wrong::Damaged(format!("its header claims {rank} dimensions"))) };
    let counts: Vec<usize> = stated.iter().filter_map(|&count| usize::try_from(count).ok()).collect();
    if let Some(wrong) = stated.iter().position(|&count| count <= 0) {
        return Err(Wrong::Damaged(format!("dimension {} of its header is {}", wrong + 1, stated[wrong])));
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
