//! Scores per case and structure, on the original grid; never sees a tensor.

pub mod spec;
pub use spec::Evaluate;
