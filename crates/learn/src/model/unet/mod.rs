//! U-Net (Ronneberger 2015; Çiçek 2016; Isensee 2021), 2D and 3D by the same code.

mod network;
mod size;
mod spec;

pub use network::UNet;
pub use spec::{Unet, UnetPlan};

#[cfg(test)]
mod tests;
