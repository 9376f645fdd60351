//! NRRD, the format of 3D Slicer: `.nrrd`, `.nhdr` with its data in other files, and `.seg.nrrd` with named segments.
//!
//! Source: the format's definition at <https://teem.sourceforge.net/nrrd/format.html>; where it leaves a choice, Teem and ITK are
//! followed, as `tests/reference/nrrd_files.py` checks. World coordinates are converted to RAS+ on reading.
//!
//! A header may name any file in its own folder or below as its data, and none outside.

mod axes;
mod data;
mod files;
mod format;
mod header;
mod read;
mod segments;
mod text;
mod words;
mod write;
mod write_segments;

pub(crate) use format::{FORMAT, SEGMENTS};
pub use header::read_header;
pub use read::{check_exact, names_segments, read_label_map, read_volume};
pub use segments::{named_values, read_segments};
pub use write::{write_label_map, write_segmentation, write_volume};
pub use write_segments::write_segments;

#[cfg(test)]
mod tests;
