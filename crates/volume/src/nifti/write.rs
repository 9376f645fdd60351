//! Writes NIfTI-1 files whole or not at all: `.nii.gz`, or `.nii` where the name says so.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::ArrayView;
use ndarray::Dimension;

use super::affine;
use crate::files;
use crate::{Geometry, LabelMap, Segmentation, Volume, WriteError};

/// Header, and four bytes that say: no extensions.
const OFFSET: usize = 352;
/// `NIFTI_XFORM_SCANNER_ANAT`: the transform leads to the scanner's coordinates.
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

/// Types that are written: code and bits.
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
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), WriteError> {
    let header = header(geometry, channels, value_type).map_err(|reason| WriteError {
        path: path.into(),
        reason,
        environment: false,
    })?;
    let content = |file: &mut dyn Write| -> io::Result<()> {
        file.write_all(&header)?;
        let mut buffer = Vec::with_capacity(1 << 16);
        for &value in voxels.iter() {
            buffer.extend_from_slice(&bytes(value));
            if buffer.len() >= 1 << 16 {
                file.write_all(&buffer)?;
                buffer.clear();
            }
        }
        file.write_all(&buffer)
    };
    write_file(path, content)
}

/// Compressed where the name ends in `.gz`; whole or not at all.
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

/// The header's bytes, little endian. The `nifti` crate writes only to a path of its own making, which cannot be atomic.
fn header(geometry: &Geometry, channels: usize, value_type: Type) -> Result<[u8; OFFSET], String> {
    let mut header = Fields([0; OFFSET]);
    header.put(0, 348_i32.to_le_bytes());
    let [depth, height, width] = geometry.shape;
    let rank = if channels == 1 { 3 } else { 4 };
    for (place, count) in [rank, width, height, depth, channels, 1, 1, 1].into_iter().enumerate() {
        let count = i16::try_from(count).map_err(|_| format!("NIfTI-1 cannot hold {count} voxels along one axis"))?;
        header.put(40 + 2 * place, count.to_le_bytes());
    }
    let [code, bits] = value_type.code_and_bits();
    header.put(70, code.to_le_bytes());
    header.put(72, bits.to_le_bytes());
    header.put(108, (OFFSET as f32).to_le_bytes());
    header.put(112, 1_f32.to_le_bytes());
    put_placement(&mut header, geometry);
    header.put(344, *b"n+1\0");
    Ok(header.0)
}

/// sform always, qform where the axes are at right angles; neither for an image without physical size.
fn put_placement(header: &mut Fields, geometry: &Geometry) {
    let [z, y, x] = geometry.spacing_mm();
    let quaternion = affine::quaternion(geometry);
    let handedness = quaternion.map_or(1.0, |[handedness, ..]| handedness);
    header.put_floats(76, &[handedness, x, y, z, 1.0, 1.0, 1.0, 1.0]);
    if !geometry.has_spacing {
        return;
    }
    header.put(123, [MILLIMETRES]);
    let origin = geometry.column(3);
    if let Some([_, b, c, d]) = quaternion {
        header.put(252, SCANNER.to_le_bytes());
        header.put_floats(256, &[b, c, d, origin[0], origin[1], origin[2]]);
    }
    header.put(254, SCANNER.to_le_bytes());
    for (row, values) in geometry.affine.iter().enumerate() {
        header.put_floats(280 + 16 * row, values);
    }
}

/// Header bytes, filled in by offset as `nifti1.h` lists them.
struct Fields([u8; OFFSET]);

impl Fields {
    fn put<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        self.0[offset..offset + N].copy_from_slice(&bytes);
    }

    fn put_floats(&mut self, offset: usize, values: &[f64]) {
        for (place, value) in values.iter().enumerate() {
            self.put(offset + 4 * place, (*value as f32).to_le_bytes());
        }
    }
}
