//! Voxels of a NIfTI file: every number type, both byte orders, slope and intercept.

use std::io;
use std::path::Path;

use super::header::Source;
use crate::volume::stored::{Numbers, Voxel, damaged};
use crate::volume::{LabelMap, ReadError, Volume};

/// Reads an image: intensities with slope and intercept applied (in f64, as nibabel), `[channel, z, y, x]`. Colours
/// become three or four channels.
///
/// # Errors
/// [`ReadError`] with the file's name; NaN, infinite and complex voxels are refused with the remedy.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    let mut source = Source::open(path)?;
    let numbers = read_numbers(&mut source)?;
    numbers.into_volume(path, source.header.geometry, &source.layout)
}

/// Reads a label image, `[z, y, x]`: whole numbers 0…65535, in whatever number type they are stored.
///
/// # Errors
/// [`ReadError`] with the file's name; a value that is no label is named with its voxel.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    let mut source = Source::open(path)?;
    let numbers = read_numbers(&mut source)?;
    numbers.into_label_map(path, source.header.geometry, &source.layout)
}

fn read_numbers<T: Voxel>(source: &mut Source) -> Result<Numbers<T>, ReadError> {
    let Source { layout, number, scale, path, reader, skip, raw, .. } = source;
    let broken = |error: io::Error| damaged(path, error.to_string());
    io::copy(&mut io::Read::take(&mut *reader, *skip), &mut io::sink()).map_err(broken)?;
    let count = layout.count().unwrap_or(0);
    let wanted = count * number.bytes();
    let mut numbers = Numbers::new(*scale);
    let got = numbers.fill(reader, *number, raw.order, count).map_err(broken)?;
    if got < wanted {
        return Err(damaged(path, format!("ends after {got} of {wanted} bytes of voxels")));
    }
    // Reaching the end of a gzip stream checks its checksum.
    reader.read(&mut [0]).map_err(broken)?;
    Ok(numbers)
}
