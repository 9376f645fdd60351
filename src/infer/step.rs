//! Progress of a segmentation.

/// What a segmentation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The image is brought into the form that a network takes.
    Prepare {
        /// Which of the networks, counted from 0.
        network: usize,
        /// Their number.
        of: usize,
    },
    /// A network segments the windows of the image.
    Network {
        /// Which of the networks, counted from 0.
        network: usize,
        /// Their number.
        of: usize,
        /// Windows done, of how many.
        windows: [usize; 2],
    },
    /// The outputs become labels on the grid of the image.
    Restore,
}
