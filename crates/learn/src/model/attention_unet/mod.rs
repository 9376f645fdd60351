//! Attention U-Net (Oktay 2018), 2D and 3D by the same code.

mod network;
mod spec;

pub use network::AttentionUNet;
pub use spec::{AttentionUnet, AttentionUnetPlan};

#[cfg(test)]
mod tests;
