//! What a network sees of an image: all of it, or what the first stage of a cascade selects or adds.

use serde::{Deserialize, Serialize};

use super::RunIds;
use crate::auto::Auto;
use crate::spec::cascade::Cascade;

/// The region to segment. Everything outside is background.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum LookPlan {
    /// The whole image.
    #[default]
    Everywhere,
    /// The slices selected by a classifier.
    Slices {
        /// The classifier's run.
        first: RunIds,
        /// Minimum probability of a selected slice.
        threshold: Auto<f64>,
        /// Fraction of the slices with a structure that an `"auto"` threshold keeps.
        sensitivity: f64,
        /// Slices within this distance of a selected slice are segmented too.
        margin_mm: f64,
    },
    /// The whole image, with the segmentation of another network as further channels, one per label value (nnU-Net's cascade).
    Labels {
        /// The other network's run.
        first: RunIds,
        /// The label values.
        values: Vec<u16>,
    },
    /// The bounding box of a coarse segmentation.
    Box {
        /// The coarse network's run.
        first: RunIds,
        /// Margin around the box.
        margin_mm: f64,
    },
}

impl LookPlan {
    /// Resolves a cascade, given the run of its first stage.
    pub fn of(cascade: &Cascade, first: RunIds) -> Self {
        match cascade {
            Cascade::Slices(stage) => {
                let (threshold, sensitivity, margin_mm) = (stage.threshold, stage.sensitivity, stage.margin_mm);
                Self::Slices { first, threshold, sensitivity, margin_mm }
            }
            Cascade::Coarse(stage) => Self::Box { first, margin_mm: stage.margin_mm },
        }
    }

    /// The run of the first stage, if any.
    pub fn first(&self) -> Option<&RunIds> {
        match self {
            Self::Everywhere => None,
            Self::Slices { first, .. } | Self::Labels { first, .. } | Self::Box { first, .. } => Some(first),
        }
    }

    /// Number of channels that the first stage adds to those of the image.
    pub fn channels(&self) -> usize {
        match self {
            Self::Labels { values, .. } => values.len(),
            _ => 0,
        }
    }

    /// The run of the first stage, to replace it.
    pub fn first_mut(&mut self) -> Option<&mut RunIds> {
        match self {
            Self::Everywhere => None,
            Self::Slices { first, .. } | Self::Labels { first, .. } | Self::Box { first, .. } => Some(first),
        }
    }
}
