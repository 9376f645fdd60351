//! What metrics are computed from, and the values of structures that are empty in reference or prediction.

use crate::evaluate::shape::{Shape, Surfaces};
use crate::evaluate::{Criteria, Overlap};

/// Input of the metrics: one structure in one case, reference against prediction. Whatever else a metric needs becomes a field, computed
/// once for all metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricInput {
    /// Confusion counts in voxels of the original grid.
    pub counts: Overlap,
    /// Volume of a voxel, mL; `None` for images without spacing.
    pub voxel_ml: Option<f64>,
    /// Measures of the masks; `None` where only counts were asked for.
    pub shape: Option<Shape>,
    /// What was asked for.
    pub criteria: Criteria,
    /// Lengths in the image; `None` for a sheared grid, on which spacing does not describe them.
    pub grid: Option<Grid>,
    /// Distance of the centres of mass; `None` if a mask is empty.
    pub centre_distance: Option<f64>,
}

/// Lengths in an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Unit of all its lengths.
    pub unit: LengthUnit,
    /// The longest possible distance: the diagonal of the box that the voxels fill.
    pub diagonal: f64,
}

/// Unit of distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthUnit {
    /// Millimetres.
    Millimetres,
    /// Voxels, for images without spacing.
    Voxels,
}

impl LengthUnit {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Millimetres => "mm",
            Self::Voxels => "voxel",
        }
    }

    /// The unit of a name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Millimetres, Self::Voxels].into_iter().find(|unit| unit.name() == name)
    }
}

/// Where a structure is.
enum Presence {
    Both,
    One,
    Neither,
}

impl MetricInput {
    fn presence(&self) -> Presence {
        match (self.counts.reference() > 0, self.counts.prediction() > 0) {
            (true, true) => Presence::Both,
            (false, false) => Presence::Neither,
            _ => Presence::One,
        }
    }

    /// A value for two masks, the worst if one of them is empty, none if both are.
    fn or_worst(&self, value: Option<f64>, worst: Option<f64>) -> Option<f64> {
        match self.presence() {
            Presence::Both => value,
            Presence::One => worst,
            Presence::Neither => None,
        }
    }

    fn distance(&self, value: Option<f64>) -> Option<f64> {
        self.shape?;
        self.or_worst(value, Some(self.grid?.diagonal))
    }

    pub(super) fn surface_distance(&self, of: fn(&Surfaces) -> f64) -> Option<f64> {
        self.distance(self.shape?.surfaces.as_ref().map(of))
    }

    pub(super) fn centre_distance(&self) -> Option<f64> {
        self.distance(self.centre_distance)
    }

    /// The tolerance, if distances have its unit.
    fn tolerance(&self) -> Option<f64> {
        self.criteria.tolerance_mm.filter(|_| self.grid.is_some_and(|grid| grid.unit == LengthUnit::Millimetres))
    }

    pub(super) fn nsd(&self) -> Option<f64> {
        self.tolerance()?;
        self.or_worst(self.shape?.surfaces.and_then(|surfaces| surfaces.nsd), Some(0.0))
    }

    pub(super) fn boundary_iou(&self) -> Option<f64> {
        self.tolerance()?;
        self.or_worst(self.shape?.boundary_iou, Some(0.0))
    }

    pub(super) fn component_difference(&self) -> Option<f64> {
        let components = self.shape?.components;
        Some(components.prediction as f64 - components.reference as f64)
    }

    /// 2·TP / (2·TP + FP + FN) of instances; 0 if one mask is empty, none if both are.
    pub(super) fn lesion_f1(&self) -> Option<f64> {
        let components = self.shape?.components;
        let all = components.reference + components.prediction;
        let detected = components.detected.filter(|_| all > 0)?;
        Some(2.0 * detected as f64 / all as f64)
    }

    pub(super) fn cl_dice(&self) -> Option<f64> {
        let value = self.shape?.cl_dice;
        self.or_worst(value, Some(0.0)).filter(|_| self.criteria.tubular)
    }
}
