//! Training data: datasets and their splits, preprocessed cases, augmentation. Independent of the tensor library.

pub use segspec_base::{Cancel, counted, files, memory, random};
pub use segspec_volume as volume;
pub mod auto;
pub mod dataset;
pub mod preprocess;
pub mod augment;
