//! Reading a case: the image, from one file with all channels or one file per channel, and the labels on its grid.

use std::path::{Path, PathBuf};

use ndarray::{Axis, concatenate};

use super::{Case, grid, label};
use crate::counted;
use crate::volume::{Format, Geometry, LabelMap, Lattice, ReadError, Volume, dicom, raster, read_volume};

/// Two grids are considered the same if their corners differ by at most this fraction of a voxel.
pub const GRID_TOLERANCE: f64 = 0.1;

/// Why a case cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The case has no image file.
    #[error("case {case} has no image file")]
    NoImage {
        /// The case.
        case: String,
    },
    /// Channel files on different grids.
    #[error(
        "{path}: not on the grid of the case's first channel: {difference}; set `resample-channels = true` to resample it"
    )]
    ChannelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// The case has no labels, but they are required.
    #[error("case {case} has no label")]
    NoLabel {
        /// The case.
        case: String,
    },
    /// Two structures of a case overlap.
    #[error(
        "{path}: {} shared with another structure; set `labels.overlap = true` if structures may overlap", counted(*voxels, "voxel")
    )]
    Overlap {
        /// The file of the later structure.
        path: PathBuf,
        /// Number of shared voxels.
        voxels: usize,
    },
    /// A label picture of another size than its slice.
    #[error("{path}: {difference}")]
    PictureSize {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A mask with several values.
    #[error(
        "{path}: has the values {values}, but a mask of one structure has one value besides 0; if all of them are the structure, set `labels.mask-values = \"nonzero\"`"
    )]
    MaskValues {
        /// The file.
        path: PathBuf,
        /// Some of its values.
        values: String,
    },
    /// Labels of which nothing lies in the image.
    #[error("{path}: lies outside the image: it fills {labels}, the image {image} (RAS)")]
    Outside {
        /// The file.
        path: PathBuf,
        /// The box around the labels.
        labels: String,
        /// The box around the image.
        image: String,
    },
    /// A file with named segments, none of which is a structure of the dataset.
    #[error(
        "{path}: its segments ({names}) match no structure of the dataset; rename the structures or remove `labels.by-name`"
    )]
    NoName {
        /// The file.
        path: PathBuf,
        /// Names of its segments.
        names: String,
    },
    /// A structure set none of whose contours is a structure of the dataset.
    #[error(
        "{path}: its contours ({names}) match no structure of the dataset by name; name the structures as in the file"
    )]
    NoContour {
        /// The file.
        path: PathBuf,
        /// Names of its structures.
        names: String,
    },
    /// Two segments with the name of one structure.
    #[error(
        "{path}: its segment `{one}` and `{other}` of {twin} are both the structure `{structure}`; rename one of them, or leave the \
         other file out"
    )]
    SameName {
        /// The file.
        path: PathBuf,
        /// The name of its segment.
        one: String,
        /// The file of the other, often the same.
        twin: PathBuf,
        /// The other name.
        other: String,
        /// The structure.
        structure: String,
    },
    /// Several objects whose structures are identified by number.
    #[error(
        "{path}: holds several segmentation objects; set `labels.by-name = true` to identify their segments by name"
    )]
    Several {
        /// The folder.
        path: PathBuf,
    },
    /// Overlapping segments, identified by number.
    #[error(
        "{path}: its segments overlap; set `labels.overlap = true` and `labels.by-name = true` to identify them by name"
    )]
    UnnamedOverlap {
        /// The file.
        path: PathBuf,
    },
    /// A surface that cannot be voxelised on the image's grid.
    #[error("{path}: {reason}")]
    Surface {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The number of 2D label images differs from the number of slices.
    #[error("case {case} has {} for {}", counted(*pictures, "label image"), counted(*slices, "slice"))]
    SliceCount {
        /// The case.
        case: String,
        /// Number of label images.
        pictures: usize,
        /// Number of slices.
        slices: usize,
    },
    /// Pictures of slices that are not one for each slice.
    #[error("{path} {reason}")]
    SliceNames {
        /// Folder of the pictures.
        path: PathBuf,
        /// Which is missing, and what to do.
        reason: String,
    },
    /// Image and label are on different grids.
    #[error("{path}: image and label are on different grids: {difference}; {remedy}")]
    LabelGrid {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
        /// What to do.
        remedy: String,
    },
}

