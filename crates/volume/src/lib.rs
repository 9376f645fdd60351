//! Images and label maps with their geometry, and the file formats they come in.
//!
//! `volume` knows nothing of datasets: it reads one file or one series with its position in the patient.

pub mod colour_table;
pub mod components;
pub mod convert;
pub mod depth;
pub mod dicom;
pub mod envelope;
pub mod geometry;
pub mod label_names;
pub mod lattice;
pub mod nifti;
pub mod nrrd;
pub mod orientation;
pub mod raster;
pub mod resample;
pub mod rle;
pub mod segments;
pub mod surface;
pub mod window;
mod facts;
pub mod format;
mod stored;
mod warning;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use segspec_base::{files, memory};

use ndarray::{Array3, Array4};

pub use facts::{Facts, ImageFacts, SurfaceFacts, facts};
pub use format::{Format, read_geometry, read_header, read_label_map, read_segments, read_volume};
pub use format::{write_label_map, write_segmentation, write_segments, write_volume};
pub use geometry::Geometry;
pub use lattice::Lattice;
pub use nifti::Header;
pub use orientation::{Arrangement, Axes};
pub use segments::{Segment, Segments, is_same_name};
pub use warning::image_warnings;

/// An image: `voxels[channel, z, y, x]` in the units of its modality, with its grid in world coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Intensities, shape `[channel, depth, height, width]`.
    pub voxels: Array4<f32>,
    /// The grid that every channel shares.
    pub geometry: Geometry,
}

/// A label map: `voxels[z, y, x]` holds the value of the structure at each voxel, 0 is background.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelMap {
    /// Label values, shape `[depth, height, width]`.
    pub voxels: Array3<u16>,
    /// The grid.
    pub geometry: Geometry,
}

/// A segmentation of one case.
#[derive(Clone, Debug, PartialEq)]
pub enum Segmentation {
    /// Structures that do not overlap: each voxel holds the value of its structure.
    Labels(LabelMap),
    /// Structures that may overlap: `masks[structure, z, y, x]` is 0 or 1.
    Masks {
        /// Shape `[structure, depth, height, width]`.
        masks: Array4<u8>,
        /// The grid.
        geometry: Geometry,
    },
}

/// Why a file cannot be read. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is missing or cannot be opened.
    #[error("{path}: {}", files::reason(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file ends early, or its header contradicts its content.
    #[error("{path}: damaged file: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that this machine has no memory for.
    #[error("{path}: {reason}")]
    Memory {
        /// The file.
        path: PathBuf,
        /// Wanted and free memory, and what to do.
        reason: String,
    },
    /// A valid file with content that segspec does not support.
    #[error("{path}: {reason}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported, and what to do.
        reason: String,
    },
}

impl ReadError {
    /// Whether the machine (permission, memory) is the reason, rather than the file.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Open { source, .. } => files::is_environment(source),
            Self::Memory { .. } => true,
            Self::Damaged { .. } | Self::Unsupported { .. } => false,
        }
    }
}

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be written: {reason}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub reason: String,
    /// Whether the disk or a permission is the reason (exit code 7), rather than the data.
    pub environment: bool,
}

impl WriteError {
    /// The file cannot hold the data.
    pub fn refused(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), environment: false }
    }

    /// The operating system's error.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        Self { path: path.into(), reason: files::reason(error), environment: files::is_environment(error) }
    }
}
