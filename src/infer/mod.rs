//! Trained networks at work: on images that nobody has seen, and on validation cases while they train.

pub mod look;
pub mod trained;
pub mod validate;

pub use look::{Look, Looker};
pub use trained::{InferError, Trained};
pub use validate::Validator;
