//! Prediction: sliding window, test-time augmentation, post-processing, export.

pub mod components;
pub mod export;
pub mod infer;
pub mod mirror;
pub mod spec;
pub mod window;

use std::sync::atomic::AtomicBool;

use crate::dataset::Target;
use crate::preprocess::{Prepared, restore_segmentation};
use crate::volume::Segmentation;

pub use components::keep_largest_components;
pub use infer::Predictor;
pub use mirror::mirroring;
pub use spec::{Predict, PredictPlan};

/// Why a case could not be segmented.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The network's output does not fit the case: the run folder was changed.
    #[error(transparent)]
    Shape(#[from] crate::preprocess::restore::ShapeError),
}

/// Segments one prepared case on the grid and in the orientation of its image file.
///
/// # Errors
/// See [`PredictError`].
pub fn segment(
    predictor: &Predictor,
    prepared: &Prepared,
    target: &Target,
    cancelled: &AtomicBool,
) -> Result<Segmentation, PredictError> {
    let probabilities = predictor.probabilities(prepared.image.view(), cancelled).ok_or(PredictError::Cancelled)?;
    let plan = predictor.plan;
    let mut segmentation = restore_segmentation(probabilities.view(), target, plan.threshold, &prepared.origin)?;
    keep_largest_components(&mut segmentation, target, &plan.largest_component);
    Ok(segmentation)
}

#[cfg(test)]
mod tests;
