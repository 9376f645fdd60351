//! The files of a case: reading them together, and what their content is called.

use std::fs::File;
use std::io;
use std::path::Path;

use ndarray::{Axis, concatenate};

use super::case::CaseError;
use crate::dataset::Case;
use crate::volume::{Geometry, LabelMap, Volume, read_label_map, read_volume};

/// Largest distance between corners of image and label, in parts of the smallest spacing.
const GRID_TOLERANCE: f64 = 0.1;

/// Reads the channels of a case as one image, and its label map if it has one, all on one grid.
///
/// # Errors
/// [`CaseError::Read`] and [`CaseError::Grid`], naming the file.
pub fn read_case(case: &Case) -> Result<(Volume, Option<LabelMap>), CaseError> {
    let image = read_image(&case.images)?;
    let Some(path) = &case.label else { return Ok((image, None)) };
    let label = read_label_map(path)?;
    if let Some(first) = case.images.first() {
        same_grid(&image.geometry, first, &label.geometry, path)?;
    }
    Ok((image, Some(label)))
}

/// Reads the channels of an image, one file each or one file for all.
///
/// # Errors
/// As [`read_case`].
pub fn read_image(paths: &[impl AsRef<Path>]) -> Result<Volume, CaseError> {
    let (first, others) = paths.split_first().ok_or(CaseError::Empty("the case has no image file"))?;
    let mut image = read_volume(first.as_ref())?;
    for path in others.iter().map(AsRef::as_ref) {
        let channel = read_volume(path)?;
        same_grid(&image.geometry, first.as_ref(), &channel.geometry, path)?;
        image.voxels = concatenate![Axis(0), image.voxels, channel.voxels];
    }
    Ok(image)
}

fn same_grid(expected: &Geometry, reference: &Path, found: &Geometry, path: &Path) -> Result<(), CaseError> {
    expected.same_grid(found, GRID_TOLERANCE).map_err(|difference| CaseError::Grid {
        path: path.to_owned(),
        reference: reference.to_owned(),
        difference,
    })
}

/// A name for the content of a case's files, wherever they lie: BLAKE3 over the BLAKE3 of each.
///
/// # Errors
/// The operating system's.
pub fn content_hash(case: &Case) -> io::Result<String> {
    let mut all = blake3::Hasher::new();
    for path in case.images.iter().chain(&case.label) {
        let mut file = blake3::Hasher::new();
        file.update_reader(File::open(path).map_err(|error| naming(path, &error))?)?;
        all.update(file.finalize().as_bytes());
    }
    all.update(&[u8::from(case.label.is_some())]);
    Ok(all.finalize().to_hex().to_string())
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
