//! What an experiment says about augmentation, and the list of transforms: one file with the table and its transform, and one line
//! here (docs/extending.md).
//!
//! The order is that in which transforms are drawn, and intensities changed: nnU-Net's, with streaks before everything that a scanner
//! does to them, and dropout last.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::intensity::{Blur, Brightness, Contrast, Dropout, Gamma, LowResolution, Noise, Scale, Shift, Streaks};
use super::spatial::{Elastic, Rotation, Shear, Translation, Zoom};
use super::transform::{Channels, Grid, SpatialTransform, Transform, transforms};

transforms! {
    spatial {
        /// Rotate about each axis.
        rotation = "rotation": Rotation;
        /// Enlarge or shrink.
        zoom = "zoom": Zoom;
        /// Shear along each axis.
        shear = "shear": Shear;
        /// Shift along each axis: a random crop around the drawn place.
        translation = "translation": Translation;
        /// Smooth deformation by a B-spline grid.
        elastic = "elastic": Elastic;
    }
    intensity {
        /// Streaks from metal-like points.
        Streaks, streaks = "streaks": Streaks => Streaks::apply;
        /// Gaussian noise.
        Noise, noise = "noise": Noise => Noise::apply;
        /// Gaussian blur.
        Blur, blur = "blur": Blur => Blur::apply;
        /// Multiply by a factor that is below or above 1 with equal chance.
        Brightness, brightness = "brightness": Brightness => Brightness::apply;
        /// Stretch around the mean.
        Contrast, contrast = "contrast": Contrast => Contrast::apply;
        /// Multiply by a factor that is uniform in a range.
        Scale, scale = "scale": Scale => Scale::apply;
        /// Add a constant.
        Shift, shift = "shift": Shift => Shift::apply;
        /// Downsample and upsample again.
        LowResolution, low_resolution = "low-resolution": LowResolution => LowResolution::apply;
        /// Gamma curve of the inverted image.
        InvertedGamma, inverted_gamma = "inverted-gamma": Gamma => Gamma::apply_inverted;
        /// Gamma curve.
        Gamma, gamma = "gamma": Gamma => Gamma::apply;
        /// Boxes without image.
        Dropout, dropout = "dropout": Dropout => Dropout::apply;
    }
}

/// A named set of transforms with their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nothing but the tables that are written.
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