impl CaseError {
    /// Whether this machine lacks memory for the case.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Read(ReadError::Memory { .. }))
    }
}

/// Reads all channels of a case, in channel order: `[channel, z, y, x]` on the grid of the first file.
///
/// # Errors
/// [`CaseError`], naming the file.
pub fn read_image(case: &Case) -> Result<Volume, CaseError> {
    let Some((first, others)) = case.images.split_first() else {
        return Err(CaseError::NoImage { case: case.name.clone() });
    };
    let mut image = read_channel(case, 0, first)?;
    for (index, path) in others.iter().enumerate() {
        let mut channel = read_channel(case, index + 1, path)?;
        let wrong = |difference| CaseError::ChannelGrid { path: path.clone(), difference };
        let same = image.geometry.same_grid(&channel.geometry, GRID_TOLERANCE);
        match (same, reordered(&channel.geometry, &image.geometry)) {
            (Ok(()), _) => {}
            (_, Some(lattice)) => channel = on_first(&channel, &image.geometry, lattice),
            _ if case.reading.resample_channels => channel = grid::resample_volume_to(&channel, &image.geometry),
            (Err(difference), None) => return Err(wrong(difference)),
        }
        image.voxels = concatenate(Axis(0), &[image.voxels.view(), channel.voxels.view()])
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(image)
}

/// How a grid has the same voxels as another in another order; `None` if it has others.
fn reordered(channel: &Geometry, first: &Geometry) -> Option<Lattice> {
    Lattice::of(channel, first, Lattice::tolerance(first, GRID_TOLERANCE)).filter(Lattice::is_same)
}

fn on_first(channel: &Volume, first: &Geometry, lattice: Lattice) -> Volume {
    let mut voxels = ndarray::Array4::zeros((channel.voxels.dim().0, first.shape[0], first.shape[1], first.shape[2]));
    for (stored, mut put) in channel.voxels.outer_iter().zip(voxels.outer_iter_mut()) {
        put.assign(&lattice.put(stored));
    }
    Volume { voxels, geometry: first.clone() }
}

/// Reads one file, a DICOM folder, or a folder of 2D images. Where it states no spacing, the dataset's counts.
fn read_channel(case: &Case, channel: usize, path: &Path) -> Result<Volume, ReadError> {
    let Volume { voxels, geometry } = match case.stack_spacing_mm {
        Some(spacing_mm) => raster::read_stack(&pictures(path)?, spacing_mm),
        None if Format::of(path)? == Format::DicomImage => dicom::read_series(path, &case.choice(channel)),
        None => read_volume(path),
    }?;
    Ok(Volume { voxels, geometry: case.reading.spaced(geometry) })
}

/// Reads the label map of a case on the grid of its image.
///
/// # Errors
/// [`CaseError`]: missing or unreadable labels, or labels on another grid if the dataset does not allow it.
pub fn read_label(case: &Case, image: &Geometry) -> Result<LabelMap, CaseError> {
    Ok(label::read(case, image)?.labels)
}

/// Which reading of the label files was taken where they leave a choice; one text per remark, beginning with the file.
#[derive(Debug, Default)]
pub struct Notes(pub Vec<String>);

impl Notes {
    /// Adds a remark on a file.
    pub fn add(&mut self, file: &Path, text: impl std::fmt::Display) {
        self.0.push(format!("{}: {text}", file.display()));
    }
}

/// The PNG and TIFF files in a folder, sorted by name.
///
/// # Errors
/// [`ReadError::Open`] if the folder cannot be listed.
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
