//! What is measured on the masks of a structure, beyond counts of voxels.
//!
//! Reference and prediction are cropped to the box around both ([`Crop`]), so that time and memory are bounded by the structure, not by the
//! image.

mod boundary;
mod components;
mod crop;
mod elements;
mod nearest;
mod skeleton;
mod surfaces;
mod triangles;

pub use components::Components;
pub use crop::{Bounds, Crop, PREDICTION, REFERENCE, axis_order};
pub use nearest::Steps;
pub use surfaces::Surfaces;

use super::Criteria;

/// Measures of a structure in a case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    /// Distances between the surfaces; `None` if a mask is empty or the grid has no distances.
    pub surfaces: Option<Surfaces>,
    /// IoU of the bands along the boundary; `None` without a tolerance.
    pub boundary_iou: Option<f64>,
    /// Connected components.
    pub components: Components,
    /// Centreline Dice of a tubular structure.
    pub cl_dice: Option<f64>,
}

impl Shape {
    /// Of a structure that is empty in both.
    pub fn of_nothing(criteria: &Criteria) -> Self {
        let detected = criteria.instance_iou.map(|_| 0);
        Self { components: Components { detected, ..Components::default() }, ..Self::default() }
    }
}

/// Measures a structure. Without `steps`, the grid has no distances; tolerances count only where they are in millimetres.
pub fn measure(crop: &Crop, criteria: &Criteria, steps: Option<&Steps>, in_mm: bool) -> Shape {
    let both = [REFERENCE, PREDICTION].into_iter().all(|bit| crop.voxels.iter().any(|voxel| voxel & bit != 0));
    let tolerance = criteria.tolerance_mm.filter(|_| in_mm && steps.is_some());
    Shape {
        surfaces: steps.filter(|_| both).map(|steps| surfaces::surfaces(crop, tolerance, steps)),
        boundary_iou: tolerance.filter(|_| both).and_then(|width| boundary::boundary_iou(crop, width)),
        components: components::components(crop, criteria.instance_iou),
        cl_dice: (criteria.tubular && both).then(|| skeleton::cl_dice(crop)).flatten(),
    }
}

#[cfg(test)]
mod tests;
