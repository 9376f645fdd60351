//! DICOM: image series and segmentation objects, read and written; contours of structure sets (RTSTRUCT), read.
//!
//! Source: the DICOM standard (PS3.3 for modules, PS3.5 for encodings, PS3.6 for elements); where it leaves a choice, pydicom, SimpleITK
//! and highdicom are followed, as `tests/reference/dicom.py` checks.
//!
//! - Slices are ordered and spaced by ImagePositionPatient along the normal of ImageOrientationPatient, never by
//!   InstanceNumber or SliceThickness. LPS is converted to RAS on reading; oblique and sheared grids keep their affine.
//! - One series UID may hold several stacks (orientations, echoes, b-values, time points): each is listed by [`scan`] and
//!   chosen by [`Choice`]; nothing is picked silently.
//! - Pixel padding stays as stored, as in SimpleITK and dcm2niix, so that images match converted files that networks were trained on.
//! - MONOCHROME1 (low values are white) is inverted for radiographs; CT, PET and NM values have a unit and stay.
//! - Frames may be uncompressed, deflated, RLE, JPEG (8 bits, or lossless), JPEG-LS or JPEG 2000.

mod anatomy;
mod anonymise;
mod codec;
mod element;
mod file;
mod format;
mod frames;
mod grid;
mod identity;
mod inspect;
mod kind;
mod pixel;
mod plane;
mod read;
mod rt;
mod scan;
mod seg;
mod series;
mod stack;
mod syntax;
mod value;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use anatomy::coding;
pub use anonymise::{Anonymous, CopyError, anonymise};
pub(crate) use format::{IMAGES, SEGMENTS};
pub use grid::Gaps;
pub use identity::{Identity, identity};
pub use kind::Content;
pub(crate) use rt::CONTOURS;
pub use rt::{ContourFacts, Contoured, On, RoiFacts, contour_facts, is_contours, only_contours, read_contours};
pub use scan::{Scan, SeriesSummary, content_of, label_objects, name_of, only_segments, scan};
pub use seg::{
    Algorithm, Code, SegmentCoding, SegmentationHeader, is_segments, read_segments, referenced_series, source_slices,
    write_anonymous_segments, write_segments,
};
pub use series::{Choice, Series, read_series};
pub use write::{Modality, SeriesHeader, write_series};

use super::ReadError;

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Damaged { path: path.into(), reason: reason.into() }
}

pub(super) fn unsupported(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Unsupported { path: path.into(), reason: reason.into() }
}
