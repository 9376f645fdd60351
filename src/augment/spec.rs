//! What an experiment says about augmentation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::intensity::{Blur, Brightness, Contrast, Dropout, Gamma, LowResolution, Noise, Scale, Shift, Streaks};
use super::spatial::{Elastic, Rotation, Shear, Translation, Zoom};

/// Random changes of training patches: a preset, and tables that replace or add to it.
///
/// A table that is written replaces the preset's table of the same name as a whole; keys that it leaves out have the defaults
/// below. `probability = 0` switches a transform off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Augment {
    /// A set of transforms to start from.
    pub preset: Preset,
    /// Axes that are flipped, each with probability one half. Left out: the preset's. Structures that the dataset's
    /// `labels.mirror-pairs` names change places when the width is flipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Vec<Axis>>,
    /// Turn about each axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Enlarge or shrink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoom: Option<Zoom>,
    /// Shear along each axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shear: Option<Shear>,
    /// Move along each axis: a random crop around the drawn place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<Translation>,
    /// Smooth deformation by a B-spline grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
    /// Streaks from metal-like points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaks: Option<Streaks>,
    /// Gaussian noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Gaussian blur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    /// Multiply, below or above 1 with equal chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<Brightness>,
    /// Stretch around the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// Multiply, uniformly in a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Add a constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
    /// Sample down and up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_resolution: Option<LowResolution>,
    /// Gamma curve of the image with bright and dark exchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverted_gamma: Option<Gamma>,
    /// Gamma curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<Gamma>,
    /// Boxes without image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<Dropout>,
}

/// A named set of transforms with their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nothing but what is written.
    #[default]
    None,
    /// nnU-Net's default set: rotation, zoom, noise, blur, brightness, contrast, low resolution, gamma, mirroring.
    NnuNet,
    /// A set in the manner of MONAI's tutorials: affine, elastic, mirroring, intensity shift.
    Monai,
}

/// An axis of the canonical RAS grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Inferior–superior, index 0.
    Depth,
    /// Posterior–anterior, index 1.
    Height,
    /// Left–right, index 2.
    Width,
}

impl Axis {
    /// Index in a `[depth, height, width]` triple.
    pub fn index(self) -> usize {
        self as usize
    }
}
