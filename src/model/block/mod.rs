//! The parts that architectures share.

pub mod spec;
mod conv;
mod norm;
mod stage;
mod weights;
#[cfg(test)]
mod tests;

pub use conv::{Conv, Upsample};
pub use norm::{NormLayer, groups};
pub use spec::{Activation, Norm};
pub use stage::{ConvNormAct, Residual, Stage, Style};
pub use weights::Weights;
