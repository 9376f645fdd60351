//! Convolutions with stride 1 and 3×3 or 5×5 taps along y and x by Winograd's minimal filtering, with a quarter or about a third of the
//! multiplications.
//!
//! `tiles` cuts the output into tiles of 4×4 (2×2) voxels of a plane and transforms the tiles of images and gradients. For each
//! transformed position remains a matrix product over the channels and the taps along z. `forward` turns the products into images and
//! `weight_gradient` into the gradient of the weights; `weights` transforms weights and their gradients.

mod forward;
mod tiles;
mod weight_gradient;
mod weights;

pub use forward::convolve;
pub use tiles::Tiling;
pub use weight_gradient::weight_gradient;
