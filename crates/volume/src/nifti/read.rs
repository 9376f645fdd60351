//! Voxels of a NIfTI file: every number type, both byte orders, slope and intercept.

use std::io::{self, Read};
use std::path::Path;

use super::header::Source;
use crate::stored::{Content, Exact, Numbers, Voxel, ask_memory, damaged};
use crate::{LabelMap, ReadError, Volume};

/// Reads an image: intensities with slope and intercept applied (in f64, as nibabel), `[channel, z, y, x]`. Colours
/// become three or four channels.
///
/// # Errors
/// [`ReadError`] with the file's name; NaN, infinite and complex voxels are refused with the remedy.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    let source = Source::open(path)?;
    let numbers = read_numbers(&source)?;
    numbers.into_volume(path, source.header.geometry, &source.layout)
}

/// Reads a label map, `[z, y, x]`: whole numbers 0…65535, whatever type they are stored in.
///
/// # Errors
/// [`ReadError`] with the file's name; a value that is not a label is named with its voxel.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    let source = Source::open(path)?;
    let numbers = read_numbers(&source)?;
    numbers.into_label_map(path, source.header.geometry, &source.layout)
}

/// Refuses a file with a value that [`read_volume`] would change because 32-bit floats do not hold it.
///
/// # Errors
/// [`ReadError`] with the file's name, the voxel and its value.
pub fn check_exact(path: &Path) -> Result<(), ReadError> {
    let source = Source::open(path)?;
    read_numbers::<Exact>(&source)?.all_exact(path, &source.layout)
}

fn read_numbers<T: Voxel>(source: &Source) -> Result<Numbers<T>, ReadError> {
    let count = source.layout.count().unwrap_or(0);
    let wanted = count * source.number.bytes();
    // The bytes of the file and the voxels made of them.
    ask_memory(&source.path, wanted.saturating_add(count.saturating_mul(size_of::<T>())) as u64)?;
    let broken = |error: io::Error| damaged(&source.path, error.to_string());
    let mut numbers = Numbers::new(source.scale);
    let got = match source.content(wanted, count * size_of::<T>()).map_err(broken)? {
        Content::Whole(bytes) => {
            let voxels = bytes.get(source.offset..).unwrap_or_default();
            numbers.convert(voxels, source.number, source.raw.order);
            voxels.len()
        }
        Content::Stream(mut reader) => {
            io::copy(&mut (&mut reader).take(source.offset as u64), &mut io::sink()).map_err(broken)?;
            let got = numbers.fill(&mut reader, source.number, source.raw.order, count).map_err(broken)?;
            // Reaching the end of a gzip stream checks its checksum.
            reader.read(&mut [0]).map_err(broken)?;
            got
        }
    };
    if got < wanted {
        return Err(damaged(&source.path, format!("ends after {got} of {wanted} bytes of voxels")));
    }
    Ok(numbers)
}
