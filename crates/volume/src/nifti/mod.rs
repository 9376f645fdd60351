//! NIfTI, the field's common image format: `.nii`, and `.hdr` beside `.img`, each plain or compressed, told apart by
//! content. Versions 1 and 2 are read, version 1 is written.
//!
//! Source: the header definitions `nifti1.h` and `nifti2.h`; where they leave a choice, nibabel's is taken and pinned by
//! `tests/reference/nifti.py`.

mod affine;
mod format;
mod header;
mod pair;
mod raw;
mod read;
mod write;

pub(crate) use format::FORMAT;
pub use header::{Header, read_header};
pub use read::{read_label_map, read_volume};
pub use write::{write_label_map, write_segmentation, write_volume};

#[cfg(test)]
mod tests;
