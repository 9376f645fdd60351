//! The header fields that segspec reads, in one form for both versions.

use std::io::{self, Read};
use std::path::Path;

use nifti::{Endianness, NiftiHeader};

use crate::ReadError;
use crate::stored::{ByteOrder, damaged, read_full, unsupported};

/// Bytes of a NIfTI-1 header.
const NIFTI1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
const NIFTI2_BYTES: usize = 540;

/// The fields of either version, as wide as NIfTI-2 has them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    pub order: ByteOrder,
    /// Bytes of the header itself.
    pub header_bytes: usize,
    /// Whether the voxels are in a separate file.
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
            _ => return Err(unsupported(path, "is not a NIfTI file; expected .nii, .nii.gz, or .hdr beside .img")),
        };
        got += read_full(reader, &mut bytes[4..header_bytes]).map_err(broken)?;
        if got < header_bytes {
            return Err(damaged(path, format!("ends after {got} of {header_bytes} header bytes")));
        }
        if header_bytes == NIFTI1_BYTES {
            return nifti1(path, &bytes[..NIFTI1_BYTES], order);
        }
        let fields = Fields { bytes: &bytes, order };
        match &bytes[4..8] {
            b"n+2\0" => Ok(nifti2(&fields, false)),
            b"ni2\0" => Ok(nifti2(&fields, true)),
            _ => Err(damaged(path, "its header has the size of NIfTI-2 but not its mark")),
        }
    }
}

/// Parses a NIfTI-1 header, whose byte order is known from its size.
fn nifti1(path: &Path, bytes: &[u8], order: ByteOrder) -> Result<Raw, ReadError> {
    // All bytes are present, so that only the magic bytes can be wrong.
    let header = NiftiHeader::from_reader(bytes)
        .map_err(|_| unsupported(path, "is ANALYZE 7.5 or damaged: it lacks NIfTI's mark; save it as NIfTI"))?;
    // The crate infers the byte order from `dim[0]`. It differs where `dim[0]` is invalid in the true order.
    if (header.endianness == Endianness::Little) != (order == ByteOrder::Little) {
        let rank = Fields { bytes, order }.get(40);
        return Err(damaged(path, format!("its header claims {} dimensions", i16::from_le_bytes(rank))));
    }
    Ok(Raw {
        order,
        header_bytes: NIFTI1_BYTES,
        pair: header.magic == *b"ni1\0",
        // Signed in `nifti1.h`, unsigned in the crate.
        dim: header.dim.map(|count| count.cast_signed().into()),
        datatype: header.datatype,
        pixdim: header.pixdim.map(f64::from),
        vox_offset: header.vox_offset.into(),
        slope: header.scl_slope.into(),
        intercept: header.scl_inter.into(),
        units: header.xyzt_units.into(),
        qform_code: header.qform_code.into(),
        sform_code: header.sform_code.into(),
        quaternion: [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from),
        quaternion_offset: [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from),
        sform: [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from)),
    })
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
    bytes: &'a [u8],
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
