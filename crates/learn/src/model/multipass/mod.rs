//! MultiPass U-Net: a sequence of U-Nets, each of which takes the image and the previous prediction as input.

mod network;
mod spec;

pub use network::MultipassUNet;
pub use spec::{MultipassUnet, MultipassUnetPlan};

#[cfg(test)]
mod tests;
