//! Voxels of a NIfTI-1 file: every number type, both byte orders, slope and intercept.

use std::io::{self, Read};
use std::path::Path;

use ndarray::{Array3, Array4};
use nifti::{DataElement, InMemNiftiVolume, NiftiHeader, NiftiType};

use super::header::{Source, damaged, unsupported};
use crate::volume::{LabelMap, ReadError, Volume};

/// Voxels begin here at the earliest: header and extension flag.
const SMALLEST_OFFSET: u64 = 352;
/// Bytes that `Source` has read.
const HEADER_BYTES: u64 = 348;

/// Reads an image: intensities with slope and intercept applied (in f64, as nibabel), `[channel, z, y, x]`.
///
/// # Errors
/// [`ReadError`] with the file's name; NaN and infinite voxels, RGB and complex values are refused with the remedy.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    let (header, voxels) = read_voxels(path, |value| {
        let value = value as f32;
        value.is_finite().then_some(value)
    })?;
    let voxels = voxels.map_err(|bad| {
        let place = bad.place(header.geometry.shape);
        let remedy = "replace it in the file (for CT by −1024, else by 0), or exclude the case";
        unsupported(path, format!("voxel {place} is {}; {remedy}", bad.value))
    })?;
    let [depth, height, width] = header.geometry.shape;
    let voxels = Array4::from_shape_vec([header.channels, depth, height, width], voxels)
        .map_err(|error| damaged(path, error.to_string()))?;
    Ok(Volume { voxels, geometry: header.geometry })
}

/// Reads a label image, `[z, y, x]`: whole numbers 0…65535, in whatever number type they are stored.
///
/// # Errors
/// [`ReadError`] with the file's name; a value that is no label is named with its voxel.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    let (header, voxels) = read_voxels(path, label)?;
    if header.channels != 1 {
        let text = format!("is a label image with {} channels; save one whole number per voxel", header.channels);
        return Err(unsupported(path, text));
    }
    let voxels = voxels.map_err(|bad| {
        let place = bad.place(header.geometry.shape);
        let remedy = "labels are whole numbers from 0 to 65535 (was the file resampled with interpolation?)";
        unsupported(path, format!("voxel {place} is {}; {remedy}", bad.value))
    })?;
    let voxels =
        Array3::from_shape_vec(header.geometry.shape, voxels).map_err(|error| damaged(path, error.to_string()))?;
    Ok(LabelMap { voxels, geometry: header.geometry })
}

fn label(value: f64) -> Option<u16> {
    (value.fract() == 0.0 && (0.0..=65535.0).contains(&value)).then_some(value as u16)
}

/// The first voxel that is not what the reader wants.
struct BadVoxel {
    index: usize,
    value: f64,
}

impl BadVoxel {
    /// `[z, y, x]`, with the channel where there are several.
    fn place(&self, [depth, height, width]: [usize; 3]) -> String {
        let (rest, x) = (self.index / width, self.index % width);
        let (rest, y) = (rest / height, rest % height);
        let (channel, z) = (rest / depth, rest % depth);
        if channel == 0 { format!("[{z}, {y}, {x}]") } else { format!("[{z}, {y}, {x}] of channel {channel}") }
    }
}

type Converted<T> = Result<Vec<T>, BadVoxel>;

fn read_voxels<T>(path: &Path, convert: impl Fn(f64) -> Option<T>) -> Result<(super::Header, Converted<T>), ReadError> {
    let mut source = Source::open(path)?;
    let scale = scale(&source.raw).map_err(|reason| damaged(path, reason))?;
    let bytes = read_bytes(path, &mut source)?;
    // Slope and intercept are applied here: the crate's own rescaling works in the target's type.
    let volume =
        InMemNiftiVolume::from_raw_fields(source.raw.dim, source.value_type, 1.0, 0.0, bytes, source.raw.endianness);
    let volume = volume.map_err(|error| damaged(path, error.to_string()))?;
    let numbers = |value: f64| convert(scale.map_or(value, |(slope, intercept)| value * slope + intercept));
    let voxels = match source.value_type {
        NiftiType::Uint8 => typed(volume, |value: u8| value.into(), numbers),
        NiftiType::Int8 => typed(volume, |value: i8| value.into(), numbers),
        NiftiType::Uint16 => typed(volume, |value: u16| value.into(), numbers),
        NiftiType::Int16 => typed(volume, |value: i16| value.into(), numbers),
        NiftiType::Uint32 => typed(volume, |value: u32| value.into(), numbers),
        NiftiType::Int32 => typed(volume, |value: i32| value.into(), numbers),
        NiftiType::Uint64 => typed(volume, |value: u64| value as f64, numbers),
        NiftiType::Int64 => typed(volume, |value: i64| value as f64, numbers),
        NiftiType::Float32 => typed(volume, |value: f32| value.into(), numbers),
        _ => typed(volume, |value: f64| value, numbers),
    };
    Ok((source.header, voxels.map_err(|error| damaged(path, error.to_string()))?))
}

/// nibabel's rule: a slope of 0 or NaN means that stored values are the values.
fn scale(header: &NiftiHeader) -> Result<Option<(f64, f64)>, String> {
    let (slope, intercept) = (f64::from(header.scl_slope), f64::from(header.scl_inter));
    if slope == 0.0 || !slope.is_finite() || (slope == 1.0 && intercept == 0.0) {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err(format!("its header has the slope {slope} but the intercept {intercept}"));
    }
    Ok(Some((slope, intercept)))
}

fn typed<S: DataElement, T>(
    volume: InMemNiftiVolume,
    widen: impl Fn(S) -> f64,
    convert: impl Fn(f64) -> Option<T>,
) -> nifti::Result<Converted<T>> {
    let stored: Vec<S> = volume.into_nifti_typed_data()?;
    let values = stored.into_iter().enumerate().map(|(index, value)| {
        let value = widen(value);
        convert(value).ok_or(BadVoxel { index, value })
    });
    Ok(values.collect())
}

fn read_bytes(path: &Path, source: &mut Source) -> Result<Vec<u8>, ReadError> {
    let broken = |error: io::Error| damaged(path, error.to_string());
    let offset = f64::from(source.raw.vox_offset);
    if !offset.is_finite() || offset < 0.0 {
        return Err(damaged(path, format!("its header puts the voxels at byte {offset}")));
    }
    let skip = (offset as u64).max(SMALLEST_OFFSET) - HEADER_BYTES;
    io::copy(&mut (&mut source.reader).take(skip), &mut io::sink()).map_err(broken)?;
    // No more is reserved than has been read: a header may claim anything.
    let mut bytes = Vec::new();
    let wanted = source.voxel_bytes;
    (&mut source.reader).take(wanted as u64).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() < wanted {
        return Err(damaged(path, format!("ends after {} of {wanted} bytes of voxels", bytes.len())));
    }
    // Reaching the end of a gzip stream checks its checksum.
    source.reader.read(&mut [0]).map_err(broken)?;
    Ok(bytes)
}
