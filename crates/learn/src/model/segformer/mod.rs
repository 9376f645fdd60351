//! SegFormer (Xie 2021): a hierarchical transformer encoder (MiT) and a decoder of linear layers. 2D only.

mod attention;
mod decoder;
mod encoder;
mod names;
mod network;
mod spec;

pub use network::SegFormer;
pub use spec::{MitSize, Segformer, SegformerPlan};

#[cfg(test)]
mod tests;
