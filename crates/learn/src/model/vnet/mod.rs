//! V-Net (Milletari 2016), 2D and 3D by the same code.

mod network;
mod spec;

pub use network::VNet;
pub use spec::{Vnet, VnetPlan};

#[cfg(test)]
mod tests;
