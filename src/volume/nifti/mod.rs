//! NIfTI-1, the field's common image format: `.nii` and `.nii.gz`, told apart by content.
//!
//! Source: the NIfTI-1 header definition (`nifti1.h`); where that leaves a choice, nibabel's is taken and pinned by
//! `tests/reference/nifti.py`.

mod affine;
mod header;
mod read;
mod write;

pub use header::{Header, read_header};
pub use read::{read_label_map, read_volume};
pub use write::{write_label_map, write_segmentation, write_volume};

#[cfg(test)]
mod tests;
