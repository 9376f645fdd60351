//! Reading a case: the image in one file with every channel or in one file per channel, and the labels on its grid.

use std::path::{Path, PathBuf};

use ndarray::{Axis, concatenate};

use super::{Case, grid, label};
use crate::volume::{Format, Geometry, LabelMap, ReadError, Volume, dicom, raster, read_volume};

/// Two images lie on one grid when their corners are at most this part of a voxel apart.
pub const GRID_TOLERANCE: f64 = 0.1;

/// Why the image of a case cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The case lists no file.
    #[error("case {case} has no image file")]
    NoImage {
        /// The case.
        case: String,
    },
    /// Channel files that do not belong together.
    #[error("{path}: lies on another grid than the case's first channel: {difference}")]
    ChannelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A case without label map where one is needed.
    #[error("case {case} has no label")]
    NoLabel {
        /// The case.
        case: String,
    },
    /// Two structures of a case share voxels.
    #[error(
        "{path}: {voxels} voxels belong to another structure, too; set `labels.overlap = true` if structures may overlap"
    )]
    Overlap {
        /// The file of the later structure.
        path: PathBuf,
        /// How many voxels.
        voxels: usize,
    },
    /// Masks of one case that do not belong together.
    #[error("{path}: lies on another grid than the case's other masks: {difference}")]
    MaskGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A file of named segments, none of which the dataset names.
    #[error("{path}: names none of the dataset's structures, but {names}: name them so, or remove `labels.by-name`")]
    NoName {
        /// The file.
        path: PathBuf,
        /// The names there.
        names: String,
    },
    /// Segments that overlap, read by number.
    #[error(
        "{path}: its segments overlap: set `labels.overlap = true`, and `labels.by-name = true` to find them by name"
    )]
    UnnamedOverlap {
        /// The file.
        path: PathBuf,
    },
    /// A surface that cannot be put on the image's grid.
    #[error("{path}: {reason}")]
    Surface {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another number of label pictures than slices.
    #[error("case {case} has {pictures} label pictures for {slices} slices")]
    SliceCount {
        /// The case.
        case: String,
        /// Pictures.
        pictures: usize,
        /// Slices.
        slices: usize,
    },
    /// A label map that does not belong to its image.
    #[error(
        "{path}: image and label lie on different grids: {difference}; set `labels.resample-labels = true` to put \
         labels on the image's grid"
    )]
    LabelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
}

/// Reads all channels of a case, in channel order: `[channel, z, y, x]` on the grid of the first file.
///
/// # Errors
/// [`CaseError`], naming the file.
pub fn read_image(case: &Case) -> Result<Volume, CaseError> {
    let Some((first, others)) = case.images.split_first() else {
        return Err(CaseError::NoImage { case: case.name.clone() });
    };
    let mut image = read_channel(case, first)?;
    for path in others {
        let mut channel = read_channel(case, path)?;
        let wrong = |difference| CaseError::ChannelGrid { path: path.clone(), difference };
        match image.geometry.same_grid(&channel.geometry, GRID_TOLERANCE) {
            Ok(()) => {}
            Err(_) if case.reading.resample_channels => channel = grid::volume_onto(&channel, &image.geometry),
            Err(difference) => return Err(wrong(difference)),
        }
        image.voxels = concatenate(Axis(0), &[image.voxels.view(), channel.voxels.view()])
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(image)
}

/// One file, a folder of DICOM slices, or a folder of pictures.
fn read_channel(case: &Case, path: &Path) -> Result<Volume, ReadError> {
    match case.stack_spacing_mm {
        Some(spacing_mm) => raster::read_stack(&pictures(path)?, spacing_mm),
        None if Format::of(path)? == Format::DicomImage => dicom::read_series(path, &case.reading.choice),
        None => read_volume(path),
    }
}

/// Reads the label map of a case on the grid of its image.
///
/// # Errors
/// [`CaseError`]: no label, an unreadable one, or one on another grid where the dataset does not allow it.
pub fn read_label(case: &Case, image: &Geometry) -> Result<LabelMap, CaseError> {
    let label = label::read_as_stored(case, image)?;
    match image.same_grid(&label.geometry, GRID_TOLERANCE) {
        Ok(()) => Ok(label),
        Err(_) if case.reading.resample_labels => Ok(grid::labels_onto(&label, image)),
        Err(difference) => {
            let path = case.label.as_ref().map(|label| label.path().to_path_buf()).unwrap_or_default();
            Err(CaseError::LabelGrid { path, difference })
        }
    }
}

/// The pictures in a folder, by name.
///
/// # Errors
/// [`ReadError::Open`] where the folder cannot be listed.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Open { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && ["png", "tif", "tiff"].contains(&ending.as_str()) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
