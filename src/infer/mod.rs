//! Inference with trained networks on new images, also as a person clicks, and with networks in training on validation cases.

pub mod clicks;
mod error;
pub mod look;
mod member;
pub mod refine;
mod step;
pub mod trained;
pub mod validate;

pub use clicks::Prompt;
pub use error::{ClickError, InferError, OpenError};
pub use look::{FirstStage, Selection};
pub use refine::Refiner;
pub use step::Step;
pub use trained::Trained;
pub use validate::Validator;
