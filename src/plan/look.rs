//! Where in an image a network looks: everywhere, or where the first stage of a cascade says.

use serde::{Deserialize, Serialize};

use super::RunIds;
use crate::auto::Auto;
use crate::spec::cascade::Cascade;

/// Where structures are looked for. Everything else is background.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum LookPlan {
    /// In the whole image.
    #[default]
    Everywhere,
    /// In the slices that a classifier selects.
    Slices {
        /// The classifier's run.
        first: RunIds,
        /// Probability from which a slice is segmented.
        threshold: Auto<f64>,
        /// Fraction of the slices with a structure that an `"auto"` threshold keeps.
        sensitivity: f64,
        /// Slices within this distance of a selected one are segmented, too.
        margin_mm: f64,
    },
    /// In the bounding box of a coarse segmentation.
    Box {
        /// The coarse network's run.
        first: RunIds,
        /// Margin around the box.
        margin_mm: f64,
    },
}

impl LookPlan {
    /// The resolved form of a cascade whose first stage is a run.
    pub fn of(cascade: &Cascade, first: RunIds) -> Self {
        match cascade {
            Cascade::Slices(stage) => {
                let (threshold, sensitivity, margin_mm) = (stage.threshold, stage.sensitivity, stage.margin_mm);
                Self::Slices { first, threshold, sensitivity, margin_mm }
            }
            Cascade::Coarse(stage) => Self::Box { first, margin_mm: stage.margin_mm },
        }
    }

    /// The run of the first stage, where there is one.
    pub fn first(&self) -> Option<&RunIds> {
        match self {
            Self::Everywhere => None,
            Self::Slices { first, .. } | Self::Box { first, .. } => Some(first),
        }
    }

    /// The same with another run as the first stage.
    pub fn first_mut(&mut self) -> Option<&mut RunIds> {
        match self {
            Self::Everywhere => None,
            Self::Slices { first, .. } | Self::Box { first, .. } => Some(first),
        }
    }
}
