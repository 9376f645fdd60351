//! MultiPass U-Net: U-Nets one after the other, each of which sees the image and what the one before found.

mod network;
mod spec;

pub use network::MultipassUNet;
pub use spec::{MultipassUnet, MultipassUnetPlan};

#[cfg(test)]
mod tests;
