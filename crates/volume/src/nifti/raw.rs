//! The fields of a header, from where either version keeps them.

use std::io::{self, Read};
use std::path::Path;

use crate::ReadError;
use crate::stored::{ByteOrder, damaged, read_full, unsupported};

/// Bytes of a NIfTI-1 header.
const NIFTI1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
const NIFTI2_BYTES: usize = 540;

/// What segspec reads of a header, in NIfTI-2's widths.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    pub order: ByteOrder,
    /// Bytes of the header itself.
    pub header_bytes: usize,
    /// Whether the voxels lie in a file of their own.
    pub pair: bool,
    pub dim: [i64; 8],
    pub datatype: i16,
    pub pixdim: [f64; 8],
    pub vox_offset: f64,
    pub slope: f64,
    pub intercept: f64,
    pub units: i32,
    pub qform_code: i32,
    pub sform_code: i32,
    /// b, c and d of the rotation.
    pub quaternion: [f64; 3],
    pub quaternion_offset: [f64; 3],
    /// Rows of the matrix.
    pub sform: [[f64; 4]; 3],
}

impl Raw {
    /// Reads the header at the beginning of a stream.
    pub(super) fn read(path: &Path, reader: &mut dyn Read) -> Result<Self, ReadError> {
        let broken = |error: io::Error| damaged(path, error.to_string());
        let mut bytes = [0; NIFTI2_BYTES];
        let mut got = read_full(reader, &mut bytes[..4]).map_err(broken)?;
        let size = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let known = |size: i32| [NIFTI1_BYTES, NIFTI2_BYTES].into_iter().find(|&bytes| bytes as i32 == size);
        let (order, header_bytes) = match (known(size), known(size.swap_bytes())) {
            (Some(count), _) => (ByteOrder::Little, count),
            (_, Some(count)) => (ByteOrder::Big, count),
            _ => return Err(unsupported(path, "is no NIfTI file; expected .nii, .nii.gz, or .hdr beside .img")),
        };
        got += read_full(reader, &mut bytes[4..header_bytes]).map_err(broken)?;
        if got < header_bytes {
            return Err(damaged(path, format!("ends after {got} of {header_bytes} header bytes")));
        }
        let fields = Fields { bytes: &bytes, order };
        match (header_bytes, &bytes[4..8], &bytes[344..348]) {
            (NIFTI1_BYTES, _, b"n+1\0") => Ok(nifti1(&fields, false)),
            (NIFTI1_BYTES, _, b"ni1\0") => Ok(nifti1(&fields, true)),
            (NIFTI2_BYTES, b"n+2\0", _) => Ok(nifti2(&fields, false)),
            (NIFTI2_BYTES, b"ni2\0", _) => Ok(nifti2(&fields, true)),
            (NIFTI1_BYTES, ..) => {
                Err(unsupported(path, "is ANALYZE 7.5 or damaged: it lacks NIfTI's mark; save it as NIfTI"))
            }
            _ => Err(damaged(path, "its header has the size of NIfTI-2 but not its mark")),
        }
    }
}

/// Offsets of `nifti1.h`.
fn nifti1(fields: &Fields, pair: bool) -> Raw {
    let float = |offset: usize| f64::from(f32::from_le_bytes(fields.get(offset)));
    let short = |offset: usize| i16::from_le_bytes(fields.get(offset));
    Raw {
        order: fields.order,
        header_bytes: NIFTI1_BYTES,
        pair,
        dim: std::array::from_fn(|axis| short(40 + 2 * axis).into()),
        datatype: short(70),
        pixdim: std::array::from_fn(|axis| float(76 + 4 * axis)),
        vox_offset: float(108),
        slope: float(112),
        intercept: float(116),
        units: u8::from_le_bytes(fields.get(123)).into(),
        qform_code: short(252).into(),
        sform_code: short(254).into(),
        quaternion: std::array::from_fn(|part| float(256 + 4 * part)),
        quaternion_offset: std::array::from_fn(|axis| float(268 + 4 * axis)),
        sform: std::array::from_fn(|row| std::array::from_fn(|column| float(280 + 16 * row + 4 * column))),
    }
}

/// Offsets of `nifti2.h`.
fn nifti2(fields: &Fields, pair: bool) -> Raw {
    let float = |offset: usize| f64::from_le_bytes(fields.get(offset));
    let int = |offset: usize| i32::from_le_bytes(fields.get(offset));
    let long = |offset: usize| i64::from_le_bytes(fields.get(offset));
    Raw {
        order: fields.order,
        header_bytes: NIFTI2_BYTES,
        pair,
        dim: std::array::from_fn(|axis| long(16 + 8 * axis)),
        datatype: i16::from_le_bytes(fields.get(12)),
        pixdim: std::array::from_fn(|axis| float(104 + 8 * axis)),
        vox_offset: long(168) as f64,
        slope: float(176),
        intercept: float(184),
        units: int(500),
        qform_code: int(344),
        sform_code: int(348),
        quaternion: std::array::from_fn(|part| float(352 + 8 * part)),
        quaternion_offset: std::array::from_fn(|axis| float(376 + 8 * axis)),
        sform: std::array::from_fn(|row| std::array::from_fn(|column| float(400 + 32 * row + 8 * column))),
    }
}

/// Header bytes, read by offset.
struct Fields<'a> {
    bytes: &'a [u8; NIFTI2_BYTES],
    order: ByteOrder,
}

impl Fields<'_> {
    /// The bytes of a number, least significant first.
    fn get<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut number = self.bytes[offset..].first_chunk().copied().unwrap_or([0; N]);
        if self.order == ByteOrder::Big {
            number.reverse();
        }
        number
    }
}
