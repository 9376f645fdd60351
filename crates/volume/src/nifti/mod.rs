//! NIfTI, the field's common image format: `.nii`, or `.hdr` beside `.img`, each plain or compressed; the content decides.
//! Versions 1 and 2 are read, version 1 is written.
//!
//! Headers of version 1 are those of the [`nifti`](https://docs.rs/nifti) crate. The rest is our own:
//!
//! - NIfTI-2: the crate reads version 1 only.
//! - Reading voxels: the crate inflates through a stream and keeps the stored bytes beside the converted values. Here a file is
//!   inflated as a whole, in about half the time, and converted on all threads, as long as that fits into memory; a damaged or
//!   truncated file is named with what is missing, and a header cannot claim more memory than its file could fill.
//! - Typed voxels: intensities and labels are checked while they are converted; NaN, and label values that are no labels, are named
//!   with their voxel. Slope and intercept are applied in f64, as in nibabel.
//! - The affine: the crate's panics at negative voxel sizes, at a `qfac` that is neither 1 nor −1, at quaternions that rounding made
//!   too long and at images of two dimensions, and it ignores the unit of length.
//! - Writing: the crate replaces the ending of the path by its own, wants the voxels in memory in their stored type, and loses the
//!   error of a full disk at the end of an uncompressed file. Here files are written whole or not at all.
//!
//! Source: the header definitions `nifti1.h` and `nifti2.h`; where they leave a choice, nibabel's is taken and pinned by
//! `tests/reference/nifti.py`.

mod affine;
mod bytes;
mod format;
mod header;
mod pair;
mod raw;
mod read;
mod write;

pub(crate) use format::FORMAT;
pub use header::{Header, read_header, second_grid};
pub use read::{check_exact, read_label_map, read_volume};
pub use write::{write_label_map, write_segmentation, write_volume};

#[cfg(test)]
mod tests;
