//! Prediction: sliding window, test-time augmentation, post-processing, export.

pub mod blend;
pub mod components;
pub mod export;
pub mod infer;
pub mod mirror;
pub mod region;
pub mod slices;
pub mod spec;
mod sums;

use crate::Cancel;
use crate::dataset::Target;
use crate::preprocess::{Origin, Outputs, Prepared, restore_mean};
use crate::volume::Segmentation;

pub use components::{keep_largest_components, keep_largest_unions};
pub use infer::Predictor;
pub use mirror::mirroring;
pub use region::Region;
pub use spec::{Predict, PredictPlan};

/// Why a case could not be segmented.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The network's output does not match the case: the run folder was changed.
    #[error(transparent)]
    Shape(#[from] crate::preprocess::restore::ShapeError),
}

/// Segments one prepared case on the grid and in the orientation of its image file; with a region, only inside it.
///
/// # Errors
/// See [`PredictError`].
pub fn segment(
    predictor: &Predictor,
    prepared: &Prepared,
    target: &Target,
    region: Option<&Region>,
    cancelled: &Cancel,
) -> Result<Segmentation, PredictError> {
    let image = prepared.image.view();
    let outputs = predictor.outputs(image, region, cancelled).ok_or(PredictError::Cancelled)?;
    decode(&[(outputs, prepared.origin.clone())], target, predictor.plan)
}

/// Converts outputs to a segmentation on the grid of the image file: those of one network, or the mean of several, each on its own grid.
///
/// # Errors
/// [`PredictError::Shape`].
pub fn decode(found: &[(Outputs, Origin)], target: &Target, plan: &PredictPlan) -> Result<Segmentation, PredictError> {
    let views: Vec<_> = found.iter().map(|(outputs, origin)| (outputs, origin)).collect();
    let mut segmentation = restore_mean(&views, target, plan.threshold)?;
    keep_largest_unions(&mut segmentation, &plan.largest_union);
    keep_largest_components(&mut segmentation, target, &plan.largest_component);
    Ok(segmentation)
}

#[cfg(test)]
mod tests;
