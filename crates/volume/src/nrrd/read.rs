//! Images and label maps of NRRD files.

use std::path::Path;

use super::header::Source;
use crate::stored::{Exact, unsupported};
use crate::{LabelMap, ReadError, Volume};

/// Key of 3D Slicer's first segment.
const FIRST_SEGMENT: &str = "Segment0_ID";

/// Whether a header names segments.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn names_segments(path: &Path) -> Result<bool, ReadError> {
    Ok(Source::open(path)?.pairs.contains_key(FIRST_SEGMENT))
}

/// Reads an image, `[channel, z, y, x]`: a non-spatial axis (list, vector, colour, time) becomes channels.
///
/// # Errors
/// [`ReadError`] with the file's name; NaN, infinite and complex voxels are refused with the remedy.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    let source = Source::open(path)?;
    let (layout, geometry) = (source.format.axes.layout, source.format.axes.geometry.clone());
    source.read_numbers()?.into_volume(path, geometry, &layout)
}

/// Reads a label map, `[z, y, x]`: whole numbers 0…65535, whatever type they are stored in.
///
/// # Errors
/// [`ReadError`] with the file's name; a value that is not a label is named with its voxel. Overlapping segments lie in several layers
/// and are refused: [`read_segments`](super::read_segments) reads them.
pub fn read_label_map(path: &Path) -> Result<LabelMap, ReadError> {
    let source = Source::open(path)?;
    let (layout, geometry) = (source.format.axes.layout, source.format.axes.geometry.clone());
    if layout.channels > 1 && source.pairs.contains_key(FIRST_SEGMENT) {
        let text = format!(
            "holds overlapping segments in {} layers, which no label map can hold; export them without overlap",
            layout.channels
        );
        return Err(unsupported(path, text));
    }
    source.read_numbers()?.into_label_map(path, geometry, &layout)
}

/// Refuses a file with a value that [`read_volume`] would change because 32-bit floats do not hold it.
///
/// # Errors
/// [`ReadError`] with the file's name, the voxel and its value.
pub fn check_exact(path: &Path) -> Result<(), ReadError> {
    let source = Source::open(path)?;
    let layout = source.format.axes.layout;
    source.read_numbers::<Exact>()?.all_exact(path, &layout)
}
