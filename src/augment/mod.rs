//! Random patches for training: where they are cut, and how they are changed.

pub mod patch;
pub mod spec;

pub use spec::{Augment, Axis};
