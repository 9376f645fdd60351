//! Convolutions with three taps per axis and stride 1 by Winograd's minimal filtering: 3.4 times fewer multiplications in
//! three dimensions, 2.25 times in two.
//!
//! `tiles` cuts the output into tiles of 2×2×2 voxels and transforms the tiles of images and of gradients; a product of
//! matrices per transformed place remains, over the channels. `forward` turns the products into images, `weight_gradient`
//! into the gradient of the weights, `weights` transforms weights there and back.

mod forward;
mod tiles;
mod weight_gradient;
mod weights;

pub use forward::convolve;
pub use tiles::Tiling;
pub use weight_gradient::weight_gradient;
