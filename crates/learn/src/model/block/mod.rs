//! Building blocks shared by architectures.

pub mod spec;
mod activation;
mod conv;
mod dropout;
mod linear;
mod norm;
mod stage;
mod supervised;
mod weights;
#[cfg(test)]
mod tests;

pub use activation::Activate;
pub use conv::{Conv, Upsample};
pub use dropout::{DropoutRng, drop_features, drop_samples};
pub use linear::{Linear, TokenNorm, images, linear, tokens};
pub use norm::{NormLayer, groups};
pub use spec::{Activation, InitialWeights, Norm};
pub use stage::{ConvNormAct, Residual, Stage, Style};
pub use supervised::Supervised;
pub use weights::Weights;
