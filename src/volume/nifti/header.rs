//! The NIfTI-1 header: checked before anything is allocated for the voxels.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use nifti::{NiftiHeader, NiftiType};

use super::affine;
use crate::volume::{Geometry, ReadError};

/// Bytes of a NIfTI-1 header.
const HEADER_BYTES: usize = 348;
/// `sizeof_hdr` of NIfTI-2.
const NIFTI2_HEADER_BYTES: i32 = 540;
/// Deflate cannot expand by more than 1032:1, so a header that claims more than this is wrong.
const LARGEST_EXPANSION: u64 = 1032;

/// What a file says about its image, read without the voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The grid.
    pub geometry: Geometry,
    /// Channels: the fourth (or fifth) dimension.
    pub channels: usize,
    /// Type of the stored values: `"int16"`, `"float32"`, …
    pub value_type: &'static str,
    /// False where the header states voxel sizes alone, so that left and right are a guess (nibabel's).
    pub oriented: bool,
}

/// Reads geometry, channels and value type of a `.nii` or `.nii.gz` file, not the voxels.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    Ok(Source::open(path)?.header)
}

/// An opened file whose header has been read and found sound; `reader` stands behind the header.
pub(super) struct Source {
    pub header: Header,
    pub raw: NiftiHeader,
    pub value_type: NiftiType,
    pub voxel_bytes: usize,
    pub reader: Box<dyn Read>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let open_error = |source| ReadError::Open { path: path.into(), source };
        let file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(unsupported(path, "is a folder, expected a .nii or .nii.gz file"));
        }
        let mut buffered = BufReader::with_capacity(1 << 16, file);
        let zipped = buffered.fill_buf().map_err(open_error)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        let largest = if zipped { metadata.len().saturating_mul(LARGEST_EXPANSION) } else { metadata.len() };
        Self::read(path, reader, largest)
    }

    fn read(path: &Path, mut reader: Box<dyn Read>, largest: u64) -> Result<Self, ReadError> {
        let raw = read_raw(path, &mut reader)?;
        let value_type = value_type(&raw).map_err(|wrong| wrong.at(path))?;
        let (shape, channels) = dimensions(&raw).map_err(|wrong| wrong.at(path))?;
        let voxel_bytes = (channels * shape[0]).checked_mul(shape[1] * shape[2] * value_type.size_of());
        let voxel_bytes = voxel_bytes.filter(|&bytes| bytes as u64 <= largest).ok_or_else(|| {
            damaged(path, format!("its header claims {channels} × {shape:?} voxels, more than the file can hold"))
        })?;
        let placement = affine::placement(&raw, shape).map_err(|reason| damaged(path, reason))?;
        let geometry = Geometry { shape, affine: placement.affine, has_spacing: placement.has_spacing };
        let header = Header { geometry, channels, value_type: name(value_type), oriented: placement.oriented };
        Ok(Self { header, raw, value_type, voxel_bytes, reader })
    }
}

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Damaged { path: path.into(), reason: reason.into() }
}

pub(super) fn unsupported(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Unsupported { path: path.into(), reason: reason.into() }
}

/// What is wrong with a header, before the file's name is known.
enum Wrong {
    Damaged(String),
    Unsupported(String),
}

impl Wrong {
    fn at(self, path: &Path) -> ReadError {
        match self {
            Self::Damaged(reason) => damaged(path, reason),
            Self::Unsupported(reason) => unsupported(path, reason),
        }
    }
}

fn read_raw(path: &Path, reader: &mut dyn Read) -> Result<NiftiHeader, ReadError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    reader.take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(|error| damaged(path, error.to_string()))?;
    let size = bytes.first_chunk::<4>().map_or(0, |word| i32::from_le_bytes(*word));
    if [size, size.swap_bytes()].contains(&NIFTI2_HEADER_BYTES) {
        return Err(unsupported(path, "is NIfTI-2; save it as NIfTI-1 (nibabel: `nib.Nifti1Image.from_image`)"));
    }
    if ![size, size.swap_bytes()].contains(&(HEADER_BYTES as i32)) {
        return Err(unsupported(path, "is no NIfTI-1 file; expected .nii or .nii.gz"));
    }
    if bytes.len() < HEADER_BYTES {
        return Err(damaged(path, format!("ends after {} of {HEADER_BYTES} header bytes", bytes.len())));
    }
    if &bytes[344..348] == b"ni1\0" {
        return Err(unsupported(path, "is one half of a .hdr/.img pair; save it as one .nii.gz file"));
    }
    NiftiHeader::from_reader(bytes.as_slice()).map_err(|error| damaged(path, error.to_string()))
}

fn value_type(header: &NiftiHeader) -> Result<NiftiType, Wrong> {
    let refuse = |what: &str, remedy: &str| Err(Wrong::Unsupported(format!("holds {what} values; {remedy}")));
    match header.data_type() {
        Ok(NiftiType::Rgb24 | NiftiType::Rgba32) => {
            refuse("RGB colour", "save red, green and blue as three channels of a number type")
        }
        Ok(NiftiType::Complex64 | NiftiType::Complex128 | NiftiType::Complex256) => {
            refuse("complex", "save the magnitude as float32")
        }
        Ok(NiftiType::Float128) => refuse("128-bit float", "save them as float64"),
        Ok(known) => Ok(known),
        Err(_) if header.datatype == 1 => refuse("1-bit", "save them as uint8"),
        Err(_) => Err(Wrong::Damaged(format!("its header names the unknown value type {}", header.datatype))),
    }
}

fn name(value_type: NiftiType) -> &'static str {
    match value_type {
        NiftiType::Uint8 => "uint8",
        NiftiType::Int8 => "int8",
        NiftiType::Uint16 => "uint16",
        NiftiType::Int16 => "int16",
        NiftiType::Uint32 => "uint32",
        NiftiType::Int32 => "int32",
        NiftiType::Uint64 => "uint64",
        NiftiType::Int64 => "int64",
        NiftiType::Float32 => "float32",
        NiftiType::Float64 => "float64",
        _ => "other",
    }
}

/// Shape `[z, y, x]` and channels. A 2D image has depth 1.
fn dimensions(header: &NiftiHeader) -> Result<([usize; 3], usize), Wrong> {
    let rank = usize::from(header.dim[0]);
    let Some(stated) = header.dim.get(1..=rank).filter(|_| rank > 0) else {
        return Err(Wrong::Damaged(format!("its header claims {rank} dimensions")));
    };
    // Dimensions are signed 16-bit numbers in the standard: what is larger was negative.
    if let Some(wrong) = stated.iter().position(|&count| count == 0 || count > i16::MAX as u16) {
        return Err(Wrong::Damaged(format!("dimension {} of its header is {}", wrong + 1, stated[wrong] as i16)));
    }
    if rank == 1 {
        return Err(Wrong::Unsupported("has one dimension; expected an image of two or three".into()));
    }
    let count = |axis: usize| stated.get(axis).map_or(1, |&count| usize::from(count));
    let outer: Vec<usize> = (3..7).map(count).filter(|&count| count > 1).collect();
    if outer.len() > 1 {
        let text = format!("has the shape {stated:?}: more than one dimension beside x, y, z; keep one, as channels");
        return Err(Wrong::Unsupported(text));
    }
    Ok(([count(2), count(1), count(0)], outer.first().copied().unwrap_or(1)))
}
