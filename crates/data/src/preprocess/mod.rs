//! Preprocessing from files to network input, cached by content hash.

pub mod spec;
pub mod crop;
pub mod intensity;
mod metal;
pub mod orientation;
pub mod resample;
pub mod foreground;
pub mod case;
pub mod outputs;
pub mod restore;
pub mod cache;
pub mod fingerprint;
pub mod place;
pub mod progress;
pub mod source;
mod entry;
mod percentile;

pub use cache::{PreparedCase, PreparedSet, prepare};
pub use case::{CaseError, Origin, Prepared, on_prepared_grid, prepare_case, with_label_channels};
pub use fingerprint::{Fingerprint, fingerprint};
pub use orientation::Orientation;
pub use outputs::{Gathered, Outputs};
pub use progress::{Outcome, PrepareError, Progress};
pub use restore::{restore_mean, restore_probabilities, restore_segmentation, restore_slices};
pub use spec::{Preprocess, PreprocessPlan};
