//! Networks that take clicks: what they are told besides the image, and clicks simulated from the errors of a segmentation.
//!
//! The design is DeepEdit's (Diaz-Pinto et al. 2022, arXiv 2305.10655): the network stays that of the automatic segmentation, and further
//! input channels say where a person saw which structure. docs/interact.md says why.

pub mod classes;
pub mod guidance;
pub mod simulate;
pub mod spec;

pub use classes::Classes;
pub use guidance::Guidance;
pub use spec::Interact;

/// A click on the grid of a prepared image or of a patch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Click {
    /// Place in fractional indices `[z, y, x]`.
    pub at: [f64; 3],
    /// What is there: 0 background, i the structure i − 1.
    pub class: usize,
}
