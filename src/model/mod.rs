//! Networks. One folder or file per architecture with its spec, its module and its tests; `block` holds what they share.

pub mod block;
pub mod spec;
pub mod unet;

pub use spec::{Interface, Model, ModelPlan};
