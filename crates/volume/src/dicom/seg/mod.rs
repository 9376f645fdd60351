//! DICOM segmentation objects: binary, fractional and label maps.

mod color;
mod coding;
mod content;
mod place;
mod read;
mod source;
mod values;
mod write;

pub use coding::{Algorithm, Code, SegmentCoding, SegmentationHeader};
pub use read::{is_segments, read_segments, referenced_series, source_slices};
pub use values::renumbered;
pub use write::{write_anonymous_segments, write_segments};
