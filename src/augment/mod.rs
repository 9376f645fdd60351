//! Random patches for training: where they are cut, and how they are changed.
//!
//! A patch is cut, or, where a spatial change is drawn, sampled once through one composed map (`spatial`); then its
//! intensities change in a fixed order (`intensity`); mirroring comes last. Everything is drawn from the patch's own random
//! stream, so a patch is the same bits whatever thread makes it.

pub mod dice;
pub mod intensity;
pub mod patch;
pub mod plan;
pub mod preset;
pub mod spatial;
pub mod spec;

pub use plan::AugmentPlan;
pub use spec::{Augment, Axis};
