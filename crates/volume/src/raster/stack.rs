//! One image from pictures of its slices.

use std::path::PathBuf;

use ndarray::{Axis, concatenate};

use super::read_volume;
use crate::stored::unsupported;
use crate::{Geometry, ReadError, Volume};

/// Reads slices from the first to the last, with this spacing `[z, y, x]`. Pictures do not state their position in the patient: the
/// grid's axes are taken as right, anterior and superior.
///
/// # Errors
/// [`ReadError`] with the file's name: no picture at all, or one of another size than the first.
pub fn read_stack(files: &[PathBuf], spacing_mm: [f64; 3]) -> Result<Volume, ReadError> {
    let slices: Result<Vec<Volume>, ReadError> = files.iter().map(|file| read_volume(file)).collect();
    let slices = slices?;
    let Some(first) = slices.first() else { return Err(unsupported("".as_ref(), "no picture to read")) };
    let size = first.voxels.dim();
    if let Some((file, slice)) = files.iter().zip(&slices).find(|(_, slice)| slice.voxels.dim() != size) {
        let (channels, _, height, width) = slice.voxels.dim();
        let reason = format!(
            "has {height} × {width} pixels and {channels} channel(s), the first slice {} × {} and {}",
            size.2, size.3, size.0
        );
        return Err(unsupported(file, reason));
    }
    let views: Vec<_> = slices.iter().map(|slice| slice.voxels.view()).collect();
    let voxels = concatenate(Axis(1), &views).map_err(|error| unsupported(&files[0], error.to_string()))?;
    let shape = [slices.len(), size.2, size.3];
    Ok(Volume { voxels, geometry: Geometry::axis_aligned(shape, spacing_mm) })
}
