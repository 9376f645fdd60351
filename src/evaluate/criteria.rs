//! By what each structure is measured: settings of the experiment, and what the dataset states about the structure.

use serde::Serialize;

use super::Evaluate;
use crate::dataset::{Target, TargetStructure};

/// What is measured of one structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Criteria {
    /// Tolerance of NSD and width of boundary IoU.
    pub tolerance_mm: Option<f64>,
    /// IoU from which two components are the same instance, if the structure has instances.
    pub instance_iou: Option<f64>,
    /// Whether it has a centreline.
    pub tubular: bool,
}

impl Evaluate {
    /// The criteria of every structure, in the order of the target. They decide about scores; what else the settings hold does not.
    pub fn criteria(&self, target: &Target) -> Vec<Criteria> {
        let Self { success_dice: _, tolerance_mm, structure_tolerances_mm, instance_iou, rank: _ } = self;
        let of = |structure: &TargetStructure| Criteria {
            tolerance_mm: structure_tolerances_mm.get(&structure.name).copied().or(*tolerance_mm),
            instance_iou: structure.instances.then_some(*instance_iou),
            tubular: structure.tubular,
        };
        target.structures.iter().map(of).collect()
    }
}
