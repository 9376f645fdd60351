//! Inference with trained networks on new images, and with networks in training on validation cases.

mod error;
pub mod look;
mod member;
mod step;
pub mod trained;
pub mod validate;

pub use error::{InferError, OpenError};
pub use look::{FirstStage, Selection};
pub use step::Step;
pub use trained::Trained;
pub use validate::Validator;
