//! Network architectures, losses, clicks, the training loop, sliding-window prediction, and the self-test of devices.

pub use segspec_backend as backend;
pub use segspec_base::{Cancel, cancel, files, memory, random};
pub use segspec_data::{augment, auto, dataset, preprocess};
pub use segspec_volume as volume;
pub mod graph;
pub mod model;
pub mod loss;
pub mod interact;
pub mod predict;
pub mod train;
pub mod selftest;
