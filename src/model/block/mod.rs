//! The parts that architectures share.

pub mod spec;

pub use spec::{Activation, Norm};
