//! Losses. One file per term.

pub mod spec;
pub use spec::{Loss, default_terms};
