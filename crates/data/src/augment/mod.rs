//! Random patches for training: where they are cut, and how they are augmented.
//!
//! A patch is cut, or, where a spatial transform takes place, resampled once through one composed map (`spatial`). Then its
//! intensities are transformed in a fixed order (`intensity`), and mirroring comes last. Everything is drawn from the patch's own
//! random stream, so that a patch is bit-equal whatever thread makes it.
//!
//! A new transform is a file with its table and one line in the list of [`spec`] (docs/extending.md).

pub mod dice;
pub mod intensity;
pub mod patch;
pub mod plan;
pub mod preset;
pub mod spatial;
pub mod spec;
pub mod transform;

pub use plan::AugmentPlan;
pub use spec::{Augment, Axis};
