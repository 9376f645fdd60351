//! Writes NIfTI-1 files whole or not at all: `.nii.gz`, or `.nii` where the name says so.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{ArrayView, Dimension};

use nifti::NiftiHeader;

use super::{affine, bytes};
use crate::files;
use crate::{Geometry, LabelMap, Segmentation, Volume, WriteError};

/// Offset of the voxels: the header, and four bytes that declare no extensions.
const OFFSET: f32 = 352.0;
/// `NIFTI_XFORM_SCANNER_ANAT`: the transform maps to scanner coordinates.
const SCANNER: i16 = 1;
/// `NIFTI_UNITS_MM`.
const MILLIMETRES: u8 = 2;

/// Writes an image as int16 where every value is a whole number that fits, else as float32; several channels become the
/// fourth dimension.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    let channels = volume.voxels.dim().0;
    let voxels = volume.voxels.view();
    if voxels.iter().all(|&value| value == f32::from(value as i16)) {
        return write(path, &volume.geometry, channels, Type::Int16, voxels, |value| (value as i16).to_le_bytes());
    }
    write(path, &volume.geometry, channels, Type::Float32, voxels, f32::to_le_bytes)
}

/// Writes labels as uint8, or as uint16 where a value needs it.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_label_map(path: &Path, labels: &LabelMap) -> Result<(), WriteError> {
    let largest = labels.voxels.iter().copied().max().unwrap_or(0);
    if largest <= u16::from(u8::MAX) {
        return write(path, &labels.geometry, 1, Type::Uint8, labels.voxels.view(), |value| [value as u8]);
    }
    write(path, &labels.geometry, 1, Type::Uint16, labels.voxels.view(), u16::to_le_bytes)
}

/// Writes a segmentation: a label map, or one mask (0 or 1) per structure along the fourth dimension.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_segmentation(path: &Path, segmentation: &Segmentation) -> Result<(), WriteError> {
    match segmentation {
        Segmentation::Labels(labels) => write_label_map(path, labels),
        Segmentation::Masks { masks, geometry } => {
            write(path, geometry, masks.dim().0, Type::Uint8, masks.view(), |value| [value])
        }
    }
}

/// Stored types.
#[derive(Clone, Copy)]
enum Type {
    Uint8,
    Uint16,
    Int16,
    Float32,
}

impl Type {
    fn code_and_bits(self) -> [i16; 2] {
        match self {
            Self::Uint8 => [2, 8],
            Self::Uint16 => [512, 16],
            Self::Int16 => [4, 16],
            Self::Float32 => [16, 32],
        }
    }
}

fn write<T: Copy, D: Dimension, const N: usize>(
    path: &Path,
    geometry: &Geometry,
    channels: usize,
    value_type: Type,
    voxels: ArrayView<T, D>,
    stored: impl Fn(T) -> [u8; N],
) -> Result<(), WriteError> {
    let header = header(geometry, channels, value_type).map_err(|reason| WriteError::refused(path, reason))?;
    let header = bytes::bytes(&header);
    let content = |file: &mut dyn Write| -> io::Result<()> {
        file.write_all(&header)?;
        file.write_all(&[0; 4])?;
        let mut buffer = Vec::with_capacity(1 << 16);
        for &value in voxels.iter() {
            buffer.extend_from_slice(&stored(value));
            if buffer.len() >= 1 << 16 {
                file.write_all(&buffer)?;
                buffer.clear();
            }
        }
        file.write_all(&buffer)
    };
    write_file(path, content)
}

/// Writes the file atomically; compressed if the name ends in `.gz`.
fn write_file(path: &Path, content: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let zipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let written = files::write_atomic_with(path, |file| {
        let mut buffered = BufWriter::new(file);
        if zipped {
            let mut encoder = GzEncoder::new(&mut buffered, Compression::fast());
            content(&mut encoder)?;
            encoder.finish()?;
        } else {
            content(&mut buffered)?;
        }
        buffered.flush()
    });
    written.map_err(|error| WriteError::io(path, &error))
}

/// sform always, qform where the axes are at right angles; neither for an image without physical size.
fn header(geometry: &Geometry, channels: usize, value_type: Type) -> Result<NiftiHeader, String> {
    let [depth, height, width] = geometry.shape;
    let rank = if channels == 1 { 3 } else { 4 };
    let mut dim = [1; 8];
    for (place, count) in dim.iter_mut().zip([rank, width, height, depth, channels]) {
        let held = i16::try_from(count).map_err(|_| format!("NIfTI-1 cannot hold {count} voxels along one axis"))?;
        *place = held.cast_unsigned();
    }
    let [z, y, x] = geometry.spacing_mm().map(|spacing| spacing as f32);
    let quaternion = affine::quaternion(geometry);
    let handedness = quaternion.map_or(1.0, |[handedness, ..]| handedness as f32);
    let [datatype, bitpix] = value_type.code_and_bits();
    let header = NiftiHeader {
        dim,
        datatype,
        bitpix,
        pixdim: [handedness, x, y, z, 1.0, 1.0, 1.0, 1.0],
        vox_offset: OFFSET,
        scl_slope: 1.0,
        qform_code: 0,
        sform_code: 0,
        srow_x: [0.0; 4],
        srow_y: [0.0; 4],
        srow_z: [0.0; 4],
        magic: *b"n+1\0",
        ..NiftiHeader::default()
    };
    Ok(if geometry.has_spacing { placed(header, geometry, quaternion) } else { header })
}

fn placed(header: NiftiHeader, geometry: &Geometry, quaternion: Option<[f64; 4]>) -> NiftiHeader {
    let [srow_x, srow_y, srow_z] = geometry.affine.map(|row| row.map(|value| value as f32));
    let header = NiftiHeader { xyzt_units: MILLIMETRES, sform_code: SCANNER, srow_x, srow_y, srow_z, ..header };
    let Some([_, b, c, d]) = quaternion else { return header };
    let [quatern_b, quatern_c, quatern_d] = [b, c, d].map(|part| part as f32);
    let [quatern_x, quatern_y, quatern_z] = geometry.column(3).map(|part| part as f32);
    let qform_code = SCANNER;
    NiftiHeader { qform_code, quatern_b, quatern_c, quatern_d, quatern_x, quatern_y, quatern_z, ..header }
}
