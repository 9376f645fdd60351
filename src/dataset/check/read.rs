//! The image of a case: one file with every channel, or one file per channel.

use std::path::PathBuf;

use ndarray::{Axis, concatenate};

use super::GRID_TOLERANCE;
use crate::dataset::Case;
use crate::volume::{ReadError, Volume, read_volume};

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
}

/// Reads all channels of a case, in channel order: `[channel, z, y, x]` on the grid of the first file.
///
/// # Errors
/// [`CaseError`], naming the file.
pub fn read_image(case: &Case) -> Result<Volume, CaseError> {
    let Some((first, others)) = case.images.split_first() else {
        return Err(CaseError::NoImage { case: case.name.clone() });
    };
    let mut image = read_volume(first)?;
    for path in others {
        let channel = read_volume(path)?;
        let wrong = |difference| CaseError::ChannelGrid { path: path.clone(), difference };
        image.geometry.same_grid(&channel.geometry, GRID_TOLERANCE).map_err(wrong)?;
        image.voxels = concatenate(Axis(0), &[image.voxels.view(), channel.voxels.view()])
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(image)
}
