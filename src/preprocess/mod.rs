//! From files to network input, cached by content.

pub mod spec;
pub use spec::{Preprocess, PreprocessPlan};
