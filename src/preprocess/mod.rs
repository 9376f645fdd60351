//! From files to network input, cached by content.

pub mod spec;
pub mod crop;
pub mod intensity;
pub mod resample;
mod percentile;

pub use spec::{Preprocess, PreprocessPlan};
